"""
Joins the audio of several jobs to one WAV, sample for sample, with silence between them; shifts their subtitles and words.

Other formats can't be joined without encoding them again: their parts stay files of their own.
"""

import re
import wave
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from f5_worker_client.errors import Failed

PAUSE_S = 0.5  # between two parts of a chapter
CHAPTER_PAUSE_S = 1.5
LARGEST_WAV = 4_000_000_000  # the header counts up to 2**32
_TIME = re.compile(r"(?:(\d+):)?(\d\d):(\d\d)([.,])(\d{3})")
_AT_ONCE = 2**16
_LINES_OF_A_CUE = 2


def join_wavs(parts: Sequence[Path], pauses: Sequence[float], target: BinaryIO) -> list[tuple[float, float]]:
    """Write the parts, each with its pause after it; return where each begins and ends, in seconds. Raises Failed."""
    forms = {_form(part) for part in parts}
    if len(forms) != 1:
        raise Failed("WORKER_FAILED", f"the parts differ in channels, bytes or Hz: {sorted(forms)}")
    channels, width, rate = forms.pop()
    places: list[tuple[float, float]] = []
    with wave.open(target, "wb") as joined:
        joined.setnchannels(channels)
        joined.setsampwidth(width)
        joined.setframerate(rate)
        for part, pause in zip(parts, pauses, strict=True):
            start = joined.tell()
            with wave.open(str(part), "rb") as sound:
                while frames := sound.readframes(_AT_ONCE):
                    joined.writeframesraw(frames)
            places.append((start / rate, joined.tell() / rate))
            joined.writeframesraw(bytes(round(pause * rate) * channels * width))
    return places


def _form(part: Path) -> tuple[int, int, int]:
    try:
        with wave.open(str(part), "rb") as sound:
            return sound.getnchannels(), sound.getsampwidth(), sound.getframerate()
    except (wave.Error, EOFError) as error:
        raise Failed("WORKER_FAILED", f"{part.name} is no WAV that can be joined: {error}") from None


def join_subtitles(kind: str, parts: Iterable[tuple[str, float]]) -> str:
    """Join the SRT or VTT of all parts, each shifted by its own seconds; SRT's cues are numbered anew."""
    cues = [_later(cue, seconds) for text, seconds in parts for cue in _cues(text)]
    if kind == "srt":
        return "".join(f"{number}\n{cue}\n\n" for number, cue in enumerate(cues, 1))
    return "WEBVTT\n\n" + "".join(f"{cue}\n\n" for cue in cues)


def _cues(text: str) -> list[str]:
    """Return each cue from its line of times on, without what stands before it (SRT's number, VTT's header)."""
    blocks = (block.split("\n") for block in text.lstrip("\ufeff").replace("\r\n", "\n").strip().split("\n\n"))
    return ["\n".join(block[place:]) for block in blocks for place in _place_of_times(block)]


def _place_of_times(block: list[str]) -> list[int]:
    return [number for number, line in enumerate(block[:_LINES_OF_A_CUE]) if " --> " in line][:1]


def _later(cue: str, seconds: float) -> str:
    times, line, said = cue.partition("\n")
    return _TIME.sub(lambda match: _moved(match, seconds), times) + line + said


def _moved(match: re.Match[str], seconds: float) -> str:
    hours, minutes, whole, point, thousandths = match.groups()
    ms = (int(hours or 0) * 3600 + int(minutes) * 60 + int(whole)) * 1000 + int(thousandths) + round(seconds * 1000)
    minutes_in_all, rest = divmod(ms, 60_000)
    return f"{minutes_in_all // 60:02}:{minutes_in_all % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def join_words(parts: Iterable[tuple[list[dict[str, Any]], float]]) -> list[dict[str, Any]]:
    """Join the words of all parts at their new times; `part` counts from 0, and places refer to the part's own text."""
    return [
        {**word, "start": _plus(word["start"], seconds), "end": _plus(word["end"], seconds), "part": number}
        for number, (words, seconds) in enumerate(parts)
        for word in words
    ]


def _plus(time: float | None, seconds: float) -> float | None:
    return None if time is None else round(time + seconds, 3)


def chapters_of(parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each chapter with its title and times, from parts with `chapter`, `title`, `start` and `end`."""
    chapters: dict[int, dict[str, Any]] = {}
    for part in parts:
        chapter = chapters.setdefault(
            part["chapter"], {"title": part["title"], "start": part["start"], "end": part["end"], "parts": 0}
        )
        chapter["end"] = part["end"]
        chapter["parts"] += 1
    return list(chapters.values())
