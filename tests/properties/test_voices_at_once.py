"""Uploads, deletes and jobs that use one voice at the same time, interleaved at every store call."""

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloning import keys
from cloning.audio.canonical import Canonical, Measures
from cloning.errors import Conflict, ServiceError, VoiceNotFound
from cloning.ports import ObjectStore
from cloning.voices.library import VoiceLibrary
from cloning.voices.record import NewVoice, Voice
from tests.interleaving import SteppingStore, interleaved
from tests.standins.fakes import InlineDecoder, ManualClock
from tests.standins.memory_store import Bucket, MemoryStore

Operation = Callable[[SteppingStore], object]
SECOND = 44 + 48_000
MEASURES = Measures(1.0, 24_000, -3.0, -20.0, 0.0, 0.1, 40.0)
orders = st.lists(st.integers(0, 5), min_size=10, max_size=80)


class Ticking(ManualClock):
    """A clock on which no two moments are the same."""

    def now(self) -> datetime:
        self.advance(0.001)
        return super().now()


CLOCK = Ticking()


def library(store: ObjectStore, scratch: Path) -> VoiceLibrary:
    return VoiceLibrary(store, CLOCK, scratch, InlineDecoder(), max_audio_bytes=10_000_000)


def upload(sound: bytes, *, replace: bool, consent: str = "signed form") -> Operation:
    def run(store: SteppingStore) -> Voice:
        new = NewVoice("anna", consent=consent, language="en", transcript=None)
        canonical = Canonical(sound * SECOND, 1.0, clipped=False)
        return library(store, Path()).add(new, canonical, MEASURES, replace=replace)

    return run


def delete(store: SteppingStore) -> None:
    library(store, Path()).delete("anna")


def transcribe(store: SteppingStore) -> Voice:
    voices = library(store, Path())
    return voices.with_transcript(voices.get("anna"), "words", "whisper")


def read(store: SteppingStore) -> None:
    """Read as a job does: the record first, and later the audio that it names."""
    with TemporaryDirectory() as scratch:
        voices = library(store, Path(scratch))
        voice, path = voices.with_audio(voices.get("anna"))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == voice.audio.sha256


def stored_before(bucket: Bucket, history: Sequence[Operation]) -> None:
    for operation in history:
        interleaved(bucket, [operation], [])


def record(bucket: Bucket) -> Voice | None:
    there = bucket.objects.get(keys.voice_record("anna"))
    return Voice.model_validate_json(there.body) if there else None


def audio(bucket: Bucket) -> dict[str, bytes]:
    return {key: there.body for key, there in bucket.objects.items() if key.endswith(".wav")}


def check_named(bucket: Bucket) -> None:
    """Check that the audio that the record names is there and has its digest."""
    if voice := record(bucket):
        there = audio(bucket)[keys.voice_audio("anna", voice.audio.sha256, voice.edition)]
        assert hashlib.sha256(there).hexdigest() == voice.audio.sha256


REPLACERS = {
    "b": upload(b"b", replace=True),
    "c": upload(b"c", replace=True),
    "a again": upload(b"a", replace=True),
    "a with another consent": upload(b"a", replace=True, consent="by telephone"),
    "transcribe": transcribe,
    "read": read,
}
HISTORIES: dict[str, list[Operation]] = {
    "one upload": [upload(b"a", replace=False)],
    "replaced once": [upload(b"a", replace=False), upload(b"b", replace=True)],
    "replaced and back": [upload(b"a", replace=False), upload(b"b", replace=True), upload(b"a", replace=True)],
}


@pytest.mark.parametrize("history", HISTORIES)
@given(names=st.lists(st.sampled_from(sorted(REPLACERS)), min_size=2, max_size=4), order=orders)
@settings(max_examples=60, deadline=None)
def test_replacements_at_once_never_part_a_record_from_its_audio(
    history: str, names: list[str], order: list[int]
) -> None:
    """At no moment are record and audio parted: one caller wins, the loser gets an error, jobs read on, and nothing else is left."""
    bucket = Bucket()
    stored_before(bucket, HISTORIES[history])

    outcomes = interleaved(bucket, [REPLACERS[name] for name in names], order, lambda: check_named(bucket))

    for name, outcome in zip(names, outcomes, strict=True):
        assert not isinstance(outcome, Exception) or (name not in ("read", "transcribe") and type(outcome) is Conflict)
    assert len(audio(bucket)) == 1
    final = record(bucket)
    uploads = [one for one in outcomes if isinstance(one, Voice)]
    assert final is not None
    assert not uploads or any(one.audio == final.audio for one in uploads)


@given(
    first=st.sampled_from(["b", "a again", "a with another consent", "plain a", "plain b"]),
    others=st.lists(st.sampled_from(["delete", "b", "read", "transcribe"]), max_size=1),
    history=st.sampled_from([[], *HISTORIES.values()]),
    order=orders,
)
@settings(max_examples=200, deadline=None)
def test_an_upload_beside_a_delete_ends_whole_or_gone(
    first: str, others: list[str], history: list[Operation], order: list[int]
) -> None:
    """A record stays with its audio, or neither stays. (docs/decisions/0029 lists the interleavings that are left out.)"""
    sound = first.rsplit(" ", maxsplit=1)[-1] if first.startswith("plain") else first[0]
    assume(sound != "a" or others != ["delete"])
    assume(first != "plain b" or others != ["b"])
    bucket = Bucket()
    stored_before(bucket, history)
    known = REPLACERS | {
        "delete": delete,
        "plain a": upload(b"a", replace=False),
        "plain b": upload(b"b", replace=False),
    }

    outcomes = interleaved(bucket, [known[first], delete, *(known[name] for name in others)], order)

    assert all(not isinstance(one, Exception) or isinstance(one, Conflict | VoiceNotFound) for one in outcomes)
    check_named(bucket)
    if record(bucket) is None and first in ("b", "a again", "a with another consent") and history and not others:
        assert audio(bucket) == {}


@given(order=orders)
@settings(max_examples=100, deadline=None)
def test_damage_is_replaced_by_one_of_two(order: list[int]) -> None:
    """Of two uploads that replace a damaged record, neither removes what the other has stored."""
    bucket = Bucket()
    stored_before(bucket, HISTORIES["one upload"])
    bucket.write(keys.voice_record("anna"), b'{"voice":"anna"')

    outcomes = interleaved(bucket, [REPLACERS["b"], REPLACERS["c"]], order)

    assert sum(isinstance(one, Voice) for one in outcomes) >= 1
    assert all(isinstance(one, Voice | Conflict) for one in outcomes)
    check_named(bucket)
    assert len(audio(bucket)) == 1


def test_every_meeting_of_a_replacement_and_a_delete() -> None:
    """A replacement and a delete end in a whole voice or none, in all orders in which one of them pauses once."""
    for at, other_first in itertools.product(range(14), (0, 1)):
        bucket = Bucket()
        stored_before(bucket, HISTORIES["one upload"])

        outcomes = interleaved(bucket, [REPLACERS["b"], delete], [other_first] * at + [1 - other_first] * 40)

        check_named(bucket)
        assert all(not isinstance(one, Exception) or isinstance(one, ServiceError) for one in outcomes), outcomes
        if record(bucket) is None:
            assert audio(bucket) == {}, (at, other_first)


def test_what_was_lost_in_the_bucket_comes_back_with_an_upload() -> None:
    """The advice to upload a voice again whose audio is lost works."""
    bucket = Bucket()
    stored_before(bucket, HISTORIES["one upload"])
    for key in audio(bucket):
        bucket.remove(key)

    told = interleaved(bucket, [read, REPLACERS["a again"], read], [0] * 20)

    assert isinstance(told[0], VoiceNotFound)
    assert "replace: true" in str(told[0])
    assert told[2] is None
    assert json.loads(MemoryStore(bucket).get(keys.voice_record("anna")).body)["voice"] == "anna"
