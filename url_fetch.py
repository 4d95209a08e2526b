"""
Audio from a caller's URL: the only module that opens a connection that a caller chose.

The guard is RunPod's own (runpod.serverless.utils.rp_ssrf): http and https only, public addresses only, the connection pinned
to the checked address, every redirect checked again. Ours are the cap in size, the cap in time over all redirects, and the errors.
"""

import threading
from typing import Any

from cloning.errors import DownloadRefused

_BLOCK = 64 * 1024
_READ_TIMEOUT_S = 10.0


def fetch_url(url: str, *, max_bytes: int, timeout_s: float) -> bytes:
    """
    The body that a public URL answers with. Raises DownloadRefused, which never says what lies behind the address.

    The time-outs of sockets count from one byte to the next, so a server could drip for ever: the whole download runs in a thread
    that is abandoned, its connection closed, when the time is over.
    """
    download = _Download(url, max_bytes, timeout_s)
    thread = threading.Thread(target=download.run, name="download", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        download.abandon()
        raise DownloadRefused(
            f"audio_url took longer than {timeout_s:g} s; host the file closer, or upload it as base64",
            field="audio_url",
        )
    if download.failure is not None:
        raise download.failure
    return bytes(download.body)


class _Download:
    """One download, in a thread of its own."""

    def __init__(self, url: str, max_bytes: int, timeout_s: float) -> None:
        self._url = url
        self._max_bytes = max_bytes
        self._read_timeout_s = min(_READ_TIMEOUT_S, timeout_s)
        self._response: Any = None
        self._abandoned = False
        self.body = bytearray()
        self.failure: Exception | None = None

    def run(self) -> None:
        import requests
        from runpod.serverless.utils import rp_ssrf

        try:
            self._read(rp_ssrf)
        except DownloadRefused as error:
            self.failure = error
        except rp_ssrf.SSRFError as error:
            self.failure = DownloadRefused(_why(str(error), self._max_bytes), field="audio_url")
        except (requests.RequestException, OSError, ValueError) as error:
            kind = type(error).__name__
            self.failure = DownloadRefused(f"audio_url can't be fetched ({kind}); check the link", field="audio_url")
        except Exception as error:  # noqa: BLE001 - raised again by the caller's thread
            self.failure = error

    def _read(self, guard: Any) -> None:
        headers = {"Accept": "audio/*"}
        with guard.safe_get(
            self._url, max_bytes=self._max_bytes, timeout=self._read_timeout_s, headers=headers
        ) as response:
            self._response = response
            if not response.ok:
                status = response.status_code
                raise DownloadRefused(
                    f"audio_url answered with HTTP {status}; check the link", field="audio_url", http_status=status
                )
            for block in guard.iter_content_capped(response, _BLOCK, self._max_bytes):
                self.body += block
                if self._abandoned:
                    return

    def abandon(self) -> None:
        """Nobody waits any more: stop at the next byte."""
        self._abandoned = True
        if self._response is not None:
            self._response.close()


def _why(reason: str, max_bytes: int) -> str:
    """The guard's own words may name an inner address; ours don't."""
    if "size cap" in reason:
        return f"audio_url brings more than {max_bytes / 1e6:g} MB; send a shorter or compressed file"
    if "redirect" in reason:
        return "audio_url redirects too often, or to nowhere; send the file's final address"
    return "audio_url is not allowed: only http(s) URLs of public addresses are fetched, redirects included"
