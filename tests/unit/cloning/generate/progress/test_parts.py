"""Speech in parts: they are in the bucket while the rest is spoken, and joined they are the result."""

import io
from threading import Event
from typing import Any

import numpy as np
import pytest
import soundfile

from cloning import keys
from cloning.errors import InvalidRequest
from cloning.service import Call, Service
from storage.folder_store import FolderStore
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.asking import TEXT, act
from tests.unit.cloning.generate.progress.listening import SPEAK, joined, parts_in, pcm_of


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


def test_each_part_tells_what_it_follows(service: Service, anna: str) -> None:
    """Each part says what it follows, so that a listener who missed many sees whether the next one continues the same speech."""
    act(service, Call("a"), **SPEAK, job_id="a")
    act(service, Call("b"), **{**SPEAK, "seed": 2}, job_id="b")

    one, other = (act(service, action="status", job_id=job, parts_after=-1)["parts"]["items"] for job in "ab")
    window = act(service, action="status", job_id="a", parts_after=2)["parts"]["items"]
    assert [item["follows"] for item in one] == ["", *(item["chain"] for item in one[:-1])]
    assert window == [{**item, "expires_at": window[0]["expires_at"]} for item in one[3:]]
    assert not {item["chain"] for item in one} & {item["chain"] for item in other}
