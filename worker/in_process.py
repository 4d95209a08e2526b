"""
The service in this process, as the HTTP application's worker: `SERVE=http`.

Work is done in threads. Requests that may speak for minutes have their own pool of `WORKER_CONCURRENCY` threads, so that a status
is answered meanwhile; further ones wait their turn.
"""

import asyncio
import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cloning import keys
from cloning.errors import JobCancelled, JobNotFound, ServiceError, Unavailable
from cloning.names import EngineName
from cloning.object_keys import check_key
from cloning.planning.engine_kinds import KINDS
from cloning.ports import NoSuchObject, TooLarge
from cloning.service import Call, Service
from http_api.port import Reply, State, Unfetched, unheard
from worker.fitness import Check
from worker.shutdown import Stopping

log = logging.getLogger(__name__)

Answer = Callable[[Service, object, Call], Reply]
_LONG = frozenset({"generate", "upload", "check"})
_QUICK_THREADS = 16
_MOST_WAITING = 256
_STOP_S = 5.0
_OPEN = frozenset({"IN_QUEUE", "IN_PROGRESS", "INTERRUPTED"})
_NOTHING = {"done": 0, "total": 0}
_LARGEST = 2_000_000_000


@dataclass(frozen=True, eq=False)
class _Running:
    """An accepted request: it runs, or waits for a thread."""

    action: object
    job: str
    call: Call
    done: Future[Reply]


class InProcess:
    """
    `http_api.port.Worker` over `answer`, which never raises.

    It is `starting` until `start` has ended; then `ready` until the GPU fails for good, a fitness check has failed, or the process stops.
    """

    def __init__(self, service: Service, answer: Answer, stopping: Stopping) -> None:
        self._service = service
        self._answer = answer
        self._stopping = stopping
        self._speaking = ThreadPoolExecutor(service.settings.worker_concurrency, thread_name_prefix="speaking")
        self._quick = ThreadPoolExecutor(_QUICK_THREADS, thread_name_prefix="quick")
        self._open: set[_Running] = set()  # the event loop's thread alone looks at it
        self._state: State = "starting"
        self.is_stopping = False

    @property
    def state(self) -> State:
        """The worker's state, by which it takes requests or not."""
        return "unfit" if self.is_stopping or self._service.breaker.failure else self._state

    def start(self, checks: tuple[Check, ...]) -> None:
        """Run the fitness checks, and preload the models if asked; blocks."""
        try:
            for check in checks:
                check()
            if self._service.settings.preload:
                preload(self._service)
        except Exception as error:  # of a check, whatever it is; the process stays, so that /ping can tell
            log.exception("worker.unfit", extra={"reason": str(error)})
            self._state = "unfit"
        else:
            self._state = "ready"
            log.info("worker.ready", extra={"worker": self._service.worker})

    @property
    def is_idle(self) -> bool:
        """Whether every accepted request has its reply."""
        return not self._open

    async def call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None] = unheard) -> Reply:
        """Answer one request; see the port."""
        action = fields.get("action", "generate")
        if why := self._refusal(action):
            return Unavailable(f"this worker {why}: ask again, and another one may answer").to_reply()
        reply = await self._worked_on(action, fields, on_progress)
        return await self._stopped(str(fields.get("job_id")), reply) if action == "cancel" else reply

    async def _worked_on(
        self, action: object, fields: Mapping[str, Any], on_progress: Callable[[Reply], None]
    ) -> Reply:
        call = self._call(fields, on_progress)
        pool = self._speaking if action in _LONG else self._quick
        try:
            job = str(fields.get("job_id") or call.delivery_id)
            running = _Running(action, job, call, pool.submit(self._done, dict(fields), call))
        except RuntimeError as error:  # no thread can be started
            return self._noted(self._service.failure(error).to_reply())
        self._open.add(running)
        running.done.add_done_callback(self._on_the_loop(lambda _: self._open.discard(running)))
        try:
            return self._noted(await asyncio.shield(asyncio.wrap_future(running.done)))
        except asyncio.CancelledError:
            if not running.done.cancelled():
                raise
            return JobCancelled(f"job {running.job!r} was cancelled before it began", job_id=running.job).to_reply()

    def _noted(self, reply: Reply) -> Reply:
        """Return the reply; one that asks RunPod's queue for another worker marks this one as unfit."""
        if reply.pop("refresh_worker", False):
            self._state = "unfit"
        return reply

    def _refusal(self, action: object) -> str | None:
        if self.is_stopping:
            return "is stopping"
        is_full = action in _LONG and sum(one.action in _LONG for one in self._open) >= _MOST_WAITING
        return f"already has {_MOST_WAITING} generates" if is_full else None

    def _call(self, fields: Mapping[str, Any], on_progress: Callable[[Reply], None]) -> Call:
        """The call, whose id names the job in logs; no two calls share one."""
        job, own = fields.get("job_id"), self._service.new_id()
        delivery = f"{job}/{own}" if isinstance(job, str) and keys.is_id(job) else own
        return Call(delivery, self._on_the_loop(on_progress), threading.Event())

    def _done(self, fields: Reply, call: Call) -> Reply:
        with self._stopping.holding(call):
            return self._answer(self._service, fields, call)

    def _on_the_loop(self, told: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return the same function for other threads; once the loop is closed it does nothing."""
        loop = asyncio.get_running_loop()

        def tell(what: Any) -> None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(told, what)

        return tell

    async def _stopped(self, job: str, reply: Reply) -> Reply:
        """
        Stop the generate that a cancel is for; return the cancel's reply. It stops before its next step, without reading the record again.

        A generate that has no record yet, because no thread has taken it, is dropped.
        """
        is_unknown = reply.get("code") == JobNotFound.code
        running = [one for one in self._open if one.action == "generate" and one.job == job]
        if not running or not (is_unknown or reply.get("status") in _OPEN):
            return reply
        begun = [one for one in running if not (is_unknown and one.done.cancel())]
        for one in begun:
            one.call.stopped.set()
        if begun:
            await asyncio.wait([asyncio.wrap_future(one.done) for one in begun], timeout=_STOP_S)
            reply = await self._worked_on("cancel", {"action": "cancel", "job_id": job}, unheard)
        dropped = {"job_id": job, "status": "CANCELLED", "progress": _NOTHING, "cancel_requested": True}
        return dropped if reply.get("code") == JobNotFound.code else reply

    async def fetch(self, item: Mapping[str, Any]) -> bytes:
        """Return the bytes of a job's object by its key; see the port."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._quick, self._fetched, str(item.get("key")), item.get("sha256"))

    def _fetched(self, key: str, sha256: object) -> bytes:
        if not _is_of_a_job(key):
            raise Unfetched("that key is not one of a job's objects")
        try:
            body = self._service.store.get(key, most=_LARGEST).body
        except (NoSuchObject, TooLarge):
            raise Unfetched("the object is no longer in the bucket") from None
        except ServiceError as error:
            raise Unfetched(error.message) from None
        if hashlib.sha256(body).hexdigest() != sha256:
            raise Unfetched("the object is not the one that was promised")
        return body

    def close(self) -> None:
        """Let the threads end."""
        self._speaking.shutdown(wait=False, cancel_futures=True)
        self._quick.shutdown(wait=False, cancel_futures=True)


def _is_of_a_job(key: str) -> bool:
    try:
        return keys.owner_of(check_key(key)) is not None
    except ValueError:
        return False


def preload(service: Service) -> None:
    """Load the default engine, and the recogniser if every generate needs it. A failure is logged and left to the requests."""
    settings = service.settings
    engine: EngineName = settings.engine

    def load_engine() -> None:
        found = service.engines.check(KINDS[engine].checkpoint(settings), engine=engine)
        with service.engines.prefetch(found):
            service.gpu.run(lambda: service.engines.get(found))

    def load_recogniser() -> None:
        service.gpu.run(lambda: service.transcribers.get(settings.asr_model))

    for load in (load_recogniser, load_engine) if settings.check != "off" else (load_engine,):
        try:
            load()
        except ServiceError as error:
            log.warning("preload.failed", extra={"code": error.code, "reason": error.message})
