"""
The RunPod boundary: answers jobs, turns errors into replies, starts the worker.

The handler is async and the work runs in threads, so that `status` is answered while a `generate` runs; one thread owns the GPU.
Importing this module imports no model code: models load inside `generate`, or in an `upload` that asks for its transcript at once.
"""

import asyncio
import json
import logging
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cloning.actions import NOT_SHARED, perform
from cloning.clock import SystemClock
from cloning.errors import Interrupted, InvalidRequest, ResultTooLarge, ServiceError
from cloning.model_problems import model_problems
from cloning.names import public_name
from cloning.planning.engine_kinds import KINDS
from cloning.replies import Reply
from cloning.requests.fields import Limits
from cloning.requests.misplaced import OTHER_BUCKET
from cloning.requests.models import parse
from cloning.requests.problems import of_settings
from cloning.service import Call, Service
from cloning.settings import Settings
from cloning.settings.sdk_variables import tidy_environment
from cloning.settings.variables import misspelt
from worker.assembly import build
from worker.fitness import Check, checks
from worker.logs import configure
from worker.openai_route import is_openai, openai_reply
from worker.progress import PartStream, ProgressSender, both, stream_part
from worker.scratch import Scratch
from worker.sdk import import_sdk
from worker.shutdown import LateJobs, Stopping

log = logging.getLogger("handler")

Job = Mapping[str, Any]
# RunPod's SDK removes these keys from every reply: they report failures of the call itself.
_RESERVED = ("error", "refresh_worker")
_LONGEST_FAILURE = 20_000
_INVALID = "settings are invalid, nothing was started: "


def answer(service: Service, raw: object, call: Call) -> Reply:
    """
    Answer one job's input: always with a dict that strict JSON takes, within the size limit, never with an exception.

    A generate's text goes through `parse` and `perform` to cloning.generate.attempt.
    """
    settings = service.settings
    try:
        limits = Limits(settings.max_text_chars, int(settings.max_audio_mb * 1e6))

        def ask(fields: object) -> Reply:
            return perform(service, parse(fields, limits), call)

        return sendable(openai_reply(raw, ask) if is_openai(raw) else ask(raw), settings.max_reply_mb)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the SDK would send the traceback to the caller, or die silently
        failure = service.failure(error)
        log.info("request.failed", extra={"delivery": call.delivery_id, "code": failure.code})
        return failure_reply(failure)


def failure_reply(error: ServiceError) -> Reply:
    """Turn a failure into a reply, cut short if the caller's own input made it long."""
    reply = error.to_reply()
    if len(json.dumps(reply, default=str)) > _LONGEST_FAILURE:
        message = f"{error.message[:500]}... (cut)"
        reply |= {"error": f"{error.code}: {message}", "message": message, "details": {"cut": True}}
    return reply


def sendable(reply: Reply, max_reply_mb: float) -> Reply:
    """Check that the SDK can post the reply: it silently drops what JSON refuses, and what is too large."""
    size = len(json.dumps(reply, allow_nan=False))
    if not reply or any(key in reply for key in _RESERVED):
        raise AssertionError(f"a reply is empty or uses a reserved key: {sorted(reply)}")
    if size > max_reply_mb * 1e6:
        raise ResultTooLarge(
            f"the reply has {size / 1e6:.1f} MB and {max_reply_mb:g} MB fit; ask for delivery 'url'",
            bytes=size,
            limit=int(max_reply_mb * 1e6),
        )
    return reply


def make_handler(
    service: Service,
    send_progress: Callable[[Job, dict[str, Any]], None],
    stopping: Stopping,
    stream_part: Callable[[Job, dict[str, Any]], Coroutine[Any, Any, None]] | None = None,
) -> Callable[[Job], Coroutine[Any, Any, Reply]]:
    """
    Make the function that RunPod's SDK calls with each job. CancelledError means: post nothing, the job will be delivered again.

    Each part of a speech goes to `stream_part` too, if that is given.
    """
    # Twice as many threads as jobs: a cancelled job keeps its thread until its chunk ends, and must not hold up the next.
    pool = ThreadPoolExecutor(service.settings.worker_concurrency * 2, thread_name_prefix="job")

    async def handler(job: Job) -> Reply:
        if not stopping.admits(job):
            raise asyncio.CancelledError
        if job.get("s3Config"):
            return failure_reply(InvalidRequest(OTHER_BUCKET, field="s3Config"))
        progress = ProgressSender(lambda update: send_progress(job, update), service.clock)
        parts = PartStream(partial(stream_part, job)) if stream_part else None
        tell = both(progress, parts) if parts else progress
        call = Call(str(job.get("id") or service.new_id()), tell, threading.Event())
        try:
            with stopping.holding(call):
                async with parts or nullcontext():
                    reply = await asyncio.get_running_loop().run_in_executor(
                        pool, answer, service, job.get("input"), call
                    )
                await asyncio.sleep(progress.seconds_to_wait())
        except asyncio.CancelledError:
            # The thread can't be stopped from here: it sees the flag between two solver steps and keeps the GPU until then.
            call.stopped.set()
            raise
        except Exception as error:  # noqa: BLE001 - no thread could be started; the SDK would send the traceback to the caller
            call.stopped.set()  # the work may still be in the pool's queue
            return failure_reply(service.failure(error))
        if stopping.handing_back and reply.get("code") == Interrupted.code:
            raise asyncio.CancelledError
        return reply

    return handler


def _sdk() -> Any:
    """Import RunPod's SDK, which reads its environment at import."""
    try:
        tidy_environment()
        return import_sdk()
    except ValueError as error:
        sys.exit(f"{_INVALID}{error}")


def _built(settings: Settings, scratch: Path) -> Service:
    """Build the service; exit with one line if the connection to the bucket can't be set up."""
    try:
        return build(settings, SystemClock(), scratch)
    except ServiceError as error:
        sys.exit(f"{_INVALID}{error.message}")


@contextmanager
def _scratch() -> Iterator[Scratch]:
    try:
        scratch = Scratch(Path(tempfile.gettempdir()))
    except OSError as error:
        sys.exit(
            f"no folder for temporary files can be made ({error.strerror}), nothing was started: set TMPDIR to a folder with room "
            "that this user may write"
        )
    with scratch:
        yield scratch


def _serve_http(service: Service, stopping: Stopping, fitness: tuple[Check, ...]) -> None:
    """Answer over HTTP until SIGTERM; exit with one line if the port can't be taken."""
    from worker.http_server import serve_http

    try:
        serve_http(service, answer, stopping, fitness)
    except OSError as error:
        sys.exit(f"PORT {service.settings.port} can't be listened on ({error.strerror}): set PORT to another one")


def _speak_any_language() -> None:
    """Escape characters that the console can't print: the SDK prints any name, and some consoles take only ASCII."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Start the worker: RunPod's loop, one job from --test_input or test_input.json, or with SERVE=http its own port."""
    # Until the SDK's loop handles the signal: no job is running, so nothing is waited for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _speak_any_language()
    runpod = _sdk()
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"{_INVALID}{of_settings(error)}")
    configure(settings.log_level)
    if not settings.has_sdk_log_level:
        runpod.RunPodLogger().level = "INFO"  # its own default, DEBUG, logs whole replies, presigned URLs too
    tempfile.tempdir = str(settings.tmpdir) if settings.tmpdir else None  # else Python silently takes another
    for name, meant in misspelt(Settings).items():
        log.warning("settings.misspelt", extra={"variable": name, "meant": meant})
    with ExitStack() as until_the_end:
        scratch = until_the_end.enter_context(_scratch())
        service = _built(settings, scratch.voices)
        until_the_end.enter_context(service.conditions.probed_in_background())
        store, checkpoint = type(service.store).__name__, public_name(KINDS[settings.engine].checkpoint(settings))
        speaks = {"engine": settings.engine, "fallback": settings.fallback, "checkpoint": checkpoint}
        log.info("worker.started", extra={"worker": service.worker, "store": store, **speaks})
        if settings.is_bucket_forgotten:
            log.warning("store.not_shared", extra={"problem": NOT_SHARED})
        problems = partial(model_problems, settings, service.engines, service.transcribers)
        fitness = checks(settings, service.store, service.conditions.probe, problems)
        stopping = Stopping(settings.stop_grace_s, before_leaving=scratch.remove)
        if settings.serve == "http":
            _serve_http(service, stopping, fitness)
            return
        for check in fitness:
            runpod.serverless.register_fitness_check(check)
        config: dict[str, Any] = {
            "handler": make_handler(
                service, runpod.serverless.progress_update, stopping, stream_part if settings.stream_parts else None
            ),
            "concurrency_modifier": stopping.concurrency(settings.worker_concurrency),
        }
        stopping.late_jobs = LateJobs(config)
        runpod.serverless.start(config)
        stopping.late_jobs.finish()


if __name__ == "__main__":
    main()
