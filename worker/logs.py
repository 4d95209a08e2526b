"""
Log events as JSON lines on stderr: a constant name and fields. Never text, audio, URLs or keys at INFO.

Exceptions and messages of libraries may hold any data: a presigned URL, an endpoint with bucket and key, a caller's text. So a
traceback shows only frames and types, and a library's event only its constant part. At DEBUG both are shown in full, except URLs.
"""

import errno
import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator

from cloning.errors import ServiceError

OURS = ("handler", "s3_utils", "worker", "storage", "cloning", "engines", "model_cache", "local", "http_api")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*:)?//[^\s\"'\\<>]+")
_REVEALING = re.compile(r"[/?#@%]")
_QUOTED = re.compile(r"(?<!\w)(['\"`]).*?\1(?!\w)")
_CUT = "[cut]"
_LONGEST_WORD, _LONGEST_EVENT = 60, 300
_MOST_CAUSES, _MOST_FRAMES = 10, 30


class JsonLines(logging.Formatter):
    """
    Formats a record as one line: time, level, logger, event, the fields of `extra`, and a traceback if there is one.

    With `tells_all` libraries' messages are shown in full.
    """

    def __init__(self, *, tells_all: bool = False) -> None:
        super().__init__()
        self._tells_all = tells_all

    def format(self, record: logging.LogRecord) -> str:
        is_ours = record.name.split(".")[0] in OURS
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage() if is_ours or self._tells_all else _constant_part(record.msg),
        }
        if is_ours:
            line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info and record.exc_info[1]:
            line["traceback"] = "".join(_trace(record.exc_info[1], tells_all=self._tells_all))
        return _without_urls(json.dumps(line, default=str, ensure_ascii=True))


def configure(level: str) -> None:
    """Log our own loggers at `level`, libraries' from WARNING. Replaces runpod's configuration, made at its import."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(tells_all=logging.getLevelNamesMapping().get(level, logging.INFO) <= logging.DEBUG))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.raiseExceptions = False  # else an event that can't be formatted is printed with all its arguments
    for name in OURS:
        logging.getLogger(name).setLevel(level)


def _trace(error: BaseException, *, tells_all: bool) -> Iterator[str]:
    """The frames and types of an exception and of its causes, the earliest first."""
    chain: list[BaseException] = []
    before: BaseException | None = error
    while before is not None and len(chain) < _MOST_CAUSES:
        chain.append(before)
        before = before.__cause__ or (None if before.__suppress_context__ else before.__context__)
    for one in reversed(chain):
        yield from _frames(one)
        yield f"{_name(type(one))}{_detail(one, tells_all=tells_all)}\n"


def _frames(error: BaseException) -> Iterator[str]:
    """The frames without source lines, which may hold any data."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    left_out = len(frames) - 2 * _MOST_FRAMES
    for number, frame in enumerate(frames):
        if number == _MOST_FRAMES and left_out > 0:
            yield f"  ... {left_out} more\n"
        if not _MOST_FRAMES <= number < _MOST_FRAMES + left_out:
            yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n'


def _name(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _detail(error: BaseException, *, tells_all: bool) -> str:
    """The code or errno of an error, which hold no caller's data; with `tells_all` its message."""
    if tells_all:
        return f": {str(error)[:_LONGEST_EVENT]}"
    if isinstance(error, ServiceError):
        return f": {error.code}"
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(number, int) and number in errno.errorcode:
        return f": {errno.errorcode[number]} ({os.strerror(number)})"
    return ""


def _constant_part(message: object) -> str:
    """A library's message before its arguments are filled in; without paths, quotations, or anything like a key."""
    if not isinstance(message, str):
        return type(message).__name__
    words = _QUOTED.sub(_CUT, message).split()
    kept = [_CUT if len(word) > _LONGEST_WORD or re.search(r"[/=@\\]", word) else word for word in words]
    return " ".join(kept)[:_LONGEST_EVENT]


def _without_urls(line: str) -> str:
    """Shorten URLs; a bare host stays, because our own advice names some."""
    return _URL.sub(lambda url: _shortened(url[0], url["scheme"]), line)


def _shortened(url: str, scheme: str | None) -> str:
    rest = url.split("//", 1)[1]
    return f"{scheme or ''}//{_CUT}" if scheme is None or _REVEALING.search(rest.rstrip("/")) else url
