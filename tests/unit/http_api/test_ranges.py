"""Ranges of a file, for players that seek in it."""

import pytest

from http_api.ranges import ranged

DATA = bytes(range(100))


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=90-", 90, 100),
        ("bytes=-5", 95, 100),
        ("bytes=50-1000", 50, 100),
        ("bytes=-1000", 0, 100),
    ],
)
def test_some_of_the_bytes(asked: str, start: int, stop: int) -> None:
    """A range is 206, with its place and the total size."""
    response = ranged(DATA, asked, "audio/wav", {})

    assert (response.status_code, response.body) == (206, DATA[start:stop])
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/100"
    assert response.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize(
    "asked", [None, "", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "items=0-1", "bytes=" + "9" * 40 + "-"]
)
def test_what_is_not_understood_gets_all(asked: str | None) -> None:
    """A range that isn't understood gets the whole file, as the standard allows."""
    response = ranged(DATA, asked, "audio/wav", {})

    assert (response.status_code, response.body, response.headers["accept-ranges"]) == (200, DATA, "bytes")


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=9-3", "bytes=-0"])
def test_what_is_not_there_is_refused(asked: str) -> None:
    """A range beyond the file is 416, with the size."""
    response = ranged(DATA, asked, "audio/wav", {})

    assert (response.status_code, response.headers["content-range"]) == (416, "bytes */100")
