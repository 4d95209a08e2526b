"""
Downloads files whole or not at all: into a file beside the target, which gets the target's name once its sha256 is right.

If a URL has expired, a fresh one is asked for. No message contains a URL.
"""

import base64
import binascii
import hashlib
import io
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from f5_worker_client.errors import DownloadFailed, InvalidRequest
from f5_worker_client.http_server import call
from f5_worker_client.queue import OK, Call, Link, Reply
from f5_worker_client.steps import Answer, Fetch, Flow, Pause

_EXPIRED = frozenset({400, 401, 403, 404, 410})
AUDIO = "audio"
_PART = "part"
# The keys of docs/architecture.md: whose an object is, and its ending.
_OWNER = re.compile(r"jobs/([^/]+)/.+|results/(.+)\.[0-9a-f]{16}\.([a-z0-9]+)")
_BESIDE = frozenset({"words", "srt", "vtt", "ass", "json"})


class Whole:
    """A file being written. It is digested, and kept only if the digest is right."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self._digest = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        """Append bytes."""
        self.stream.write(piece)
        self._digest.update(piece)

    def again(self) -> None:
        """Start again, with an empty file."""
        self.stream.seek(0)
        self.stream.truncate()
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The sha256 of what was written so far."""
        return self._digest.hexdigest()


@contextmanager
def whole(path: Path) -> Iterator[Whole]:
    """Give the file its name, with all of its bytes on the disk, when the block ends without an error."""
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream:
            yield Whole(stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        raise InvalidRequest("INVALID_REQUEST", f"{path} can't be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink()


@dataclass(frozen=True)
class Item:
    """An object that a reply names: the `audio`, another file, or a part. `url` is empty if the reply had none."""

    kind: str
    job_id: str | None
    sha256: str
    url: str = field(repr=False)  # often presigned


Renew = Callable[[Item], Flow[Item]]


def save(link: Link, reply: Mapping[str, Any], path: Path, kind: str = AUDIO) -> Flow[None]:
    """Download the audio of a reply, or the file of that kind beside it, to `path`. Raises DownloadFailed, InvalidRequest."""
    item = _item(reply, kind)
    with whole(path) as file:
        yield from filled(link, item, file, lambda known: _asked_again(link, known))


def filled(link: Link, item: Item, file: Whole, renew: Renew) -> Flow[None]:
    """Try until the digest is right; replace a URL that has expired once, with `renew`. Raises DownloadFailed."""
    waits, is_fresh = link.patience.waits(), False
    while True:
        answer = yield from _brought(link, item, file)
        if answer.status == OK and file.sha256 == item.sha256:
            return
        file.again()
        wait = next(waits, None)
        if answer.status in _EXPIRED and not is_fresh:
            item, is_fresh = (yield from renew(item)), True
        elif wait is None or answer.status in _EXPIRED:
            raise _not_brought(item, answer)
        else:
            yield Pause(wait)


def _brought(link: Link, item: Item, file: Whole) -> Flow[Answer]:
    """Try once, in the way that suits the URL."""
    if item.url.startswith(("https://", "http://")):
        return (yield Fetch(item.url, file.write))
    if item.url.startswith("file://") and link.address.is_local and Path(_path(item.url)).is_file():
        return _copied(item.url, file)
    return (yield from _inline(link, item, file))


def _not_brought(item: Item, answer: Answer) -> DownloadFailed:
    why = "its sha256 is not the promised one" if answer.status == OK else answer.problem or f"HTTP {answer.status}"
    return DownloadFailed(
        "DOWNLOAD_FAILED", f"the {item.kind} of job {item.job_id or '?'!r} did not arrive: {why}", retryable=True
    )


def _asked_again(link: Link, item: Item) -> Flow[Item]:
    """Return the same object with a fresh URL, from its job's result; unchanged if it belongs to no job."""
    if item.job_id is None:
        return item
    reply = yield from call(link, Call({"action": "result", "job_id": item.job_id}))
    return replace(item, url=_item(reply, item.kind).url)


def _inline(link: Link, item: Item, file: Whole) -> Flow[Answer]:
    """Return the audio that is inside a reply, for a worker whose URLs nobody else can read (a folder instead of a bucket)."""
    if item.kind != AUDIO or item.job_id is None:
        raise DownloadFailed(
            "DOWNLOAD_FAILED", f"the worker has no bucket, and its {item.kind} can't be read from here"
        )
    fields = {"action": "result", "job_id": item.job_id, "delivery": "inline"}
    told = yield from call(link, Call(fields))
    try:
        file.write(base64.b64decode(told["audio"]["base64"], validate=True))
    except (KeyError, binascii.Error):
        raise DownloadFailed("DOWNLOAD_FAILED", f"the reply of job {item.job_id!r} holds no audio") from None
    return Answer(OK)


def _path(url: str) -> str:
    return unquote(urlsplit(url).path)


def _copied(url: str, file: Whole) -> Answer:
    try:
        with Path(_path(url)).open("rb") as source:
            while piece := source.read(2**20):
                file.write(piece)
    except OSError as error:
        return Answer(problem=str(error.strerror))
    return Answer(OK)


def _item(reply: Mapping[str, Any], kind: str) -> Item:
    """What a reply says of its audio, or of the file of that kind. Raises InvalidRequest if it has none."""
    job_id = reply.get("job_id")
    told = reply.get(AUDIO) if kind == AUDIO else (reply.get("files") or {}).get(kind)
    if not isinstance(told, Mapping):
        raise InvalidRequest("INVALID_REQUEST", f"job {job_id or '?'!r} has no {kind}: ask for it when it is spoken")
    url = reply.get("audio_url") if kind == AUDIO else told.get("url")
    return Item(kind, job_id, str(told.get("sha256")), str(url or ""))


def fetched(link: Link, item: Mapping[str, Any]) -> Flow[bytes]:
    """The bytes of a part, of the audio, or of a file beside it. Raises ClientError."""
    body = io.BytesIO()
    key = str(item.get("key", ""))
    wanted = Item(_kind_of(key), _job_of(key), str(item.get("sha256")), str(item.get("url") or ""))

    def renewed(known: Item) -> Flow[Item]:
        return _with_url(link, known, item)

    if not wanted.url:
        wanted = yield from renewed(wanted)
    yield from filled(link, wanted, Whole(body), renewed)
    return body.getvalue()


def _with_url(link: Link, known: Item, item: Mapping[str, Any]) -> Flow[Item]:
    """Return the same object with a fresh URL: for a part from the job's status, for anything else from its result."""
    if known.job_id is None:
        return known
    question: Reply = {"action": "result", "job_id": known.job_id}
    if known.kind == _PART:
        question = {"action": "status", "job_id": known.job_id, "parts_after": int(item.get("index", 0)) - 1}
    reply = yield from call(link, Call(question))
    return replace(known, url=_urls(reply).get(str(item.get("key")), ""))


def _urls(reply: Mapping[str, Any]) -> dict[str, str]:
    """The URL of each object that a reply names, by its key."""
    told = [*(reply.get("files") or {}).values(), *((reply.get("parts") or {}).get("items") or ())]
    urls = {str(one.get("key")): str(one.get("url") or "") for one in told}
    audio = reply.get(AUDIO) or {}
    return {**urls, str(audio.get("key")): str(reply.get("audio_url") or "")}


def _job_of(key: str) -> str | None:
    owner = _OWNER.fullmatch(key)
    return (owner[1] or owner[2]) if owner else None


def _kind_of(key: str) -> str:
    owner = _OWNER.fullmatch(key)
    if owner is None or owner[1]:
        return _PART
    return owner[3] if owner[3] in _BESIDE else AUDIO
