"""The HTTP application on a port of the loopback, around the stand-in for the worker."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from http_api.app import make_app
from http_api.door import Pauses
from http_api.options import Options
from http_api.serving import server
from tests.http_worker import StandIn

QUICK = Pauses(poll=0.01, again=0.01, refusal=5.0)


@contextmanager
def serving(
    worker: StandIn, options: Options | None = None, pauses: Pauses = QUICK, seconds_for_headers: float = 30.0
) -> Iterator[str]:
    """Run the application on a free port of the loopback, in a thread; yield its address."""
    app = make_app(worker, options or Options(default_voice="anna"), pauses=pauses)
    running = server(app, "127.0.0.1", 0, seconds_for_headers=seconds_for_headers, timeout_graceful_shutdown=1)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)  # else a slow reader is hidden by the kernel
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until(lambda: running.started)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join()


def until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.002)
