"""
A text of any length to a file: several jobs at a time, downloads, and one audio file if the format can be joined.

A text within the deployment's limit is one job. If the program is killed at any moment and called again, it continues: a finished
part is used, a running job is waited for, and a job that was sent twice is done once.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Unpack

from f5_worker_client import actions, downloads, joining, parts
from f5_worker_client.actions import SpeakOptions, speech_request
from f5_worker_client.client import AsyncClient
from f5_worker_client.downloads import whole
from f5_worker_client.errors import InvalidRequest
from f5_worker_client.parts import Part
from f5_worker_client.queue import Call, Progress
from f5_worker_client.texts import LONGEST_TEXT, Piece, pieces_of

# By a file's ending; the worker's Opus is in Ogg.
FORMATS = {".wav": "wav", ".flac": "flac", ".mp3": "mp3", ".ogg": "ogg", ".opus": "ogg"}
WORDS = "words"
Watch = Callable[[int, int, Progress], None]  # (part, parts, progress)
Facts = dict[str, Any]


@dataclass(frozen=True)
class Book:
    """
    What was written. `paths` is the audio, or the audio of each part if the format can't be joined; `beside` are the other files.

    Each entry of `parts` has a part's facts (`job_id`, `sha256`, `seed`, `warnings`, `check` ...) and its `start` and `end` in the whole.
    """

    paths: tuple[Path, ...]
    beside: tuple[Path, ...]
    duration: float
    parts: tuple[Facts, ...]

    def to_json(self) -> Facts:
        """A JSON object, for programs."""
        return {
            "paths": [str(path) for path in self.paths],
            "beside": [str(path) for path in self.beside],
            "duration": self.duration,
            "parts": list(self.parts),
        }


@dataclass(frozen=True)
class _Order:
    """The options that apply to every part."""

    voice: str
    target: Path
    options: SpeakOptions

    @property
    def format(self) -> str:
        return FORMATS[self.target.suffix.lower()]

    @property
    def wanted(self) -> frozenset[str]:
        return frozenset([*(self.options.get("subtitles") or []), *([WORDS] if self.options.get("words") else [])])

    def request(self, piece: Piece, number: int, count: int) -> Facts:
        """The input of one job. If there are several, the caller's own `job_id` gets the part's number."""
        options: SpeakOptions = {**self.options, "format": self.format}
        if count > 1 and options.get("job_id"):
            options["job_id"] = f"{options['job_id']}-{number + 1:04}"
        return speech_request(piece.text, self.voice, options)


def _unheard(*_: object) -> None:
    """Ignore the progress."""


async def speak_long(
    client: AsyncClient,
    text: str,
    voice: str,
    target: Path,
    *,
    longest_text: int = LONGEST_TEXT,
    jobs: int = 4,
    on_progress: Watch = _unheard,
    **options: Unpack[SpeakOptions],
) -> Book:
    """
    Speak a text of any length into `target`, whose ending gives the format; at most `jobs` jobs at the same time.

    If the deployment accepts fewer than `longest_text` characters, the text is split again, within its limit.
    """
    if target.suffix.lower() not in FORMATS:
        raise InvalidRequest("INVALID_REQUEST", f"{target.name!r} should end in one of {', '.join(FORMATS)}")
    order = _Order(voice, target, options)
    pieces = pieces_of(text, longest_text)
    if len(pieces) > 1 and "ass" in order.wanted:
        raise InvalidRequest(
            "INVALID_REQUEST",
            "the text needs several jobs, and their ASS subtitles can't be joined: ask for srt or vtt",
        )
    try:
        facts = await _all(client, order, pieces, jobs, on_progress)
    except InvalidRequest as error:
        limit = error.details.get("limit")
        if error.code != "INVALID_TEXT" or not isinstance(limit, int) or not 0 < limit < longest_text:
            raise
        pieces = pieces_of(text, limit)
        facts = await _all(client, order, pieces, jobs, on_progress)
    try:
        return _bound(order, pieces, facts)
    except OSError as error:
        why = f"{target} can't be written: {error.strerror}; is another f5-worker writing it?"
        raise InvalidRequest("INVALID_REQUEST", why) from None


async def _all(client: AsyncClient, order: _Order, pieces: Sequence[Piece], jobs: int, watch: Watch) -> list[Facts]:
    """Return every part's facts. The first failure stops the other parts here (their jobs run on)."""
    room = asyncio.Semaphore(jobs)

    async def one(number: int, piece: Piece) -> Facts:
        async with room:
            fields = order.request(piece, number, len(pieces))
            return await _part(client, order, number, fields, lambda told: watch(number, len(pieces), told))

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(number, piece)) for number, piece in enumerate(pieces)]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def _part(
    client: AsyncClient, order: _Order, number: int, fields: Facts, watch: Callable[[Progress], None]
) -> Facts:
    """Return one part: from this disk if it is there, otherwise spoken and downloaded."""
    folder = parts.folder_of(order.target)
    part = Part(folder, number, order.format, client.link.address.root, fields["job_id"])
    if facts := part.finished(order.wanted):
        watch(Progress("COMPLETED", update={"job_id": part.job_id}))
        return facts
    request = Call(fields, watch, part.ticket(), part.remember)
    speech = await client.driver.run(actions.speak(client.link, request))
    for kind, path in [(downloads.AUDIO, part.audio), *((kind, part.beside(kind)) for kind in sorted(order.wanted))]:
        await client.driver.run(downloads.save(client.link, speech.reply, path, kind))
    watch(Progress("COMPLETED", update={"job_id": part.job_id, "parts": speech.reply.get("parts")}))
    return part.finish(speech)


def _bound(order: _Order, pieces: Sequence[Piece], facts: list[Facts]) -> Book:
    """Move the parts to their final places; remove their folder."""
    folder = parts.folder_of(order.target)
    sounds = [folder / f"{number:04}.{order.format}" for number in range(len(pieces))]
    if len(pieces) == 1:
        book = _single(order, sounds[0], facts[0])
    elif order.format == "wav" and sum(sound.stat().st_size for sound in sounds) < joining.LARGEST_WAV:
        book = _joined(order, pieces, sounds, facts)
    else:
        book = _kept(order, pieces, sounds, facts)
    parts.remove(folder)
    return book


def _single(order: _Order, sound: Path, facts: Facts) -> Book:
    beside = [sound.with_suffix(f".{kind}").replace(_beside(order.target, kind)) for kind in sorted(order.wanted)]
    placed = {**facts, "start": 0.0, "end": facts["duration"]}
    return Book((sound.replace(order.target),), tuple(beside), facts["duration"], (placed,))


def _joined(order: _Order, pieces: Sequence[Piece], sounds: Sequence[Path], facts: list[Facts]) -> Book:
    """Join the parts to one WAV, and shift subtitles and words to its times."""
    pauses = [
        joining.PAUSE_S if here.chapter == after.chapter else joining.CHAPTER_PAUSE_S
        for here, after in pairwise(pieces)
    ]
    with whole(order.target) as file:
        places = joining.join_wavs(sounds, [*pauses, 0.0], file.stream)
    starts = [start for start, _ in places]
    beside = []
    for kind in sorted(order.wanted):
        told = [sound.with_suffix(f".{kind}").read_text(encoding="utf-8") for sound in sounds]
        beside.append(_write(_beside(order.target, kind), _together(kind, told, starts)))
    placed = _placed(pieces, facts, places)
    beside.append(_chapters(order.target, placed))
    return Book((order.target,), tuple(beside), places[-1][1], tuple(placed))


def _together(kind: str, told: Sequence[str], starts: Sequence[float]) -> str:
    if kind == WORDS:
        lists = [json.loads(one) for one in told]
        return json.dumps(joining.join_words(zip(lists, starts, strict=True)), ensure_ascii=False)
    return joining.join_subtitles(kind, zip(told, starts, strict=True))


def _kept(order: _Order, pieces: Sequence[Piece], sounds: Sequence[Path], facts: list[Facts]) -> Book:
    """Keep the parts as files of their own: `book.001.mp3`, `book.001.srt`."""
    width = max(3, len(str(len(sounds))))
    paths, beside, places, at = [], [], [], 0.0
    for number, sound in enumerate(sounds):
        target = order.target.with_name(f"{order.target.stem}.{number + 1:0{width}}{order.target.suffix}")
        beside += [sound.with_suffix(f".{kind}").replace(_beside(target, kind)) for kind in sorted(order.wanted)]
        paths.append(sound.replace(target))
        places.append((at, at + facts[number]["duration"]))
        at = places[-1][1]
    placed = [{**one, "path": path.name} for one, path in zip(_placed(pieces, facts, places), paths, strict=True)]
    return Book(tuple(paths), (*beside, _chapters(order.target, placed)), at, tuple(placed))


def _placed(pieces: Sequence[Piece], facts: Sequence[Facts], places: Sequence[tuple[float, float]]) -> list[Facts]:
    return [
        {**one, "chapter": piece.chapter, "title": piece.title, "start": round(start, 3), "end": round(end, 3)}
        for piece, one, (start, end) in zip(pieces, facts, places, strict=True)
    ]


def _chapters(target: Path, placed: Sequence[Facts]) -> Path:
    """Write `book.chapters.json`: the chapters' times, and which part is where."""
    known = ("job_id", "path", "chapter", "start", "end")
    told = {
        "chapters": joining.chapters_of(placed),
        "parts": [{name: one[name] for name in known if name in one} for one in placed],
    }
    return _write(target.with_suffix(".chapters.json"), json.dumps(told, ensure_ascii=False, indent=1))


def _beside(target: Path, kind: str) -> Path:
    return target.with_suffix(".words.json" if kind == WORDS else f".{kind}")


def _write(path: Path, text: str) -> Path:
    with whole(path) as file:
        file.write(text.encode())
    return path
