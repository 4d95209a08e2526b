"""Speech in parts: they are in the bucket while the rest is spoken, and joined they are the result."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import pytest
import soundfile

from cloning import keys
from cloning.clock import Timings, no_timings
from cloning.errors import DeviceUnavailable, InvalidRequest, JobCancelled, SpeechMismatch, StorageUnavailable
from cloning.ports import Engine
from cloning.service import Call, Service
from storage.folder_store import FolderStore
from tests.conftest import with_settings
from tests.fakes import ManualClock, ToneEngine
from tests.stammerer import SPEAK as CHECKED
from tests.stammerer import world
from tests.unit.cloning.asking import TEXT, act

SPEAK: dict[str, Any] = {"text": TEXT, "voice": "anna", "seed": 1, "parts": True}


def pcm_of(body: bytes) -> np.ndarray[Any, Any]:
    samples: np.ndarray[Any, Any] = soundfile.read(io.BytesIO(body), dtype="int16")[0]
    return samples


def joined(service: Service, store: FolderStore, job: str = "j") -> np.ndarray[Any, Any]:
    """All parts of a job, fetched as its status names them, joined."""
    told = act(service, action="status", job_id=job, parts_after=-1)["parts"]
    for item in told["items"]:
        body = store.get(item["key"]).body
        assert (hashlib.sha256(body).hexdigest(), len(body)) == (item["sha256"], item["bytes"])
        assert len(pcm_of(body)) == item["samples"]
    return np.concatenate([pcm_of(store.get(item["key"]).body) for item in told["items"]])


def parts_in(store: FolderStore, job: str = "j") -> list[str]:
    return sorted(info.key for info in store.list(keys.part_folder(job)))


@pytest.mark.parametrize("form", ["wav", "flac"])
@pytest.mark.parametrize("cross_fade", [0, 0.15, 1])
def test_joined_parts_are_the_result(
    service: Service, store: FolderStore, anna: str, form: str, cross_fade: float
) -> None:
    """Joined parts equal the result sample for sample, pauses included."""
    text = f"[pause:200ms] {TEXT} [pause:1s] {TEXT}\n\nAnd an end. [pause:300ms]"
    request = {**SPEAK, "text": text, "format": form, "cross_fade_duration": cross_fade}

    reply = act(service, Call("j"), **request)

    assert np.array_equal(joined(service, store), pcm_of(store.get(reply["audio"]["key"]).body))
    assert reply["parts"]["ready"] == len(parts_in(store)) > 4
    assert reply["parts"]["seconds"] == reply["duration"]


def test_ogg_parts_have_the_results_length(service: Service, store: FolderStore, anna: str) -> None:
    """OGG is lossy, but its parts have together as many samples as the result."""
    reply = act(service, Call("j"), **SPEAK, parts_format="ogg", format="mp3")

    items = act(service, action="status", job_id="j", parts_after=-1)["parts"]["items"]
    assert sum(item["samples"] for item in items) == round(reply["duration"] * 24_000)
    assert {item["key"].rpartition(".")[2] for item in items} == {"ogg"}
    assert all(len(soundfile.read(io.BytesIO(store.get(item["key"]).body))[0]) for item in items)


def test_the_first_part_is_stored_while_the_second_chunk_is_spoken(
    service: Service, store: FolderStore, engine: ToneEngine, anna: str
) -> None:
    """The first part is stored before the second chunk is spoken, so early listening depends on no later chunk."""
    is_there = Event()
    waited: list[bool] = []

    def watched(key: str, body: bytes, *, content_type: str) -> str:
        etag = create(key, body, content_type=content_type)
        if key.startswith(keys.part_folder("j")):
            is_there.set()
        return etag

    create, store.create = store.create, watched  # type: ignore[method-assign]
    engine.before_speaking = lambda _: waited.append(not waited or is_there.wait(30))

    act(service, Call("j"), **SPEAK)

    assert len(waited) > 4
    assert all(waited)


def test_progress_tells_the_last_parts_with_their_places(service: Service, anna: str) -> None:
    """Each update has the last 16 parts and the number of all, so a listener may miss updates: RunPod shows only the latest."""
    sent: list[dict[str, Any]] = []

    act(service, Call("j", sent.append), **{**SPEAK, "text": TEXT * 6})

    ready = [update["parts"]["ready"] for update in sent]
    assert ready == sorted(ready)
    assert ready[0] == 0
    for update in sent:
        items = update["parts"]["items"]
        assert [item["index"] for item in items] == list(range(update["parts"]["ready"]))[-16:]
    last = sent[-1]["parts"]
    assert last["ready"] > 16
    assert last["items"][-1]["offset"] + last["items"][-1]["duration"] == pytest.approx(last["seconds"], abs=1e-3)


def test_status_lists_the_parts_page_by_page(service: Service, anna: str) -> None:
    """`status` lists the parts page by page after a given place; without one it lists the last."""
    act(service, Call("j"), **{**SPEAK, "text": "One, two.[pause:1ms]" * 130})

    total = act(service, action="status", job_id="j")["parts"]["ready"]
    found: list[int] = []
    after: int | None = -1
    while after is not None:
        page = act(service, action="status", job_id="j", parts_after=after)["parts"]
        found += [item["index"] for item in page["items"]]
        after = page["next_after"]

    assert total > 100
    assert found == list(range(total))


def test_a_job_without_parts_tells_of_none(service: Service, store: FolderStore, anna: str) -> None:
    """Without `parts` neither the replies nor the record nor the bucket has any."""
    sent: list[dict[str, Any]] = []

    reply = act(service, Call("j", sent.append), **{**SPEAK, "parts": False})

    assert not parts_in(store)
    assert "parts" not in reply
    assert all("parts" not in update for update in sent)
    assert "parts" not in act(service, action="status", job_id="j")


def test_the_same_seed_gives_the_same_speech_with_parts_and_without(service: Service, anna: str) -> None:
    """Parts don't change the speech: the same seed gives the same samples with and without them."""
    plain = act(service, Call("a"), **{**SPEAK, "parts": False})
    early = act(service, Call("b"), **SPEAK)

    assert plain["audio"]["sha256"] == early["audio"]["sha256"]


def test_parts_go_with_a_job_that_ends_without_a_result(
    service: Service, store: FolderStore, engine: ToneEngine, anna: str
) -> None:
    """If a job ends without a result, its parts are removed."""

    def cancel(_: str) -> None:
        if parts_in(store):
            act(service, action="cancel", job_id="j")

    engine.before_speaking = cancel
    with pytest.raises(JobCancelled):
        act(service, Call("j"), **SPEAK)

    assert not parts_in(store)
    assert "parts" not in act(service, action="status", job_id="j")


def test_parts_go_with_delete_and_stay_with_expire(
    service: Service, store: FolderStore, clock: ManualClock, anna: str
) -> None:
    """`delete` removes the parts; `expire` keeps those that the record names and removes others."""
    act(service, Call("j"), **SPEAK)
    named = parts_in(store)
    other = keys.part("j", service.jobs.get("j").created_at.isoformat(), 0, "f" * 64, "wav")
    store.put(other, b"of another engine", content_type="audio/wav")
    clock.advance(3600)

    act(service, action="expire", older_than_days=30)
    kept = parts_in(store)
    act(service, action="delete", job_id="j")

    assert kept == named
    assert not parts_in(store)


def test_a_worker_that_takes_over_goes_on_with_the_same_names(
    service: Service, store: FolderStore, engine: ToneEngine, clock: ManualClock, anna: str
) -> None:
    """A worker that takes over goes on with the same names, so that the parts reported before stay valid."""
    told: list[dict[str, Any]] = []

    def die(_: str) -> None:
        if len(parts_in(store)) > 1:
            raise StorageUnavailable("away")

    engine.before_speaking = die
    with pytest.raises(StorageUnavailable):
        act(service, Call("j", told.append), **SPEAK)
    before = {item["index"]: item["key"] for update in told for item in update["parts"]["items"]}
    engine.before_speaking = lambda _: None
    clock.advance(61)
    reply = act(service, Call("j"), **SPEAK)

    items = act(service, action="status", job_id="j", parts_after=-1)["parts"]["items"]
    assert reply["manifest"]["attempt"] == 2
    assert before
    assert before.items() <= {item["index"]: item["key"] for item in items}.items()
    assert np.array_equal(joined(service, store), pcm_of(store.get(reply["audio"]["key"]).body))


def test_a_part_that_the_bucket_does_not_take_comes_with_the_next(
    service: Service, store: FolderStore, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that the bucket refuses is stored with the next; all are there before the record says COMPLETED."""
    create, refused = store.create, 0

    def away(key: str, body: bytes, *, content_type: str) -> str:
        nonlocal refused
        if "/parts/" in key and refused < 3:
            refused += 1
            raise StorageUnavailable("not now")
        return create(key, body, content_type=content_type)

    monkeypatch.setattr(store, "create", away)
    reply = act(service, Call("j"), **SPEAK)

    assert refused == 3
    assert np.array_equal(joined(service, store), pcm_of(store.get(reply["audio"]["key"]).body))


def test_another_device_begins_the_parts_anew(service: Service, store: FolderStore, anna: str) -> None:
    """Another device's samples differ, so its parts start again; the first device's parts are removed."""
    first, second = ToneEngine(), _Other()

    def fail(_: str) -> None:
        if len(parts_in(store)) > 1:
            raise DeviceUnavailable("the GPU fell off the bus")

    first.before_speaking = fail
    real = service.engines.get

    def get(found: Any, *, device: str | None = None, part: Timings = no_timings) -> Engine:
        real(found, device=device, part=part)
        return second if device == "cpu" else first

    service.engines.get = get  # type: ignore[method-assign]
    reply = act(with_settings(service, device="cuda"), Call("j"), **SPEAK, device_fallback=True)

    assert len(first.history) > 1
    assert np.array_equal(joined(service, store), pcm_of(store.get(reply["audio"]["key"]).body))
    assert len(parts_in(store)) == reply["parts"]["ready"]


class _Other(ToneEngine):
    """The same noise, louder."""

    def speak(self, *asked: Any, **how: Any) -> Any:
        return super().speak(*asked, **how) * 2


def test_a_checked_part_is_published_when_it_has_passed(tmp_path: Any, human_wav: bytes) -> None:
    """A part is published once its chunk has passed the check; the result is the same as without parts."""
    service, engine, _ = world(tmp_path, human_wav, (0, 0), (0, 1), (2, 0))
    store = service.store
    assert isinstance(store, FolderStore)
    there: list[int] = []
    engine.before_speaking = lambda _: there.append(len(parts_in(store)))

    early = act(service, Call("j"), **CHECKED, parts=True)
    plain = act(service, Call("p"), **CHECKED)

    assert there[:4] == [0, 0, 0, 1]
    assert early["audio"]["sha256"] == plain["audio"]["sha256"]
    assert early["check"]["chunks"] == plain["check"]["chunks"]
    assert np.array_equal(joined(service, store), pcm_of(store.get(early["audio"]["key"]).body))


def test_what_fails_the_check_is_not_published_where_that_fails_the_job(tmp_path: Any, human_wav: bytes) -> None:
    """With `on_mismatch: fail` neither the chunk that fails its check nor a later one is published."""
    service, engine, _ = world(tmp_path, human_wav, (1, 0), (1, 1), (1, 2))
    store = service.store
    assert isinstance(store, FolderStore)
    most: list[int] = []
    engine.before_speaking = lambda _: most.append(len(parts_in(store)))

    with pytest.raises(SpeechMismatch):
        act(service, Call("j"), **CHECKED, parts=True, on_mismatch="fail")

    assert max(most) == 1
    assert not parts_in(store)


@pytest.mark.parametrize(
    ("more", "field"),
    [({"remove_silence": True}, "remove_silence"), ({"parts": False, "parts_format": "wav"}, "parts_format")],
)
def test_what_contradicts_parts_is_refused_by_name(service: Service, anna: str, more: Any, field: str) -> None:
    """Values that contradict `parts` are refused by name before anything is stored."""
    with pytest.raises(InvalidRequest) as caught:
        act(service, **{**SPEAK, **more})

    assert caught.value.details["field"] == field


def test_a_short_first_chunk_is_another_request(service: Service, anna: str) -> None:
    """A short first chunk changes the plan and so the samples; the other chunks are as long as usual."""
    usual = act(service, Call("a"), **{**SPEAK, "text": TEXT * 3})
    early = act(service, Call("b"), **{**SPEAK, "text": TEXT * 3}, first_chunk_s=2)

    sizes = [chunk["bytes"] for chunk in early["manifest"]["chunks"]]
    assert early["audio"]["sha256"] != usual["audio"]["sha256"]
    assert sizes[0] < min(sizes[1:])
    assert sizes[0] < min(chunk["bytes"] for chunk in usual["manifest"]["chunks"])


def test_a_job_that_is_cancelled_while_nobody_runs_it_leaves_nothing(
    service: Service, store: FolderStore, engine: ToneEngine, clock: ManualClock, anna: str
) -> None:
    """Cancelling a job whose worker is gone removes what it made; a finished job's parts stay."""
    act(service, Call("done"), **SPEAK, job_id="done")
    finished = parts_in(store, "done")

    def die(_: str) -> None:
        if len(parts_in(store)) > 1:
            raise StorageUnavailable("away")

    engine.before_speaking = die
    with pytest.raises(StorageUnavailable):
        act(service, Call("j"), **SPEAK)
    clock.advance(61)
    act(service, action="cancel", job_id="j")
    act(service, action="cancel", job_id="done")

    assert [info.key for info in store.list(keys.job_folder("j"))] == [keys.job_record("j")]
    assert parts_in(store, "done") == finished


def test_what_an_ended_job_leaves_is_removed_without_touching_a_later_one(
    service: Service, store: FolderStore, anna: str, clock: ManualClock
) -> None:
    """A late removal of an ended job's files doesn't touch a new job that has the same id by then."""
    later: list[Callable[[], None]] = []
    act(replace(service, in_background=later.append), Call("j"), **SPEAK)
    act(service, action="delete", job_id="j")
    clock.advance(1)
    act(service, Call("again"), job_id="j", **{**SPEAK, "text": "Another text. " * 40})
    named = parts_in(store)

    for work in later:
        work()

    assert parts_in(store) == named


def test_each_part_tells_what_it_follows(service: Service, anna: str) -> None:
    """Each part says what it follows, so that a listener who missed many sees whether the next one continues the same speech."""
    act(service, Call("a"), **SPEAK, job_id="a")
    act(service, Call("b"), **{**SPEAK, "seed": 2}, job_id="b")

    one, other = (act(service, action="status", job_id=job, parts_after=-1)["parts"]["items"] for job in "ab")
    window = act(service, action="status", job_id="a", parts_after=2)["parts"]["items"]
    assert [item["follows"] for item in one] == ["", *(item["chain"] for item in one[:-1])]
    assert window == [{**item, "expires_at": window[0]["expires_at"]} for item in one[3:]]
    assert not {item["chain"] for item in one} & {item["chain"] for item in other}
