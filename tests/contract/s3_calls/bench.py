"""Every call of the store, every fault of a server or a network, and a store behind a proxy that makes them happen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from s3_utils import S3Store
from tests.servers import Fault, Faults

TEXT = "text/plain"
PAGE = b"<!doctype html><html><body>Please log in to the network</body></html>"
XHTML = b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>Please log in</body></html>'
HTML = (("Content-Type", "text/html; charset=utf-8"),)
Call = Callable[[S3Store], object]
CALLS: dict[str, Call] = {
    "get": lambda store: store.get("x"),
    "head": lambda store: store.head("x"),
    "list": lambda store: list(store.list()),
    "check": lambda store: store.check(),
    "create": lambda store: store.create("x", b"1", content_type=TEXT),
    "replace": lambda store: store.replace("x", b"1", etag="0", content_type=TEXT),
    "put": lambda store: store.put("x", b"1", content_type=TEXT),
    "delete": lambda store: store.delete("x"),
    "upload": lambda store: store.upload("x", Path(__file__), content_type=TEXT),
    "download": lambda store: store.download("x", Path("/nowhere/but/the/test/replaces/it")),
}
FOREIGN = {
    "a login page": Fault(200, content=PAGE, headers=HTML),
    "a login page in XHTML": Fault(200, content=XHTML, headers=HTML),
    "a page from a file": Fault(
        200,
        content=PAGE,
        headers=(*HTML, ("ETag", '"5f-1"'), ("Last-Modified", "Sun, 29 Nov 2026 00:00:00 GMT")),
    ),
    "another service's JSON": Fault(200, content=b'{"status": "ok"}', headers=(("Content-Type", "application/json"),)),
    "plain text": Fault(200, content=b"OK", headers=(("Content-Type", "text/plain"),)),
    "an error in a 200": Fault(200, code="InternalError", headers=(("Content-Type", "application/xml"),)),
}
# What a gateway says in the store's place while it knows no way to it, or takes us for somebody else.
FOREIGN_REFUSALS = {
    "a 404 in text": Fault(404, content=b"404 page not found\n", headers=(("Content-Type", "text/plain"),)),
    "a 404 in JSON": Fault(404, content=b'{"message":"no Route"}', headers=(("Content-Type", "application/json"),)),
    "a 404 in a page": Fault(404, content=PAGE, headers=HTML),
    "an empty 404": Fault(404, content=b""),
    "a 404 of S3's form": Fault(404, "NotFound"),
    "a 403 in a page": Fault(403, content=PAGE, headers=HTML),
    "a 401 in JSON": Fault(401, content=b'{"message":"Unauthorized"}', headers=(("Content-Type", "application/json"),)),
    "a 400 in a page": Fault(400, content=PAGE, headers=HTML),
}
UNAVAILABLE = {
    "500": Fault(500, "InternalError"),
    "503": Fault(503, "SlowDown"),
    "a gateway's 502": Fault(502, content=PAGE, headers=HTML),
    "throttled": Fault(429, "TooManyRequests"),
    "reset before": Fault(cut="before"),
    "reset after": Fault(cut="after"),
    "a head that drips": Fault(drip="head"),
    **FOREIGN,
}
REDIRECT = (("Location", "https://store.example.com/bucket"),)
MISCONFIGURED = {
    "AccessDenied": Fault(403, "AccessDenied"),
    "a bare 403": Fault(403, content=b""),
    "SignatureDoesNotMatch": Fault(403, "SignatureDoesNotMatch"),
    "RequestTimeTooSkewed": Fault(403, "RequestTimeTooSkewed"),
    "ExpiredToken": Fault(400, "ExpiredToken"),
    "QuotaExceeded": Fault(403, "QuotaExceeded"),
    "NoSuchBucket": Fault(404, "NoSuchBucket"),
    **{f"redirect {status}": Fault(status, content=PAGE, headers=REDIRECT) for status in (301, 302, 303, 307, 308)},
}


class Bench(NamedTuple):
    """A store with short timeouts behind a proxy, and a file to write to."""

    client: Callable[[int, float], Any]
    bucket: str
    faults: Faults
    folder: Path

    def store(self, *, attempts: int = 1, reply_s: float = 1) -> S3Store:
        """A store that waits `reply_s` for a reply and never between its attempts."""
        return S3Store(self.bucket, self.client(attempts, reply_s), sleep=lambda _: None)

    def run(self, name: str, store: S3Store) -> object:
        if name == "download":
            return store.download("x", self.folder / "x")
        return CALLS[name](store)
