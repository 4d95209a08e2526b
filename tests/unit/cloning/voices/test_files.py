"""Voices on a worker's own disk, used by several jobs at a time."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloning.errors import StorageUnavailable
from cloning.voices.files import VoiceFiles
from cloning.voices.record import Consent, Voice, VoiceAudio

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = NOW.timestamp() - 7200


def sound(name: str) -> bytes:
    return name.encode().ljust(44 + 48_000, b".")


def voice(name: str, of: str | None = None) -> Voice:
    body = sound(of or name)
    audio = VoiceAudio(sha256=hashlib.sha256(body).hexdigest(), bytes=len(body), duration=1.0, clipped=False)
    consent = Consent(given=True, statement=None, recorded_at=NOW)
    return Voice(voice=name, audio=audio, transcript=None, language=None, consent=consent, measured={}, created_at=NOW)


def putting(body: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(body)


@pytest.fixture
def files(tmp_path: Path) -> VoiceFiles:
    return VoiceFiles(tmp_path, NOW.timestamp, most=2)


def test_what_was_brought_is_found(files: VoiceFiles) -> None:
    """A fetched voice is found intact, without a second download."""
    path = files.bring(voice("anna"), putting(sound("anna")))

    assert files.find(voice("anna")) == path
    assert path.read_bytes() == sound("anna")


def test_a_voice_finds_no_other_voices_audio(files: VoiceFiles) -> None:
    """A record that names another voice's digest doesn't lead to that voice's audio."""
    files.bring(voice("anna"), putting(sound("anna")))

    assert files.find(voice("ben", of="anna")) is None


@pytest.mark.parametrize("body", [b"", sound("anna")[:-1], sound("ben")], ids=["empty", "cut", "other"])
def test_what_is_not_whole_is_not_handed_out(files: VoiceFiles, body: bytes) -> None:
    """A file that isn't whole is neither used nor kept; the next use downloads it again."""
    path = files.bring(voice("anna"), putting(sound("anna")))
    path.write_bytes(body)

    assert files.find(voice("anna")) is None
    assert not path.exists()


def test_a_file_that_goes_between_two_looks_is_not_made_anew_empty(
    files: VoiceFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setting a file's time never creates it, even if another process removes it between two looks."""
    path = files.bring(voice("anna"), putting(sound("anna")))
    really = os.utime

    def gone_first(which: Path, times: tuple[float, float]) -> None:
        path.unlink()
        really(which, times)

    monkeypatch.setattr(os, "utime", gone_first)

    assert files.find(voice("anna")) is None
    assert not path.exists()


def test_the_longest_unused_go(files: VoiceFiles) -> None:
    """The least recently used go; a voice found a moment ago counts as used."""
    paths = {name: files.bring(voice(name), putting(sound(name))) for name in "abc"}
    for age, path in enumerate(paths.values()):
        os.utime(path, (LONG_AGO - age, LONG_AGO - age))
    files.find(voice("c"))

    files.bring(voice("d"), putting(sound("d")))

    assert sorted(name for name, path in paths.items() if path.exists()) == ["a", "c"]


def test_what_a_job_may_be_reading_stays(files: VoiceFiles) -> None:
    """A file that was handed out within the last hour stays, because a job may be reading it."""
    paths = [files.bring(voice(name), putting(sound(name))) for name in "abcde"]

    assert all(path.exists() for path in paths)


def test_there_is_an_end_to_what_is_kept(files: VoiceFiles) -> None:
    """At most sixteen times the usual number of files is kept, however young they are."""
    for number in range(40):
        files.bring(voice(f"v{number}"), putting(sound(f"v{number}")))

    assert sum(files.find(voice(f"v{number}")) is not None for number in range(40)) <= 2 * 16 + 1


def test_many_jobs_at_once_get_their_own_voice_whole(tmp_path: Path) -> None:
    """Many jobs that find, fetch and evict files at once each get their own voice whole."""
    files = VoiceFiles(tmp_path, NOW.timestamp, most=1)

    def ask(number: int) -> bool:
        name = f"v{number % 5}"
        path = files.find(voice(name)) or files.bring(voice(name), arriving(sound(name)))
        whole = path.read_bytes() == sound(name)
        other = tmp_path / f"old-{number}.wav"
        other.write_bytes(b"")
        os.utime(other, (LONG_AGO, LONG_AGO))
        return whole

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(200)))


def arriving(body: bytes) -> Callable[[Path], object]:
    """Write as a store's download does: whole or not at all."""

    def download(path: Path) -> None:
        part = path.with_name(f".{id(path)}.part")
        part.write_bytes(body)
        part.replace(path)

    return download


def test_an_eviction_beside_ours_ends_no_job(
    files: VoiceFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another process evicts a file after it was listed, no job fails."""
    for name in "abc":
        files.bring(voice(name), putting(sound(name)))
    listed = Path.glob

    def overtaken(folder: Path, pattern: str) -> list[Path]:
        found = list(listed(folder, pattern))
        found[0].unlink()
        return found

    monkeypatch.setattr(Path, "glob", overtaken)

    assert files.bring(voice("d"), putting(sound("d"))).exists()


def test_a_download_that_fails_is_told(files: VoiceFiles) -> None:
    """A failed download is reported and leaves nothing that a later job would find."""

    def failing(_: Path) -> None:
        raise StorageUnavailable("the bucket does not answer")

    with pytest.raises(StorageUnavailable):
        files.bring(voice("anna"), failing)
    assert files.find(voice("anna")) is None
