"""The commands: each takes the client, its options and the console, and returns the exit code."""

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from f5_worker_client.actions import CheckOptions, ReadOptions, SpeakOptions, UploadOptions
from f5_worker_client.books import speak_long
from f5_worker_client.cli.console import Console
from f5_worker_client.cli.playing import FIELDS, Player, played, player_here
from f5_worker_client.client import AsyncClient, Client
from f5_worker_client.errors import InvalidRequest
from f5_worker_client.queue import Progress

Options = argparse.Namespace
_NOT_AS_HOPED = 1
_LOOKS_LIKE_A_FILE = (".txt", ".md", ".text")


def _given(options: Options, *names: str) -> dict[str, Any]:
    """The named options that the user set."""
    return {name: getattr(options, name) for name in names if getattr(options, name) not in (None, False)}


def upload(client: Client, options: Options, console: Console) -> int:
    """Store a voice."""
    more = cast("UploadOptions", _given(options, "language", "transcript", "transcribe_now", "replace"))
    if options.consent is None:
        console.remark("no --consent: the deployment will refuse the voice, unless it doesn't ask for one")
    voice = client.upload(options.file, options.voice, consent=options.consent or False, **more)
    console.warnings(list(voice.reply.get("warnings", ())))
    console.result([voice.name], dict(voice.reply))
    return 0


def voices(client: Client, _: Options, console: Console) -> int:
    """List the voices."""
    found = client.voices()
    lines = [
        f"{one.name}\t{'' if one.duration is None else f'{one.duration:.2f}'}\t{one.language or ''}" for one in found
    ]
    for one in found:
        if one.problem:
            console.remark(f"warning: {one.name}: {one.problem}")
    console.result(lines, [dict(one.reply) for one in found])
    return 0


async def speak(client: AsyncClient, options: Options, console: Console) -> int:
    """Speak a text into a file."""
    text = await asyncio.to_thread(text_of, options.text, is_text=options.is_text)
    player = Player(client, player_here()) if options.play_as_it_comes else None
    with console.progress() as watch:

        def heard(number: int, count: int, told: Progress) -> None:
            watch(number, count, told)
            if player:
                player(number, count, told)

        speaking = speak_long(
            client,
            text,
            options.voice,
            Path(options.output),
            longest_text=options.max_chars,
            jobs=options.jobs,
            on_progress=heard,
            **speak_options(options),
        )
        book = await (played(player, speaking, console.remark) if player else speaking)
    for part in book.parts:
        console.warnings(part["warnings"])
    if len(book.paths) > 1:
        console.remark(
            "this format can't be joined without loss: every part is a file of its own (-o ….wav joins them)"
        )
    console.remark(str(book.parts[0]["license_notice"]))
    console.result([str(path) for path in book.paths], book.to_json())
    return 0


def speak_options(options: Options) -> SpeakOptions:
    """The fields of `generate` that the user set."""
    names = (
        "language",
        "engine",
        "profile",
        "checkpoint",
        "seed",
        "speed",
        "normalize",
        "dictionary",
        "check",
        "draws",
    )
    subtitles = [kind for kind in ("srt", "vtt") if getattr(options, kind)]
    job_id = f"speech-{secrets.token_hex(16)}" if options.again else options.job_id
    more = {**(FIELDS if options.play_as_it_comes else {}), **dict(options.set)}
    fields = {
        **{name: getattr(options, name) for name in (*names, "on_mismatch") if getattr(options, name) is not None},
        **({"words": True} if options.words else {}),
        **({"subtitles": subtitles} if subtitles else {}),
        **({"say": respellings(options)} if options.say else {}),
        **({"job_id": job_id} if job_id else {}),
        **({"more": more} if more else {}),
    }
    return cast("SpeakOptions", fields)


def respellings(options: Options) -> Mapping[str, str]:
    """Read `--say GIF=jif`; a reading such as 5 is meant as text."""
    return {word: str(reading) for word, reading in options.say}


def text_of(argument: str, *, is_text: bool) -> str:
    """Return the text: given directly, from a file, or from stdin. Raises InvalidRequest."""
    if argument == "-" and not is_text:
        return _decoded(sys.stdin.buffer.read(), "stdin")
    path = Path(argument)
    if is_text or not _is_file(path):
        if not is_text and argument.endswith(_LOOKS_LIKE_A_FILE) and len(argument.split()) == 1:
            raise InvalidRequest("INVALID_REQUEST", f"there is no file {argument!r}; if it is the text, say --text")
        return _decoded(argument.encode(errors="surrogateescape"), "the text")
    return _decoded(_read_file(path), str(path))


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest("INVALID_REQUEST", f"{path} can't be read: {error.strerror}") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or a zero byte
        return False


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest("INVALID_REQUEST", f"{what} is not UTF-8 (byte {error.start}): convert it first") from None


def status(client: Client, options: Options, console: Console) -> int:
    """Show a job's state."""
    state = client.status(options.job_id)
    console.result([f"{state.status}\t{state.done}/{state.total}"], dict(state.reply))
    if state.failure:
        console.remark(f"{state.failure.get('code')}: {state.failure.get('message')}")
    return 0


def cancel(client: Client, options: Options, console: Console) -> int:
    """Ask a job to stop."""
    state = client.cancel(options.job_id)
    console.result([state.status], dict(state.reply))
    return 0


def result(client: Client, options: Options, console: Console) -> int:
    """Download a finished job's audio."""
    speech = client.result(options.job_id)
    path = client.save(speech, options.output or f"{speech.job_id}.{speech.format}")
    console.warnings(list(speech.warnings))
    console.result([str(path)], {"path": str(path), **speech.to_json()})
    return 0


def delete(client: Client, options: Options, console: Console) -> int:
    """Delete something."""
    for kind in ("voice", "job_id", "dictionary"):
        if name := getattr(options, kind):
            client.delete(cast("Any", kind), name)
            console.result([name], {"deleted": {kind: name}})
    return 0


def dictionary(client: Client, options: Options, console: Console) -> int:
    """Store a dictionary."""
    words = {**(_words_of(options.file) if options.file else {}), **respellings(options)}
    if not words:
        raise InvalidRequest("INVALID_REQUEST", "there are no words: give a file of words, or --say WORD=READING")
    stored = client.store_dictionary(options.name, words, replace=options.replace)
    console.result([stored.name], dict(stored.reply))
    return 0


def _words_of(source: str) -> dict[str, str]:
    try:
        words = json.loads(_decoded(sys.stdin.buffer.read() if source == "-" else _read_file(Path(source)), source))
    except ValueError:
        words = None
    if not isinstance(words, dict):
        what = f'{source} should hold a JSON object of words and their respellings, like {{"GIF": "jif"}}'
        raise InvalidRequest("INVALID_REQUEST", what)
    return words


def dictionaries(client: Client, _: Options, console: Console) -> int:
    """List the dictionaries."""
    found = client.dictionaries()
    for one in found:
        if one.problem:
            console.remark(f"warning: {one.name}: {one.problem}")
    lines = [f"{one.name}\t{'' if one.words is None else one.words}" for one in found]
    console.result(lines, [dict(one.reply) for one in found])
    return 0


def expire(client: Client, options: Options, console: Console) -> int:
    """Remove old jobs."""
    expired = client.expire(options.older_than_days, dry_run=options.dry_run)
    counts = {"jobs": expired.jobs, "chunks": expired.chunks, "results": expired.results}
    if expired.skipped:
        console.remark(f"warning: {expired.skipped} jobs stay: the bucket refused or never returned their objects")
    does = "would remove" if options.dry_run else "removed"
    facts = {"removed": counts, "skipped": expired.skipped, "dry_run": options.dry_run}
    console.result([f"{does}\t{_counts(counts)}"], facts)
    return 0


def read(client: Client, options: Options, console: Console) -> int:
    """Show how a text would be read."""
    more = _given(options, "voice", "language", "normalize", "dictionary")
    more |= {"say": respellings(options)} if options.say else {}
    reading = client.read(text_of(options.text, is_text=options.is_text), **cast("ReadOptions", more))
    console.warnings(list(reading.warnings))
    console.result([reading.text], dict(reading.reply))
    return 0


def check(client: Client, options: Options, console: Console) -> int:
    """Check whether a recording matches its text."""
    told = client.check(options.file, options.text, **cast("CheckOptions", _given(options, "language", "check")))
    for window in told.reply["check"]["chunks"]:
        for problem in window["problems"]:
            said = f"{problem.get('kind')} {problem.get('word') or ''}".rstrip()
            console.remark(f"in what begins at {window['start']:.1f} s: {said}")
    console.result([told.state], dict(told.reply))
    return 0 if told.state == "passed" else _NOT_AS_HOPED


def health(client: Client, options: Options, console: Console) -> int:
    """Check that the queue and a worker answer."""
    queue = client.queue_health()
    told = {"queue": queue} if options.queue else {"queue": queue, "worker": client.health()}
    worker = told.get("worker", {"status": "ok"})
    counts = [_counts(numbers) for numbers in (queue.get("workers"), queue.get("jobs")) if numbers]
    lines = [f"queue\t{'; '.join(counts) or 'none: a worker that answers HTTP has no queue'}"]
    if not options.queue:
        lines.append(f"worker\t{worker['status']}, {worker.get('default_engine')}, {worker.get('checkpoint')}")
    for problem in worker.get("problems", ()):
        console.remark(f"{problem.get('code')}: {problem.get('message')}")
    console.result(lines, told)
    return 0 if worker["status"] == "ok" else _NOT_AS_HOPED


def _counts(numbers: object) -> str:
    return ", ".join(f"{count} {name}" for name, count in numbers.items()) if isinstance(numbers, Mapping) else "?"


Command = Callable[[Client, Options, Console], int]
COMMANDS: Mapping[str, Command] = {
    "upload": upload,
    "voices": voices,
    "status": status,
    "cancel": cancel,
    "result": result,
    "delete": delete,
    "dictionary": dictionary,
    "dictionaries": dictionaries,
    "expire": expire,
    "read": read,
    "check": check,
    "health": health,
}
