"""Every store call of a generate may fail, before or after its effect: the next delivery ends with the same speech, once."""

import io
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile

from cloning import keys
from cloning.service import Call, Service
from cloning.settings import Settings
from handler import answer
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, make_service
from tests.faults.flaky_store import FlakyStore, Killed
from tests.standins.fakes import EchoTranscriber, ManualClock, ToneEngine

TEXT = "The quick brown fox jumps over the lazy dog, and then it sleeps. " * 8
SPEAK = {"text": TEXT, "voice": "anna", "seed": 3, "job_id": "j"}


class World:
    """A bucket with a voice, and workers that share it."""

    def __init__(self, folder: Path, human_wav: bytes, *, transcript: bool) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.store = FlakyStore(folder / "bucket")
        self.engine = ToneEngine()
        upload = {"action": "upload", "voice": "anna", "audio": b64encode(human_wav).decode(), "consent": True}
        reply = answer(self.worker(), upload | ({"transcript": SPOKEN} if transcript else {}), Call("u"))
        assert reply["status"] == "STORED"
        self.store.calls = 0

    def worker(self, name: str = "w1") -> Service:
        settings = Settings(data_dir=self.folder / "bucket")
        return make_service(settings, self.store, self.clock, self.engine, EchoTranscriber(), self.folder, worker=name)

    def chunks(self) -> list[str]:
        return [info.key for info in self.store.list(keys.chunk_folder("j"))]

    def clear_scratch(self) -> None:
        for path in (self.folder / "scratch").glob("*"):
            path.unlink()


def calm(tmp_path: Path, human_wav: bytes, *, transcript: bool) -> tuple[str, int]:
    """(sha256 of an undisturbed run, the number of its store calls)"""
    world = World(tmp_path / "calm", human_wav, transcript=transcript)
    reply = answer(world.worker(), SPEAK, Call("j"))
    assert reply["status"] == "COMPLETED"
    return reply["audio"]["sha256"], world.store.calls


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("transcript", [True, False], ids=["transcript", "no-transcript"])
def test_any_store_call_may_fail(tmp_path: Path, human_wav: bytes, *, after_effect: bool, transcript: bool) -> None:
    """The reply is retryable; delivered again, the job ends COMPLETED with the samples of an undisturbed run."""
    (tmp_path / "calm").mkdir()
    expected, calls = calm(tmp_path, human_wav, transcript=transcript)
    assert calls > 8

    for n in range(1, calls + 1):
        (tmp_path / f"{n}").mkdir()
        world = World(tmp_path / f"{n}", human_wav, transcript=transcript)
        world.store.fail_at, world.store.after_effect = n, after_effect
        first = answer(world.worker(), SPEAK, Call("j"))
        world.store.fail_at = (
            0  # chunks are kept in the background: this run may have made fewer calls than the calm one
        )
        world.clock.advance(61)
        world.clear_scratch()
        second = answer(world.worker("w2"), SPEAK, Call("j"))

        assert first.get("status") == "COMPLETED" or (first["code"], first["retryable"]) == (
            "STORAGE_UNAVAILABLE",
            True,
        ), n
        assert (second["status"], second["audio"]["sha256"]) == ("COMPLETED", expected), n
        results = [info.key for info in world.store.list("results/")]
        assert results == [keys.manifest_of(second["audio"]["key"]), second["audio"]["key"]], n
        assert first.get("status") == "COMPLETED" or not world.chunks(), n  # a first end's removal may be what failed


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
def test_a_worker_may_die_at_any_store_call(tmp_path: Path, human_wav: bytes, *, after_effect: bool) -> None:
    """A killed worker writes nothing more, its lease ends, and the next worker finishes with the same samples, once."""
    (tmp_path / "calm").mkdir()
    expected, calls = calm(tmp_path, human_wav, transcript=True)

    for n in range(1, calls + 1):
        (tmp_path / f"{n}").mkdir()
        world = World(tmp_path / f"{n}", human_wav, transcript=True)
        world.store.fail_at, world.store.after_effect, world.store.kills = n, after_effect, True
        with suppress(Killed):  # in the background, where chunks are kept, it kills nobody
            answer(world.worker(), SPEAK, Call("j"))
        world.store.fail_at = 0
        world.clock.advance(61)
        world.clear_scratch()
        second = answer(world.worker("w2"), SPEAK, Call("j"))

        assert (second["status"], second["audio"]["sha256"]) == ("COMPLETED", expected), n
        results = [info.key for info in world.store.list("results/")]
        assert results == [keys.manifest_of(second["audio"]["key"]), second["audio"]["key"]], n
        answer(world.worker("w2"), {"action": "expire", "older_than_days": 30}, Call("e"))
        assert not world.chunks(), n


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
def test_parts_stay_true_whichever_store_call_kills_the_worker(
    tmp_path: Path, human_wav: bytes, *, after_effect: bool
) -> None:
    """The parts that a killed worker had reported are the next worker's too; joined they have the undisturbed run's samples."""
    request = {**SPEAK, "parts": True}
    (tmp_path / "calm").mkdir()
    calm_world = World(tmp_path / "calm", human_wav, transcript=True)
    expected = _samples(calm_world.store, answer(calm_world.worker(), request, Call("j"))["audio"]["key"])

    for n in range(1, calm_world.store.calls + 1):
        (tmp_path / f"{n}").mkdir()
        world = World(tmp_path / f"{n}", human_wav, transcript=True)
        world.store.fail_at, world.store.after_effect, world.store.kills = n, after_effect, True
        updates: list[dict[str, Any]] = []
        with suppress(Killed):
            answer(world.worker(), request, Call("j", updates.append))
        world.store.fail_at = 0
        world.clock.advance(61)
        world.clear_scratch()
        second = answer(world.worker("w2"), request, Call("j"))
        status = answer(world.worker("w2"), {"action": "status", "job_id": "j", "parts_after": -1}, Call("s"))

        told = {place: key for update in updates for place, key in _keys_of(update).items()}
        named = _keys_of(status)
        assert second["status"] == "COMPLETED", n
        assert told.items() <= named.items(), n
        assert b"".join(_samples(world.store, named[place]) for place in sorted(named)) == expected, n
        assert [info.key for info in world.store.list(keys.part_folder("j"))] == sorted(named.values()), n


def _keys_of(reply: dict[str, Any]) -> dict[int, str]:
    return {item["index"]: item["key"] for item in reply["parts"]["items"]}


def _samples(store: FolderStore, key: str) -> bytes:
    samples: bytes = soundfile.read(io.BytesIO(store.get(key).body), dtype="int16")[0].tobytes()
    return samples


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kills", [False, True], ids=["fails", "dies"])
def test_what_goes_wrong_behind_the_end_changes_nothing(
    tmp_path: Path, human_wav: bytes, *, kills: bool, after_effect: bool
) -> None:
    """The job is COMPLETED before its chunks are removed: a failure there changes neither the reply nor the record."""
    (tmp_path / "calm").mkdir()
    world = World(tmp_path / "calm", human_wav, transcript=True)
    later: list[Callable[[], None]] = []
    reply = answer(replace(world.worker(), in_background=later.append), SPEAK, Call("j"))
    record = world.store.get(keys.job_record("j"))
    kept = [f"{keys.chunk_folder('j')}{n}.wav" for n in range(2)]  # how many it kept itself is chance

    for n in range(1, len(kept) + 2):
        for key in kept:
            world.store.put(key, b"samples", content_type="audio/wav")
        world.store.calls, world.store.fail_at = 0, n
        world.store.after_effect, world.store.kills = after_effect, kills
        with suppress(Killed):
            later[0]()
        world.store.fail_at = 0

        again = answer(world.worker("w2"), SPEAK, Call("j"))
        assert (again["manifest"], again["audio"]["sha256"]) == (reply["manifest"], reply["audio"]["sha256"]), n
        assert world.store.get(keys.job_record("j")) == record, n
    later[0]()
    assert (reply["status"], world.chunks()) == ("COMPLETED", [])


def test_a_worker_that_is_late_with_a_chunk_leaves_it_to_expire(tmp_path: Path, human_wav: bytes) -> None:
    """A worker thought dead may write a chunk after the job's end: the result doesn't change, and `expire` removes the chunk."""
    world = World(tmp_path, human_wav, transcript=True)
    reply = answer(world.worker(), SPEAK, Call("j"))
    world.store.put(keys.chunk("j", 1, "a" * 64), b"late", content_type="audio/wav")

    again = answer(world.worker("w2"), SPEAK, Call("j"))
    left = world.chunks()
    removed = answer(world.worker("w2"), {"action": "expire", "older_than_days": 30}, Call("e"))["removed"]

    assert (again["manifest"], len(left), removed["chunks"]) == (reply["manifest"], 1, 1)
    assert not world.chunks()


@pytest.mark.parametrize("extra", [{}, {"transcript": SPOKEN}], ids=["bare", "transcript"])
def test_an_upload_makes_four_store_calls_at_most(tmp_path: Path, human_wav: bytes, extra: dict[str, str]) -> None:
    """An upload looks for a voice and an older deployment's file, and writes audio and record; sent again, it makes one call."""
    world = World(tmp_path, human_wav, transcript=True)
    upload = {"action": "upload", "voice": "bea", "audio": b64encode(human_wav).decode(), "consent": True, **extra}

    answer(world.worker(), upload, Call("u"))
    first = world.store.calls
    answer(world.worker(), upload, Call("u"))

    assert (first, world.store.calls - first) == (4, 1)


OLD = {"action": "dictionary", "dictionary": "names", "say": {"GIF": "ghif"}}
NEW = {**OLD, "say": {"GIF": "jif"}, "replace": True}
READ = {"action": "read", "text": "A GIF.", "dictionary": "names"}


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("before", "request_", "calls"),
    [
        ([], NEW, 2),
        ([OLD], NEW, 2),
        ([OLD], {"action": "dictionaries"}, 2),
        ([OLD], READ, 1),
        ([OLD], {"action": "delete", "dictionary": "names"}, 2),
    ],
    ids=["new", "replaced", "listed", "read", "deleted"],
)
def test_any_store_call_for_a_dictionary_may_fail(
    tmp_path: Path, before: list[dict[str, Any]], request_: dict[str, Any], calls: int, *, after_effect: bool
) -> None:
    """The reply is retryable, or names the record that couldn't be read; sent again, the request succeeds as if nothing had happened."""
    calm = FlakyStore(tmp_path / "calm")
    expected = _asked(calm, tmp_path, before, request_)

    for n in range(1, calls + 1):
        store = FlakyStore(tmp_path / f"{n}")
        store.after_effect = after_effect
        failed = _asked(store, tmp_path, before, request_, fail_at=n)
        again = _asked(store, tmp_path, [], request_)

        assert failed.get("code", "STORAGE_UNAVAILABLE") == "STORAGE_UNAVAILABLE", n
        assert ("code" in failed) == failed.get("retryable", False), n
        assert again == expected or (again["code"] == "DICTIONARY_NOT_FOUND" and "delete" in str(request_)), n
    assert calm.calls == calls


def _asked(
    store: FlakyStore, folder: Path, before: list[dict[str, Any]], request: dict[str, Any], fail_at: int = 0
) -> dict[str, Any]:
    service = make_service(Settings(), store, ManualClock(), ToneEngine(), EchoTranscriber(), folder)
    for one in before:
        assert answer(service, one, Call("d"))["status"] == "STORED"
    store.calls, store.fail_at = 0, fail_at
    reply = answer(service, request, Call("d"))
    store.fail_at = 0
    return reply


def test_a_clean_generate_makes_few_store_calls(tmp_path: Path, human_wav: bytes) -> None:
    """The calls are counted, because each is a round trip that a GPU waits for, or a request that costs money."""
    (tmp_path / "calm").mkdir()
    world = World(tmp_path / "calm", human_wav, transcript=True)
    world.clear_scratch()
    reply = answer(world.worker(), SPEAK, Call("j"))
    generate = world.store.calls
    chunks = len(reply["manifest"]["chunks"])

    world.store.calls = 0
    answer(world.worker(), {"action": "status", "job_id": "j"}, Call("s"))
    status = world.store.calls
    answer(world.worker(), {"action": "result", "job_id": "j"}, Call("r"))
    result = world.store.calls - status

    world.store.calls = 0
    answer(world.worker(), SPEAK | {"text": "Hello.", "job_id": "short"}, Call("k"))
    short = world.store.calls

    # job?, voice, claim, reference, start; a report between two chunks; renewal, speech, manifest, completion. Beside them, in the
    # background, each chunk but the last (those still waiting when the speech is whole are let go); behind them a look for
    # those, and the removal of each.
    assert 10 + (chunks - 1) <= generate <= 10 + 3 * (chunks - 1)
    assert (short, status, result) == (8, 1, 1)  # one chunk; the reference is in the worker's own folder
