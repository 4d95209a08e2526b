"""
The local queue over HTTP: RunPod's client API and its worker protocol, on one port.

clients  POST run?ttl=ms, runsync?wait=ms, cancel/{id}, retry/{id}, purge-queue
         GET and POST status/{id}, stream/{id}   GET health
workers  GET job-take/{worker}, job-take-batch/{worker}?batch_size=n, job-stop/{worker}, ping/{worker}
         POST job-done/{worker}/{id}, job-stream/{worker}/{id}

All under /v2/{endpoint}/. A request or result over its limit is answered with status 400 and RunPod's own message, and the
result is lost, as on RunPod. So is a result that is not JSON (a NaN): RunPod's answer to that is not documented.
"""

import asyncio
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from local.job import BadRequest, Job, NotRetryable, UnknownJob
from local.queue import Queue

_log = logging.getLogger(__name__)
_MIB = 2**20
_POLL_STEP_S = 0.02
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_MOST_DIGITS = 12
_BODY_CAP_BYTES = 256 * _MIB  # the server reads this much, so that it can answer bodies over the limits below

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """Largest bodies, in bytes. A job's result has the same limit as its request: that of the route that submitted it."""

    run: int = 10 * _MIB
    runsync: int = 20 * _MIB
    stream_part: int = 1 * _MIB

    def of_result(self, job: Job) -> int:
        """The limit of this job's result."""
        return self.runsync if job.id.startswith("sync-") else self.run


class Api:
    """
    The routes of one endpoint.

    `poll_s` is how long a worker's request for jobs or stop signals is held open, in seconds; an idle worker needs that
    long to end after SIGTERM. With `api_key`, callers send it as `Authorization: Bearer <key>` or, as the SDK's worker
    does, bare. Requests for a host that is not in `hosts` are refused (None: any host), because a web page may point its own
    name at this machine (DNS rebinding).
    """

    def __init__(
        self,
        queue: Queue,
        *,
        endpoint_id: str,
        api_key: str | None = None,
        limits: Limits | None = None,
        poll_s: float = 5.0,
        hosts: frozenset[str] | None = LOOPBACK,
    ) -> None:
        self.queue = queue
        self._endpoint_id = endpoint_id
        self._api_key = api_key
        self._limits = limits or Limits()
        self._poll_s = poll_s
        self._hosts = hosts

    def application(self) -> web.Application:
        """Return the routes as an aiohttp application."""
        app = web.Application(middlewares=[self._guard], client_max_size=_BODY_CAP_BYTES)
        routes: list[tuple[str, str, Handler]] = [
            ("POST", "run", self._run),
            ("POST", "runsync", self._runsync),
            ("*", "status/{job}", self._status),
            ("*", "stream/{job}", self._stream),
            ("POST", "cancel/{job}", self._cancel),
            ("POST", "retry/{job}", self._retry),
            ("POST", "purge-queue", self._purge),
            ("GET", "health", self._health),
            ("GET", "job-take/{worker}", self._take),
            ("GET", "job-take-batch/{worker}", self._take_batch),
            ("GET", "job-stop/{worker}", self._stop),
            ("GET", "ping/{worker}", self._ping),
            ("POST", "job-done/{worker}/{job}", self._done),
            ("POST", "job-stream/{worker}/{job}", self._part),
        ]
        for method, path, handler in routes:
            app.router.add_route(method, "/v2/{endpoint}/" + path, handler)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._hosts is not None and _host(request) not in self._hosts:
            return _failure(421, f"this endpoint answers only to {', '.join(sorted(self._hosts))}")
        if not self._admits(request.headers.get("Authorization", "")):
            return _failure(401, "the Authorization header does not hold this endpoint's key")
        if request.match_info.get("endpoint", self._endpoint_id) != self._endpoint_id:
            return _failure(
                404, f"there is no endpoint {request.match_info['endpoint']!r} here, only {self._endpoint_id!r}"
            )
        try:
            return await handler(request)
        except UnknownJob as unknown:
            return _failure(404, str(unknown))
        except (BadRequest, NotRetryable) as refusal:
            return _failure(400, str(refusal))

    def _admits(self, authorization: str) -> bool:
        given = authorization.removeprefix("Bearer ")
        if self._api_key is None:
            return True
        return hmac.compare_digest(given.encode(errors="surrogateescape"), self._api_key.encode())

    # Clients.

    async def _run(self, request: web.Request) -> web.StreamResponse:
        body = _parse(await request.read(), limit=self._limits.run)
        ttl_ms = _number(request, "ttl")
        job = self.queue.submit(body, ttl_s=None if ttl_ms is None else ttl_ms / 1000)
        return web.json_response({"id": job.id, "status": job.state.value})

    async def _runsync(self, request: web.Request) -> web.StreamResponse:
        wait_s = min(max(_number(request, "wait") or 90_000, 1000), 300_000) / 1000
        job = self.queue.submit(_parse(await request.read(), limit=self._limits.runsync), sync=True, keep_s=wait_s)
        await _wait_for(lambda: self.queue.job(job.id).final, seconds=wait_s)
        return web.json_response(job.status())

    async def _status(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self.queue.job(request.match_info["job"]).status())

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        job_id = request.match_info["job"]
        parts = self.queue.stream(job_id)
        return web.json_response(
            {"status": self.queue.job(job_id).state.value, "stream": [{"output": part} for part in parts]}
        )

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        job = self.queue.cancel(request.match_info["job"])
        return web.json_response({"id": job.id, "status": job.state.value})

    async def _retry(self, request: web.Request) -> web.StreamResponse:
        job = self.queue.retry(request.match_info["job"])
        return web.json_response({"id": job.id, "status": job.state.value})

    async def _purge(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"removed": self.queue.purge(), "status": "completed"})

    async def _health(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self.queue.health())

    # Workers.

    async def _take(self, request: web.Request) -> web.StreamResponse:
        jobs = await _wait_for(lambda: self.queue.take(request.match_info["worker"]), seconds=self._poll_s)
        return web.json_response(jobs[0]) if jobs else web.Response(status=204)

    async def _take_batch(self, request: web.Request) -> web.StreamResponse:
        count = int(_number(request, "batch_size") or 1)
        jobs = await _wait_for(lambda: self.queue.take(request.match_info["worker"], count), seconds=self._poll_s)
        return web.json_response(jobs) if jobs else web.Response(status=204)

    async def _stop(self, request: web.Request) -> web.StreamResponse:
        stops = await _wait_for(lambda: self.queue.take_stops(request.match_info["worker"]), seconds=self._poll_s)
        return web.json_response({"jobsToStop": stops}) if stops else web.Response(status=204)

    async def _ping(self, request: web.Request) -> web.StreamResponse:
        jobs = [job for job in request.query.get("job_id", "").split(",") if job]
        unhealthy = request.query.get("check", "unknown") if request.query.get("status") == "unhealthy" else None
        self.queue.ping(request.match_info["worker"], jobs, unhealthy=unhealthy)
        return web.Response()

    async def _done(self, request: web.Request) -> web.StreamResponse:
        job = self.queue.job(request.match_info["job"])
        body = await self._message(request, limit=self._limits.of_result(job))
        self.queue.report(job.id, request.match_info["worker"], body)
        return web.json_response({})

    async def _part(self, request: web.Request) -> web.StreamResponse:
        body = await self._message(request, limit=self._limits.stream_part)
        self.queue.add_part(request.match_info["job"], request.match_info["worker"], body.get("output"))
        return web.json_response({})

    async def _message(self, request: web.Request, *, limit: int) -> dict[str, object]:
        # The SDK labels its JSON as a form; the label is not read.
        body = await request.read()
        try:
            return _parse(body, limit=limit)
        except BadRequest:
            job_id = request.match_info["job"]
            self.queue.refuse(job_id, request.match_info["worker"])
            _log.warning(
                "worker_message_refused", extra={"job_id": job_id, "body_bytes": len(body), "limit_bytes": limit}
            )
            raise


@asynccontextmanager
async def serving(app: web.Application, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve until the block ends; yield the port, a free one for 0. Raises OSError if the port is taken."""
    # A held request ends with its caller: a dead worker must not take a job.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def _wait_for(ask: Callable[[], T], *, seconds: float) -> T:
    """Ask until the answer is not empty or the time is over; return the last answer."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not (answer := ask()) and loop.time() < end:  # noqa: ASYNC110 - redelivery depends only on the clock
        await asyncio.sleep(_POLL_STEP_S)
    return answer


def _parse(body: bytes, *, limit: int) -> dict[str, object]:
    """Parse a JSON object of at most `limit` bytes, strictly: NaN and infinities are not JSON. Raises BadRequest."""
    if len(body) > limit:
        raise BadRequest(f"exceeded max body size of {limit / _MIB:g}MiB")
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None
    if not isinstance(value, dict):
        raise BadRequest(f"the body must be a JSON object, got {type(value).__name__}")
    return value


def _host(request: web.Request) -> str:
    """The Host header without its port."""
    name, _, port = request.host.rpartition(":")
    return (name if name and port.isdecimal() else request.host).lower()


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON value")


def _number(request: web.Request, name: str) -> float | None:
    """Read a positive number from the query; None if it is absent. Raises BadRequest."""
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > _MOST_DIGITS or int(text) == 0:
        raise BadRequest(f"{name} must be a positive whole number of at most {_MOST_DIGITS} digits, got {text[:40]!r}")
    return int(text)


def _failure(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
