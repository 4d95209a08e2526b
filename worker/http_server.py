"""
The worker for load-balancing endpoints: one HTTP application on the worker's own port, in place of RunPod's loop.

At SIGTERM it accepts nothing more, and answers /ping with 503. Running jobs may end within the grace; the rest are handed back, as
by the queue's worker, and the process ends.
"""

import asyncio
import logging
import signal
import threading

from cloning.service import Service
from cloning.settings import Settings
from http_api.options import LOOPBACK, Options
from worker.fitness import Check
from worker.in_process import Answer, InProcess
from worker.shutdown import Stopping

log = logging.getLogger(__name__)

_EVERYWHERE, _HERE = "0.0.0.0", "127.0.0.1"  # noqa: S104 - the container's ports are opened by the endpoint, one by one
_LOOK_S = 0.1


def serve_http(service: Service, answer: Answer, stopping: Stopping, checks: tuple[Check, ...]) -> None:
    """Serve until SIGTERM. Raises OSError if the port can't be taken."""
    asyncio.run(_serve(service, InProcess(service, answer, stopping), stopping, checks))


async def _serve(service: Service, worker: InProcess, stopping: Stopping, checks: tuple[Check, ...]) -> None:
    from http_api.app import make_app
    from http_api.serving import serving

    settings = service.settings
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(make_app(worker, options_of(settings)), host=host_of(settings), ports=ports_of(settings)) as url:
        log.info("worker.serving", extra={"url": url, "worker": service.worker})
        # Not awaited: a stopping worker doesn't wait for a model that loads.
        threading.Thread(target=worker.start, args=(checks,), name="starting", daemon=True).start()
        await stop.wait()
        await _run_down(worker, stopping)
    worker.close()


async def _run_down(worker: InProcess, stopping: Stopping) -> None:
    """Wait for running requests. After the grace `stopping` hands them back, and ends the process if even that fails."""
    worker.is_stopping = True
    stopping.begin()
    while not worker.is_idle:  # noqa: ASYNC110 - threads end it
        await asyncio.sleep(_LOOK_S)


def host_of(settings: Settings) -> str:
    """The address to listen on: every one if RunPod's load balancer is in front or callers need a key, otherwise this machine's own."""
    return _EVERYWHERE if settings.api_key or settings.runpod_endpoint_id else _HERE


def options_of(settings: Settings) -> Options:
    """The options of the HTTP application, from the settings."""
    hosts = settings.http_hosts or (LOOPBACK if host_of(settings) == _HERE else None)
    return Options(
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        hosts=hosts,
        aliases=settings.voice_aliases or {},
        default_voice=settings.default_voice,
    )


def ports_of(settings: Settings) -> tuple[int, ...]:
    """The port, and that of the health check if it is another one: both answer the same."""
    health = settings.port_health
    return (settings.port,) if health in (None, settings.port) else (settings.port, health)
