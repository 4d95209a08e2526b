"""
Workers for the local endpoint: the environment that the unchanged SDK needs, the process, and the endpoint itself.

    with local_endpoint() as endpoint, endpoint.worker(Path("handler.py"), log=Path("worker.log")):
        print(endpoint.client().run_sync({"action": "health"}))

The SDK reads its URLs when it is imported, so a worker is always its own process.
"""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.job import Rules
from local.queue import Queue
from local.server import Api, Limits, serving


def worker_environment(
    base_url: str, endpoint_id: str, worker_id: str, *, home: Path, api_key: str = "local"
) -> dict[str, str]:
    """
    The variables that point runpod's worker loop at a local endpoint; `base_url` ends in /v2.

    The SDK fills in `$ID` and `$RUNPOD_POD_ID`, and adds `&name=value` to the query, which must therefore exist. `home` should
    be an empty folder: a key in ~/.runpod/config.toml would override `api_key`. Without a key, or with an interval under a
    second, the SDK can't ping.
    """
    root, query = f"{base_url}/{endpoint_id}", "?gpu=local"
    return {
        "RUNPOD_WEBHOOK_GET_JOB": f"{root}/job-take/$ID{query}",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{root}/job-done/$RUNPOD_POD_ID/$ID{query}",
        "RUNPOD_WEBHOOK_POST_STREAM": f"{root}/job-stream/$RUNPOD_POD_ID/$ID{query}",
        "RUNPOD_WEBHOOK_PING": f"{root}/ping/$RUNPOD_POD_ID",
        "RUNPOD_PING_INTERVAL": "1000",
        "RUNPOD_AI_API_KEY": api_key,
        "RUNPOD_POD_ID": worker_id,
        "RUNPOD_ENDPOINT_ID": "",  # shows a worker that it is on RunPod itself; a client's shell may set it
        "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
        "RUNPOD_SKIP_GPU_CHECK": "true",
        "RUNPOD_LOG_LEVEL": "INFO",
        "HOME": str(home),
    }


class WorkerProcess:
    """
    `python -u <script>` in its own session; it starts at once, and leaving the block kills it if it still runs.

    `environment` is the whole environment of the process. Both its outputs are appended to the file `log`.
    """

    def __init__(
        self,
        script: Path,
        *,
        environment: Mapping[str, str],
        log: Path,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - the caller's own script, without a shell
                [sys.executable, "-u", str(script.resolve())],
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, also the id of its session and process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, minus the signal's number if a signal ended it, None while it runs."""
        return self._process.poll()

    def log_text(self) -> str:
        """The worker's output so far."""
        return self.log.read_text("utf-8", errors="replace")

    def terminate(self) -> None:
        """Send SIGTERM to the worker, as RunPod does when it scales down: it finishes its jobs, then exits 0."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL to the worker and its ping process, which would otherwise go on reporting it as alive."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._process.wait()

    def pause(self) -> None:
        """Send SIGSTOP to the worker and its ping process, like a machine that hangs."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Send SIGCONT after `pause`: both go on, unaware of the pause."""
        os.killpg(self.pid, signal.SIGCONT)

    def wait(self, timeout_s: float) -> int:
        """Wait for the exit status. Raises subprocess.TimeoutExpired after `timeout_s` seconds."""
        return self._process.wait(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Also after its own end: a worker that was killed leaves its ping process running.
        self.kill()


class LocalEndpoint:
    """
    A served queue. `url` is the value for RUNPOD_ENDPOINT_BASE_URL.

    `queue` may only be read here: its methods belong to the server's thread (see `Queue`).
    """

    def __init__(self, *, url: str, endpoint_id: str, api_key: str, queue: Queue, resources: ExitStack) -> None:
        self.url = url
        self.endpoint_id = endpoint_id
        self.api_key = api_key
        self.queue = queue
        self._resources = resources

    def client(self) -> Any:
        """
        An unchanged `runpod.Endpoint` that talks to this endpoint; its connections are closed with the endpoint.

        runpod takes its base URL from the environment once, at import, and copies it into each client. Only this
        client's copy is set, so other clients in the process are not affected.
        """
        import runpod

        client = runpod.Endpoint(self.endpoint_id, api_key=self.api_key)
        client.rp_client.endpoint_url_base = self.url
        self._resources.callback(client.rp_client.rp_session.close)
        return client

    def environment(self, worker_id: str) -> dict[str, str]:
        """`worker_environment` for this endpoint, with a new home folder that is removed with the endpoint."""
        home = self._resources.enter_context(
            tempfile.TemporaryDirectory(prefix="worker-home-", ignore_cleanup_errors=True)
        )
        return worker_environment(self.url, self.endpoint_id, worker_id, home=Path(home), api_key=self.api_key)

    def worker(
        self,
        script: Path,
        *,
        log: Path,
        worker_id: str = "worker-1",
        cwd: Path | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> WorkerProcess:
        """Start a worker of this endpoint; its environment is ours, overridden by the endpoint's, then by `extra`."""
        environment = {**os.environ, **self.environment(worker_id), **(extra or {})}
        return WorkerProcess(script, environment=environment, log=log, cwd=cwd)


@contextmanager
def local_endpoint(
    *, poll_s: float = 1.0, rules: Rules | None = None, limits: Limits | None = None
) -> Iterator[LocalEndpoint]:
    """An endpoint on a free port of 127.0.0.1, served by a thread until the block ends. Raises OSError."""
    endpoint_id = "local"
    api_key = secrets.token_urlsafe(24)
    queue = new_queue(rules)
    api = Api(queue, endpoint_id=endpoint_id, api_key=api_key, limits=limits, poll_s=poll_s)
    started: Future[int] = Future()
    stop = threading.Event()
    thread = threading.Thread(target=_serve_in_thread, args=(api, started, stop), name="local-endpoint", daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{started.result()}/v2"
        with ExitStack() as resources:
            yield LocalEndpoint(url=url, endpoint_id=endpoint_id, api_key=api_key, queue=queue, resources=resources)
    finally:
        stop.set()
        thread.join()


def new_queue(rules: Rules | None = None) -> Queue:
    """A queue on this machine's clock, with random ids."""
    return Queue(clock=time.monotonic, new_id=lambda: str(uuid.uuid4()), rules=rules)


def _serve_in_thread(api: Api, started: Future[int], stop: threading.Event) -> None:
    async def serve() -> None:
        async with serving(api.application()) as bound:
            started.set_result(bound)
            await asyncio.to_thread(stop.wait)

    try:
        asyncio.run(serve())
    except Exception as error:
        if started.done():
            raise
        started.set_exception(error)
