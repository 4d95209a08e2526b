"""Joining parts: samples, subtitles, words, chapters."""

import io
import wave
from pathlib import Path
from typing import Any

import pytest
from f5_worker_client import Failed
from f5_worker_client.joining import chapters_of, join_subtitles, join_wavs, join_words

from tests.unit.client.endpoint import RATE, SRT, VTT, wav, wav_of


def frames(data: bytes) -> bytes:
    with wave.open(io.BytesIO(data)) as sound:
        return bytes(sound.readframes(sound.getnframes()))


def test_joined_samples_are_the_parts_samples(tmp_path: Path) -> None:
    """Joined samples are the parts' samples with silence between them, and each part's place is reported."""
    parts = [tmp_path / f"{number}.wav" for number in range(3)]
    for part in parts:
        part.write_bytes(wav_of(part.name))
    joined = io.BytesIO()

    places = join_wavs(parts, [0.5, 1.5, 0.0], joined)

    sounds = [frames(part.read_bytes()) for part in parts]
    assert frames(joined.getvalue()) == sounds[0] + bytes(RATE) + sounds[1] + bytes(3 * RATE) + sounds[2]
    assert places == [(0.0, 1.0), (1.5, 2.5), (4.0, 5.0)]


def test_parts_of_other_forms_are_not_joined(tmp_path: Path) -> None:
    """Parts of different formats are refused, because joining them would give noise."""
    (tmp_path / "a.wav").write_bytes(wav_of("a"))
    stereo = io.BytesIO(wav(b""))
    with wave.open(stereo, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(bytes(8))
    (tmp_path / "b.wav").write_bytes(stereo.getvalue())

    with pytest.raises(Failed, match="differ in channels, bytes or Hz"):
        join_wavs([tmp_path / "a.wav", tmp_path / "b.wav"], [0, 0], io.BytesIO())
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    with pytest.raises(Failed, match=r"b\.wav is no WAV"):
        join_wavs([tmp_path / "a.wav", tmp_path / "b.wav"], [0, 0], io.BytesIO())


def test_srt_is_counted_through_and_later() -> None:
    """SRT cues are numbered through and moved to their new times, beyond an hour too."""
    joined = join_subtitles("srt", [(SRT, 0.0), (SRT, 3599.75)])

    assert joined == SRT + ("3\n00:59:59,850 --> 01:00:00,150\nHello.\n\n4\n01:00:00,250 --> 01:00:00,650\nThere.\n\n")


def test_vtt_has_one_head() -> None:
    """Joined VTT has one head, and times of both forms are moved."""
    joined = join_subtitles("vtt", [(VTT, 0.0), ("WEBVTT\n\n00:01.000 --> 00:02.500\nA --> B\n", 1.5)])

    assert joined == VTT + "00:00:02.500 --> 00:00:04.000\nA --> B\n\n"


def test_a_time_in_a_subtitles_text_stays() -> None:
    """A time in a subtitle's text stays; only the line of times is moved."""
    assert "at 00:00:01,000" in join_subtitles("srt", [("1\n00:00:00,000 --> 00:00:01,000\nat 00:00:01,000\n", 60.0)])


def test_words_know_their_part() -> None:
    """Words name their part; a time that was not reliable stays unknown."""
    words = [{"text": "Hello", "start": 0.1, "end": None}]

    assert join_words([(words, 0.0), (words, 1.5)]) == [
        {"text": "Hello", "start": 0.1, "end": None, "part": 0},
        {"text": "Hello", "start": 1.6, "end": None, "part": 1},
    ]


def test_a_chapter_lasts_from_its_first_part_to_its_last() -> None:
    """A chapter lasts from its first part to its last; parts before the first heading are a chapter without a title."""
    parts: list[dict[str, Any]] = [
        {"chapter": 0, "title": None, "start": 0.0, "end": 1.0},
        {"chapter": 1, "title": "One", "start": 2.5, "end": 3.5},
        {"chapter": 1, "title": "One", "start": 4.0, "end": 5.0},
    ]

    assert chapters_of(parts) == [
        {"title": None, "start": 0.0, "end": 1.0, "parts": 1},
        {"title": "One", "start": 2.5, "end": 5.0, "parts": 2},
    ]
