"""
Audio from a caller's URL: the only module that opens a connection to an address that a caller chose.

The guard is RunPod's own (runpod.serverless.utils.rp_ssrf): public addresses only, the connection pinned to the checked address.
This module adds the redirects, each guarded again; the limits of size and of total time, with connections that can be cut; and
the errors.
"""

import re
import socket
import threading
import time
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urljoin, urlparse

from cloning.audio.containers import no_recording
from cloning.errors import DownloadRefused, Interrupted

_BLOCK = 64 * 1024
_READ_TIMEOUT_S = 10.0
_MOST_REDIRECTS = 5
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,60}")
_SUCCESS = range(200, 300)
# How often a download checks whether its job was stopped.
_GLANCE_S = 0.2


def fetch_url(url: str, *, max_bytes: int, timeout_s: float, stopped: threading.Event | None = None) -> bytes:
    """
    Fetch a file from a public URL.

    A socket's timeout counts from one byte to the next, so a server could drip for ever. Therefore the download runs in a thread,
    which is abandoned, and its connections cut, when the time is over or `stopped` is set.

    Raises DownloadRefused, which never describes the address (only that it answers with a page, not a file), and Interrupted.
    """
    download = _Download(url, max_bytes, timeout_s)
    thread = threading.Thread(target=download.run, name="download", daemon=True)
    thread.start()
    download.wait(timeout_s, stopped)
    if not download.ended.is_set():
        download.connections.cut()
        if stopped is not None and stopped.is_set():
            raise Interrupted(
                "RunPod stopped the job (cancelled, or out of time) while audio_url was fetched; send it again"
            )
        raise DownloadRefused(
            f"audio_url took longer than {timeout_s:g} s; host the file closer, or upload it as base64",
            field="audio_url",
        )
    if download.failure is not None:
        raise download.failure
    body = bytes(download.body)
    _refuse_no_file(body, download.content_type)
    return body


def _refuse_no_file(body: bytes, content_type: str) -> None:
    """Refuse what is not a recording: a share link's page or an API's error, both sent with a status of success."""
    if not body:
        raise DownloadRefused("audio_url answered with an empty body; check the link", field="audio_url")
    if kind := no_recording(body):
        sent_as = f" (sent as {content_type})" if content_type else ""
        raise DownloadRefused(
            f"audio_url leads to {kind}{sent_as}, not to a recording; send a direct download link (a share link of a cloud drive opens a "
            "page)", field="audio_url", content_type=content_type or None,
        )  # fmt: skip


class _Connections:
    """
    The connections of one download, so that the waiting thread can cut them.

    Closing the response is not enough: its reader holds a lock until the server sends the requested bytes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []
        self._is_cut = False

    def add(self, connection: socket.socket) -> None:
        """Add a newly opened connection. Raises DownloadRefused after `cut`."""
        with self._lock:
            self.check()
            # A handle of our own: the owner may close its own meanwhile, and its number would be reused.
            self._handles.append(socket.fromfd(connection.fileno(), connection.family, connection.type))

    def check(self) -> None:
        """Raise DownloadRefused after `cut`."""
        if self._is_cut:
            raise DownloadRefused("audio_url took too long", field="audio_url")

    def cut(self) -> None:
        """End all reads at once, and refuse new connections."""
        with self._lock:
            self._is_cut = True
            for handle in self._handles:
                with suppress(OSError):  # the server was faster
                    handle.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close our handles after the download."""
        with self._lock:
            while self._handles:
                self._handles.pop().close()


class _Download:
    """One download, in its own thread."""

    def __init__(self, url: str, max_bytes: int, timeout_s: float) -> None:
        self._url = url
        self._max_bytes = max_bytes
        self._read_timeout_s = min(_READ_TIMEOUT_S, timeout_s)
        self.connections = _Connections()
        self.body = bytearray()
        self.content_type = ""
        self.failure: Exception | None = None
        self.ended = threading.Event()

    def wait(self, timeout_s: float, stopped: threading.Event | None) -> None:
        """Wait until the download has ended, the time is over or the job was stopped."""
        if stopped is None:
            self.ended.wait(timeout_s)
            return
        until = time.monotonic() + timeout_s
        while not stopped.is_set() and (left := until - time.monotonic()) > 0:
            if self.ended.wait(min(_GLANCE_S, left)):
                return

    def run(self) -> None:
        import requests
        from runpod.serverless.utils import rp_ssrf

        try:
            self._read(rp_ssrf)
        except DownloadRefused as error:
            self.failure = error
        except rp_ssrf.SSRFError as error:
            self.failure = DownloadRefused(_why(str(error), self._max_bytes), field="audio_url")
        except requests.exceptions.ChunkedEncodingError:
            message = "audio_url broke off before the whole file had arrived; try again, or check the link"
            self.failure = DownloadRefused(message, field="audio_url")
        except (requests.RequestException, OSError, ValueError) as error:
            kind = type(error).__name__
            self.failure = DownloadRefused(f"audio_url can't be fetched ({kind}); check the link", field="audio_url")
        except Exception as error:  # noqa: BLE001 - raised again by the caller's thread
            self.failure = error
        finally:
            self.connections.close()
            self.ended.set()

    def _read(self, guard: Any) -> None:
        url = self._url
        for _ in range(_MOST_REDIRECTS + 1):
            with ExitStack() as used:
                response = self._answer(guard, url, used)
                if not response.is_redirect:
                    self._take(guard, response)
                    return
                url = urljoin(url, response.headers["Location"])
        raise DownloadRefused("audio_url redirects too often; send the file's final address", field="audio_url")

    def _answer(self, guard: Any, url: str, used: ExitStack) -> Any:
        """The open response of this URL, redirects not followed, from its first reachable address; closed when `used` ends."""
        import requests

        found = urlparse(url)
        if found.scheme not in ("http", "https") or not found.hostname:
            raise guard.SSRFError("no http(s) URL")
        guard._refuse_if_proxied(url)  # noqa: SLF001 - the guard's own rule: through a proxy nothing is pinned
        addresses = guard.resolve_and_validate(found.hostname, found.port or (443 if found.scheme == "https" else 80))
        failure: Exception = guard.SSRFError("no address")
        for address in addresses:
            self.connections.check()
            session = used.enter_context(_session(guard, address, self.connections))
            ask = {"headers": {"Accept": "audio/*"}, "timeout": self._read_timeout_s}
            try:
                return used.enter_context(session.get(url, stream=True, allow_redirects=False, **ask))
            except requests.ConnectionError as error:
                failure = error
        raise failure

    def _take(self, guard: Any, response: Any) -> None:
        if response.status_code not in _SUCCESS:
            status = response.status_code
            raise DownloadRefused(
                f"audio_url answered with HTTP {status}; check the link", field="audio_url", http_status=status
            )
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > self._max_bytes:
            raise guard.SSRFError("size cap")
        self.content_type = _media_type(response.headers.get("Content-Type", ""))
        for block in guard.iter_content_capped(response, _BLOCK, self._max_bytes):
            self.body += block


def _media_type(header: str) -> str:
    """The media type in a Content-Type, such as 'text/html', or ''; validated because callers see it."""
    media_type = header.partition(";")[0].strip().lower()
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else ""


def _session(guard: Any, address: str, connections: _Connections) -> Any:
    """A session that connects only to this checked address, and adds what it opens to `connections`."""
    import requests

    class Adapter(guard.PinnedIPAdapter):  # type: ignore[misc]  # the SDK ships no types
        def get_connection_with_tls_context(self, *args: Any, **more: Any) -> Any:
            pool = super().get_connection_with_tls_context(*args, **more)
            pool.ConnectionCls = _registering(pool.ConnectionCls, connections)
            return pool

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter(address))
    return session


def _registering(kind: Any, connections: _Connections) -> Any:
    """urllib3's connection class, extended to add each open connection to `connections`."""

    class Registered(kind):  # type: ignore[misc]  # of http or of https
        def connect(self) -> None:
            super().connect()
            connections.add(self.sock)

    return Registered


def _why(reason: str, max_bytes: int) -> str:
    """Replace the guard's message, which may name an inner address or show that an inner name exists."""
    if "size cap" in reason:
        return f"audio_url sends more than {max_bytes / 1e6:g} MB; send a shorter or compressed file"
    return (
        "audio_url is not allowed, or its host can't be resolved: only http(s) URLs of public addresses are fetched, "
        "redirects included; check the spelling"
    )
