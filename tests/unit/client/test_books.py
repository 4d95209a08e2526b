"""A text of any length to a file: joined, resumed, split within the deployment's limit."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from f5_worker_client import AsyncClient, Book, InvalidRequest, speak_long
from f5_worker_client.joining import CHAPTER_PAUSE_S, PAUSE_S

from tests.unit.client.endpoint import QUICK, RATE, SRT, Endpoint, wav_of
from tests.unit.client.test_joining import frames

ONE, TWO = "Chapter 1\n\nIt rained.", "Chapter 2\n\nIt stopped."
BOOK = f"{ONE}\n\n{TWO}"
LIMIT = len(TWO)


class Killed(BaseException):
    """The process is dead, as far as its files can tell."""


def speak(endpoint: Endpoint, text: str, target: Path, **options: Any) -> Book:
    async def all_of_it() -> Book:
        async with AsyncClient("abc123", api_key="secret-key", patience=QUICK, transport=endpoint.transport) as client:
            return await speak_long(client, text, "me", target, **options)

    return asyncio.run(all_of_it())


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_short_text_is_one_job_and_one_file(endpoint: Endpoint, tmp_path: Path) -> None:
    """A short text is one job and one file, unchanged, beside the files that were asked for."""
    book = speak(endpoint, "Hello.", tmp_path / "hello.mp3", subtitles=["srt"], words=True, seed=7)

    assert book.paths == (tmp_path / "hello.mp3",)
    assert book.paths[0].read_bytes() == wav_of("Hello.")
    assert left_in(tmp_path) == ["hello.mp3", "hello.srt", "hello.words.json"]
    assert (book.duration, book.parts[0]["seed"]) == (1.0, 7)
    assert endpoint.posts[0]["format"] == "mp3"


def test_a_long_text_is_joined_sample_for_sample(endpoint: Endpoint, tmp_path: Path) -> None:
    """A long text is one job for each chapter, joined sample for sample; subtitles, words and chapters have their new times."""
    book = speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT, subtitles=["srt"], words=True)

    sounds = [frames(wav_of(text)) for text in (ONE, TWO)]
    silence = bytes(2 * round(CHAPTER_PAUSE_S * RATE))
    assert frames(book.paths[0].read_bytes()) == sounds[0] + silence + sounds[1]
    assert left_in(tmp_path) == ["book.chapters.json", "book.srt", "book.wav", "book.words.json"]
    assert (tmp_path / "book.srt").read_text() == SRT + SRT.replace("1\n00:00:00,1", "3\n00:00:02,6").replace(
        "00:00:00,4", "00:00:02,9"
    ).replace("2\n00:00:00,5", "4\n00:00:03,0").replace("00:00:00,9", "00:00:03,4")
    assert json.loads((tmp_path / "book.words.json").read_text())[1]["start"] == 2.6
    assert json.loads((tmp_path / "book.chapters.json").read_text())["chapters"] == [
        {"title": "Chapter 1", "start": 0.0, "end": 1.0, "parts": 1},
        {"title": "Chapter 2", "start": 2.5, "end": 3.5, "parts": 1},
    ]


def test_within_a_chapter_the_pause_is_shorter(endpoint: Endpoint, tmp_path: Path) -> None:
    """Within a chapter the pause is shorter than between chapters."""
    book = speak(endpoint, "One.\n\nTwo.", tmp_path / "book.wav", longest_text=5)

    assert book.duration == 1.0 + PAUSE_S + 1.0


def test_a_format_that_cant_be_joined_keeps_its_parts(endpoint: Endpoint, tmp_path: Path) -> None:
    """A format that can't be joined keeps its parts in order, each with its subtitles; the chapters name them."""
    book = speak(endpoint, BOOK, tmp_path / "book.mp3", longest_text=LIMIT, subtitles=["srt"])

    names = ["book.001.mp3", "book.001.srt", "book.002.mp3", "book.002.srt", "book.chapters.json"]
    assert left_in(tmp_path) == names
    assert [path.read_bytes() for path in book.paths] == [wav_of(ONE), wav_of(TWO)]
    chapters = json.loads((tmp_path / "book.chapters.json").read_text())
    assert [part["path"] for part in chapters["parts"]] == ["book.001.mp3", "book.002.mp3"]
    assert chapters["chapters"][1]["start"] == 1.0


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("moment", range(11))
def test_killed_at_any_request_and_called_again_it_is_spoken_once(moment: int, late: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """A command that is killed at any request and run again makes one job per part, and the bytes of an undisturbed run."""
    whole = speak(Endpoint(), BOOK, tmp_path / "whole.wav", longest_text=LIMIT).paths[0].read_bytes()
    endpoint = Endpoint({moment: Killed}, strikes_late=late)

    try:
        speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT, jobs=1)
    except Killed:
        assert not (tmp_path / "book.wav").exists()
        speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT, jobs=1)

    assert (tmp_path / "book.wav").read_bytes() == whole
    assert len(endpoint.jobs) == 2
    # The queue's job is waited for, not doubled; only one whose id never came can't be found (at the first request of a part).
    assert len(endpoint.posts) == 2 + (late and moment in (0, 5))
    assert left_in(tmp_path) == ["book.chapters.json", "book.wav", "whole.chapters.json", "whole.wav"]


def test_a_finished_part_needs_no_request(tmp_path: Path) -> None:
    """A finished part needs no request if its file on this disk has the right digest; a damaged one is fetched again."""
    endpoint = Endpoint({9: Killed})
    with pytest.raises(Killed):
        speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT, jobs=1)
    first = tmp_path / "book.wav.f5-worker" / "0000.wav"
    assert first.read_bytes() == wav_of(ONE)
    first.write_bytes(b"damaged")

    speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT, jobs=1)

    assert frames((tmp_path / "book.wav").read_bytes()).startswith(frames(wav_of(ONE)))
    assert len(endpoint.jobs) == 2


def test_notes_hold_neither_text_nor_url(tmp_path: Path) -> None:
    """The notes beside the target hold neither text nor URL."""
    endpoint = Endpoint({9: Killed})
    with pytest.raises(Killed):
        speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT, jobs=1)

    notes = "".join(path.read_text() for path in (tmp_path / "book.wav.f5-worker").glob("*.note"))
    assert '"ticket"' in notes
    assert "rained" not in notes
    assert "X-Amz" not in notes


def test_another_request_begins_anew(tmp_path: Path) -> None:
    """Notes of another text, voice, value or endpoint are ignored."""
    endpoint = Endpoint({9: Killed})
    with pytest.raises(Killed):
        speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT, jobs=1)

    speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT, jobs=1, seed=7)

    assert [fields.get("seed") for fields in endpoint.posts][-2:] == [7, 7]


def test_a_deployment_that_takes_less_says_how_much(tmp_path: Path) -> None:
    """If the deployment's limit is lower, the text is split again within it."""
    endpoint = Endpoint(longest_text=LIMIT)

    book = speak(endpoint, BOOK, tmp_path / "book.wav")

    assert len(book.parts) == 2
    assert {job["text"] for job in endpoint.jobs.values()} == {ONE, TWO}


def test_one_part_that_fails_fails_the_book(tmp_path: Path) -> None:
    """One part that fails fails the book with its error; the same call goes on from the other parts' files."""
    failure = {"code": "INVALID_TEXT", "message": "odd", "retryable": False, "details": {}}
    endpoint = Endpoint(failures=[failure])

    with pytest.raises(InvalidRequest, match="INVALID_TEXT: odd"):
        speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT)
    speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT)

    assert len(endpoint.jobs) == 2


def test_parts_have_ids_of_their_own_under_the_callers(endpoint: Endpoint, tmp_path: Path) -> None:
    """Parts have ids of their own under the caller's id; a single part has the caller's."""
    speak(endpoint, BOOK, tmp_path / "book.wav", longest_text=LIMIT, job_id="book")
    speak(endpoint, "Hello.", tmp_path / "hello.wav", job_id="hello")

    assert sorted(endpoint.jobs) == ["book-0001", "book-0002", "hello"]


@pytest.mark.parametrize("name", ["book", "book.txt", "book.wma"])
def test_a_target_of_another_format_is_refused_before_anything_is_sent(
    name: str, endpoint: Endpoint, tmp_path: Path
) -> None:
    """A target of an unknown format is refused, with the known endings, before anything is sent."""
    with pytest.raises(InvalidRequest, match=r"should end in one of \.wav"):
        speak(endpoint, "Hello.", tmp_path / name)

    assert endpoint.requests == []
