"""Where the worker is: the base URL of its queue or of its HTTP interface, and the key for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from f5_worker_client.errors import InvalidRequest, Unauthorised

RUNPOD = "https://api.runpod.ai/v2"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Address:
    """`root` has no slash at its end; the key never appears in a representation."""

    root: str
    api_key: str

    def __repr__(self) -> str:
        return f"Address({self.root!r})"

    @property
    def is_http_server(self) -> bool:
        """Whether a worker, or `f5-worker serve`, answers HTTP there itself; otherwise it is RunPod's queue."""
        return urlsplit(self.root).path.endswith("/v1")

    @property
    def is_local(self) -> bool:
        """Whether the worker is on this machine, so that its `file://` URLs name our files."""
        return urlsplit(self.root).hostname in _LOOPBACK


def address_of(endpoint: str | None, url: str | None, api_key: str | None) -> Address:
    """
    The address for an endpoint's id on RunPod, a queue at another URL (with or without `/v2/ID`), or an HTTP interface (`/v1`).

    Raises InvalidRequest, and Unauthorised without a key.
    """
    if not endpoint and not url:
        raise InvalidRequest(
            "INVALID_REQUEST", "which endpoint? set F5_ENDPOINT or --endpoint, or --url for a local queue"
        )
    if endpoint and not re.fullmatch(r"[\w-]+", endpoint, re.ASCII):
        raise InvalidRequest("INVALID_REQUEST", "an endpoint's id has letters, digits, '-' and '_' alone")
    address = Address(_root(url, endpoint) if url else f"{RUNPOD}/{endpoint}", (api_key or "").strip())
    parts = urlsplit(address.root)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise InvalidRequest("INVALID_REQUEST", "the URL should look like https://host/v2/ID, or https://host/v1")
    if parts.scheme == "http" and not address.is_local:
        raise InvalidRequest("INVALID_REQUEST", "the key would travel unencrypted: use https, or a local address")
    is_open = address.is_http_server and not address.api_key
    if not is_open and not re.fullmatch(r"[!-~]+", address.api_key):
        raise Unauthorised(
            "UNAUTHORISED",
            "there is no key, or one with odd characters: set RUNPOD_API_KEY, or F5_API_KEY for another address than RunPod's",
        )
    return address


def _root(url: str, endpoint: str | None) -> str:
    root = url.rstrip("/")
    path = urlsplit(root).path
    if path in ("", "/v2"):
        return f"{root.removesuffix('/v2')}/v2/{endpoint or 'local'}"
    return root


def key_for(url: str | None, environment: Mapping[str, str]) -> str | None:
    """The key: F5_API_KEY, else RUNPOD_API_KEY. The latter opens a whole account, so it is sent only to RunPod and to this machine."""
    host = urlsplit(url or RUNPOD).hostname or ""
    trusted = host in _LOOPBACK or host == "runpod.ai" or host.endswith(".runpod.ai")
    return environment.get("F5_API_KEY") or (environment.get("RUNPOD_API_KEY") if trusted else None)
