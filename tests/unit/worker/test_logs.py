"""No line of the log holds text, audio, URLs or keys, from any logger and after any failure."""

import errno
import json
import logging
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from pydantic import BaseModel, Field
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError

from cloning.errors import StorageUnavailable
from worker.logs import OURS, configure

SIGNED = "https://user:pass@files.example.com:8443/voices/anna.wav?X-Amz-Credential=AKIA&X-Amz-Signature=deadbeef"
TEXT = "Dear Anna, the secret recipe"
SECRETS = ("deadbeef", "AKIA", "anna", "Anna", "recipe", "user:pass", "voices/", "Signature")


class Small(BaseModel):
    words: str = Field(max_length=1)


def of_pydantic() -> None:
    Small(words=TEXT)


def of_a_pool() -> None:
    raise MaxRetryError(HTTPConnectionPool("files.example.com"), "/voices/anna.wav?X-Amz-Signature=deadbeef")


def of_a_key() -> None:
    del dict[str, str]()[TEXT]


def of_a_file() -> None:
    raise FileNotFoundError(errno.ENOENT, "no voices/anna.wav", "/tmp/voices/anna.wav")  # noqa: S108


def of_an_encoding() -> None:
    TEXT.encode("ascii").decode("utf-16-le").encode("ascii")


def with_a_note() -> None:
    error = RuntimeError(f"can't speak {TEXT}")
    error.add_note(SIGNED)
    raise error


def of_a_cause() -> None:
    try:
        with_a_note()
    except RuntimeError as error:
        raise StorageUnavailable(f"the bucket is away: {SIGNED}") from error


FAILURES = [of_pydantic, of_a_pool, of_a_key, of_a_file, of_an_encoding, with_a_note, of_a_cause]


def caught(fail: Callable[[], None]) -> BaseException:
    try:
        fail()
    except Exception as error:  # noqa: BLE001 - that is what it is for
        return error
    raise AssertionError


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], StringIO]]:
    """Configure the log at a level, to a buffer; restore everything afterwards."""
    root, raises = logging.getLogger(), logging.raiseExceptions
    before = (root.level, list(root.handlers))

    def configured(level: str) -> StringIO:
        told = StringIO()
        monkeypatch.setattr(sys, "stderr", told)
        root.handlers = []
        configure(level)
        return told

    yield configured
    root.level, root.handlers = before
    logging.raiseExceptions = raises
    for name in OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(told: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.getvalue().splitlines()]


@pytest.mark.parametrize("level", ["INFO", "WARNING"])
@pytest.mark.parametrize("logger", ["cloning.service", "urllib3.connection"])
@pytest.mark.parametrize("fail", FAILURES)
def test_a_traceback_tells_frames_and_types(
    log: Callable[[str], StringIO], fail: Callable[[], None], logger: str, level: str
) -> None:
    """A traceback in the log has frames and types, and not the exceptions' messages, which may hold data."""
    told, error = log(level), caught(fail)

    logging.getLogger(logger).error("incident", exc_info=error)

    (line,) = lines(told)
    assert type(error).__qualname__ in line["traceback"]
    assert f"in {fail.__name__}" in line["traceback"]
    assert not [secret for secret in SECRETS if secret in told.getvalue()]


def test_a_traceback_tells_what_a_failure_came_from(log: Callable[[str], StringIO]) -> None:
    """A traceback has the causes first, as Python's has, and codes that reveal no data."""
    told = log("INFO")

    logging.getLogger("cloning.service").error("incident", exc_info=caught(of_a_cause))
    logging.getLogger("cloning.service").error("incident", exc_info=caught(of_a_file))

    chained, of_the_system = (line["traceback"] for line in lines(told))
    assert chained.index("RuntimeError\n") < chained.index("StorageUnavailable: STORAGE_UNAVAILABLE\n")
    assert of_the_system.endswith("FileNotFoundError: ENOENT (No such file or directory)\n")


def test_a_deep_recursion_is_told_in_short(log: Callable[[str], StringIO]) -> None:
    """A deep recursion's traceback has its first and last lines only."""
    told = log("INFO")

    def deeper() -> None:
        deeper()

    logging.getLogger("cloning.service").error("incident", exc_info=caught(deeper))

    (line,) = lines(told)
    assert "more\n" in line["traceback"]
    assert len(line["traceback"].splitlines()) == 62


@pytest.mark.parametrize(
    ("message", "arguments", "event"),
    [
        ("Failed to parse headers (url=%s): %s", (SIGNED, TEXT), "Failed to parse headers [cut] %s"),
        ("Connection pool is full: %s", ("files.example.com",), "Connection pool is full: %s"),
        (f"Retrying after {SIGNED} again", (), "Retrying after [cut] again"),
        ("no file '/tmp/voices/anna.wav' here", (), "no file [cut] here"),
        ("GET voices/anna.wav?X-Amz-Signature=deadbeef", (), "GET [cut]"),
        (f"can't say '{TEXT}' now", (), "can't say [cut] now"),
        (f"audio {'QUJD' * 100}", (), "audio [cut]"),
        (ValueError(SIGNED), (), "ValueError"),
        ("%d of %s", (TEXT,), "%d of %s"),
    ],
)
def test_a_foreign_event_is_told_without_what_it_is_about(
    log: Callable[[str], StringIO], message: object, arguments: tuple[object, ...], event: str
) -> None:
    """An event of a library is logged without its message: urllib3, for one, warns with the whole presigned URL."""
    told = log("INFO")

    logging.getLogger("urllib3.connection").warning(message, *arguments, extra={"url": SIGNED})

    assert [line["event"] for line in lines(told)] == [event]
    assert not [secret for secret in SECRETS if secret in told.getvalue()]


def test_fields_lose_their_urls(log: Callable[[str], StringIO]) -> None:
    """URLs in fields are removed, whoever logged them; hosts in our own advice stay."""
    told = log("INFO")
    advice = "set AWS_ENDPOINT_URL to https://s3.example.com, if it is the store's own"

    logging.getLogger("handler").info(
        "told", extra={"reason": advice, "details": {"where": [SIGNED, "//h/a?b=deadbeef"]}}
    )

    (line,) = lines(told)
    assert line["reason"] == advice
    assert line["details"] == {"where": ["https://[cut]", "//[cut]"]}


def test_debug_tells_all_but_urls(log: Callable[[str], StringIO]) -> None:
    """DEBUG shows the messages of exceptions and of other libraries, but no URLs."""
    told = log("DEBUG")

    logging.getLogger("urllib3.connection").warning("about %s", f"{TEXT} {SIGNED}")
    logging.getLogger("cloning.service").error("incident", exc_info=caught(with_a_note))

    foreign, incident = lines(told)
    assert foreign["event"] == f"about {TEXT} https://[cut]"
    assert f"RuntimeError: can't speak {TEXT}" in incident["traceback"]
    assert "deadbeef" not in told.getvalue()


def test_an_event_that_can_not_be_formatted_is_not_told_otherwise(log: Callable[[str], StringIO]) -> None:
    """An event that can't be formatted isn't printed by Python with all its arguments."""
    told = log("DEBUG")

    logging.getLogger("urllib3.connection").warning("%d", TEXT)

    assert told.getvalue() == ""


def test_the_http_applications_events_are_ours(log: Callable[[str], StringIO]) -> None:
    """The HTTP application's events are logged as ours, with their fields and at our level."""
    told = log("INFO")

    logging.getLogger("http_api.sound.streaming").info("stream.broken_off", extra={"job": "one", "code": "CONFLICT"})

    (line,) = lines(told)
    assert (line["event"], line["job"], line["code"]) == ("stream.broken_off", "one", "CONFLICT")
