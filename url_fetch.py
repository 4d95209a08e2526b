"""
Audio from a caller's URL: the only module that opens a connection that a caller chose.

The guard is RunPod's own (runpod.serverless.utils.rp_ssrf): http and https only, public addresses only, the connection pinned
to the checked address, every redirect checked again. Ours are the cap in size, the cap in time over all redirects, and the errors.
"""

from cloning.errors import DownloadRefused
from cloning.ports import Clock

_BLOCK = 256 * 1024
# The SDK's time-out counts from one read to the next; ours is for the whole.
_READ_TIMEOUT_S = 10


def fetch_url(url: str, *, max_bytes: int, timeout_s: float, clock: Clock) -> bytes:
    """The body that a public URL answers with. Raises DownloadRefused, which never says what lies behind the address."""
    import requests
    from runpod.serverless.utils import rp_ssrf

    deadline = clock.monotonic() + timeout_s
    body = bytearray()
    try:
        with rp_ssrf.safe_get(
            url, max_bytes=max_bytes, timeout=min(_READ_TIMEOUT_S, timeout_s), headers={"Accept": "audio/*"}
        ) as response:
            if not response.ok:
                raise DownloadRefused(
                    f"audio_url answered with HTTP {response.status_code}; check the link",
                    field="audio_url",
                    http_status=response.status_code,
                )
            for block in rp_ssrf.iter_content_capped(response, _BLOCK, max_bytes):
                body += block
                if clock.monotonic() > deadline:
                    raise DownloadRefused(
                        f"audio_url took longer than {timeout_s:g} s; host the file closer, or upload it as base64",
                        field="audio_url",
                    )
    except rp_ssrf.SSRFError as error:
        raise DownloadRefused(_why(str(error), max_bytes), field="audio_url") from None
    except (requests.RequestException, OSError, ValueError) as error:
        raise DownloadRefused(
            f"audio_url can't be fetched ({type(error).__name__}); check the link", field="audio_url"
        ) from None
    return bytes(body)


def _why(reason: str, max_bytes: int) -> str:
    """The guard's own words may name an inner address; ours don't."""
    if "size cap" in reason:
        return f"audio_url brings more than {max_bytes / 1e6:g} MB; send a shorter or compressed file"
    if "redirect" in reason:
        return "audio_url redirects too often, or to nowhere; send the file's final address"
    return "audio_url is not allowed: only http(s) URLs of public addresses are fetched, redirects included"
