"""Any field of a stored record may hold anything: the reply is the usual one or RECORD_DAMAGED, and nothing else is touched."""

import copy
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloning import keys
from cloning.ports import ObjectInfo, StoredObject
from cloning.service import Call, Service
from cloning.settings import Settings
from handler import answer
from tests.conftest import SPOKEN, make_service
from tests.standins.fakes import EchoTranscriber, ManualClock, ToneEngine
from tests.standins.memory_store import Bucket, MemoryStore

HOSTILE: list[object] = [
    None, True, 0, -1, 5, 0.001, 3600.0, 1e12, 1e308, 10**30, 10**400, 2**63, "", "x", "..", "../x", "../../etc/passwd",
    "/etc/passwd", "a" * 64, "A" * 64, "ben", "voices/ben/voice.json", "2020-01-01T00:00:00", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "RUNNING", "COMPLETED", "FAILED", "IN_PROGRESS", "a b " * 5000,
    [], {}, [[]], {"a": [[]]}, [{}], {"error": "x", "refresh_worker": True}, {"code": "X"}, "\x00", "\u202e",
    float("nan"), float("inf"), float("-inf"),
]  # fmt: skip
leaves = st.sampled_from(HOSTILE) | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


class Recording(MemoryStore):
    """Notes every key that is read or written, and every URL that is signed."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(bucket)
        self.touched: list[str] = []

    def get(self, key: str, *, most: int | None = None) -> StoredObject:
        self.touched.append(key)
        return super().get(key, most=most)

    def head(self, key: str) -> ObjectInfo:
        self.touched.append(key)
        return super().head(key)

    def put(self, key: str, body: bytes, *, content_type: str) -> str:
        self.touched.append(key)
        return super().put(key, body, content_type=content_type)

    def delete(self, key: str) -> None:
        self.touched.append(key)
        super().delete(key)

    def url(self, key: str, *, expires_s: int) -> str:
        self.touched.append(key)
        return super().url(key, expires_s=expires_s)


class World:
    """A service on a bucket with two voices, a dictionary and a finished job."""

    def __init__(self, folder: Path, human_wav: bytes) -> None:
        self.folder = folder
        self.store = Recording(Bucket())
        limits = Settings(max_reply_mb=9.5)
        self.service = make_service(limits, self.store, ManualClock(), ToneEngine(), EchoTranscriber(), folder)
        audio = b64encode(human_wav).decode()
        for voice in ("anna", "ben"):
            self.ask(action="upload", voice=voice, audio=audio, consent=True, transcript=SPOKEN, language="en")
        self.ask(action="dictionary", dictionary="names", say={"GIF": "jif", "SQL": "sequel"})
        assert self.ask(voice="anna", text="Hello.", job_id="done")["status"] == "COMPLETED"
        self.calm = dict(self.store.bucket.objects)

    def ask(self, **request: Any) -> dict[str, Any]:
        return answer(self.service, request, Call("call"))

    def again(self) -> None:
        """Put the bucket back as it was."""
        self.store.bucket.objects = dict(self.calm)
        self.store.touched = []
        for path in (self.folder / "scratch").glob("*.wav"):
            path.unlink()

    def body(self, key: str) -> dict[str, Any]:
        return dict(json.loads(self.calm[key].body))


@pytest.fixture(scope="module")
def world(human_wav: bytes) -> Iterator[World]:
    with TemporaryDirectory() as folder:
        yield World(Path(folder), human_wav)


def paths(value: object, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every field of a JSON value."""
    if here:
        yield here
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from paths(inner, (*here, name))


def changed(body: dict[str, Any], path: tuple[Any, ...], value: object) -> bytes:
    body = copy.deepcopy(body)
    inner: Any = body
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return json.dumps(body).encode()


def mutations(body: dict[str, Any], data: st.DataObject) -> bytes:
    path = data.draw(st.sampled_from(sorted(paths(body), key=str)), "field")
    return changed(body, path, data.draw(anything, "value"))


ENOUGH = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def check_reply(reply: dict[str, Any], *usual: str) -> None:
    assert reply.get("code") in (None, "RECORD_DAMAGED", *usual), reply
    json.dumps(reply, allow_nan=False)
    assert "refresh_worker" not in reply


@given(data=st.data())
@ENOUGH
def test_any_field_of_a_voices_record(world: World, data: st.DataObject) -> None:
    """The voice's own actions report the damage, the list goes on, a delete works, and no other voice's key or file is used."""
    world.again()
    key = keys.voice_record("anna")
    world.store.bucket.write(key, mutations(world.body(key), data))

    check_reply(
        world.ask(text="Hello there.", voice="anna", job_id="new"),
        "VOICE_NOT_FOUND",
        "TRANSCRIPTION_FAILED",
        "INVALID_TEXT",
        "INVALID_REQUEST",
    )
    own = ("voices/anna/", "voices/anna.wav", "jobs/new/", "results/new.")
    assert all(one.startswith(own) for one in world.store.touched), world.store.touched
    assert all(path.name.startswith("anna.") for path in (world.folder / "scratch").iterdir())
    listed = world.ask(action="voices")["voices"]
    assert [one["voice"] for one in listed] == ["anna", "ben"]
    check_reply(world.ask(action="delete", voice="anna"))
    assert [one["voice"] for one in world.ask(action="voices")["voices"]] == ["ben"]


@given(data=st.data())
@ENOUGH
def test_any_field_of_a_jobs_record(world: World, data: st.DataObject) -> None:
    """Every action on the job answers, `expire` goes on, and no object of another job is read, signed or removed."""
    world.again()
    key = keys.job_record("done")
    world.store.bucket.write(key, mutations(world.body(key), data))

    for request in (
        {"action": "status", "job_id": "done"},
        {"action": "result", "job_id": "done"},
        {"action": "result", "job_id": "done", "delivery": "inline"},
        {"action": "cancel", "job_id": "done"},
    ):
        check_reply(
            world.ask(**request),
            "JOB_NOT_FINISHED",
            "JOB_FAILED",
            "JOB_CANCELLED",
            "STORAGE_UNAVAILABLE",
            "RESULT_TOO_LARGE",
        )
    assert all(one.startswith(("jobs/done/", "results/done.")) for one in world.store.touched), world.store.touched
    assert "removed" in world.ask(action="expire", older_than_days=1000)
    assert "removed" in world.ask(action="expire", older_than_days=0)
    check_reply(world.ask(action="delete", job_id="done"), "CONFLICT", "JOB_NOT_FOUND")


@given(data=st.data())
@ENOUGH
def test_any_field_of_a_dictionarys_record(world: World, data: st.DataObject) -> None:
    """Whatever names the dictionary reports the damage, the list goes on, a delete works, and nothing else is read."""
    world.again()
    key = keys.dictionary("names")
    world.store.bucket.write(key, mutations(world.body(key), data))

    reply = world.ask(action="read", text="A GIF.", dictionary="names")
    check_reply(reply)
    assert "code" in reply or reply["reading"] == "A jif."
    assert [one["dictionary"] for one in world.ask(action="dictionaries")["dictionaries"]] == ["names"]
    check_reply(world.ask(action="delete", dictionary="names"))
    assert set(world.store.touched) == {key}


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_every_field_with_every_known_malice(world: World, number: int) -> None:
    """No known malicious value in any field gives INTERNAL, and the list stays whole."""
    value = HOSTILE[number]
    voice, job, dictionary = keys.voice_record("anna"), keys.job_record("done"), keys.dictionary("names")
    for path in paths(world.body(dictionary)):
        world.again()
        world.store.bucket.write(dictionary, changed(world.body(dictionary), path, value))
        assert [one["dictionary"] for one in world.ask(action="dictionaries")["dictionaries"]] == ["names"], path
    for path in paths(world.body(voice)):
        world.again()
        world.store.bucket.write(voice, changed(world.body(voice), path, value))
        listed = world.ask(action="voices")
        assert [one["voice"] for one in listed["voices"]] == ["anna", "ben"], path
    for path in paths(world.body(job)):
        world.again()
        world.store.bucket.write(job, changed(world.body(job), path, value))
        for request in ({"action": "status"}, {"action": "result"}):
            reply = world.ask(**request, job_id="done")
            assert reply.get("code") != "INTERNAL", (path, reply)


def test_a_service_is_a_service(world: World) -> None:
    """Without any damage, all actions of this world work as usual."""
    world.again()

    assert isinstance(world.service, Service)
    assert world.ask(action="result", job_id="done")["status"] == "COMPLETED"
