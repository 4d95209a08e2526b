"""A phone model beside the recogniser: asked by `full`, only where speech passes otherwise, and never needed."""

import base64
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import current_thread
from typing import Any

import pytest

from cloning import keys
from cloning.errors import Interrupted
from cloning.ports import AddedPhones, Samples
from cloning.service import Call, Service
from tests.conftest import SPOKEN
from tests.standins.stammerer import SPEAK, world
from tests.unit.cloning.asking import act

FULL: Mapping[str, Any] = {**SPEAK, "text": "Nobody was ever here.", "check": "full", "draws": 1}
DOUBTS = AddedPhones(500.0, 7, 10)
NONE = AddedPhones(-500.0, 0, 6)


class Phones:
    """A phone model that says the same of everything; an error is raised."""

    name = "phones"

    def __init__(self, says: AddedPhones | Exception | None) -> None:
        self._says = says
        self.asked: list[tuple[str, str | None]] = []
        self.threads: set[str] = set()

    def added(self, samples: Samples, sample_rate: int, text: str, *, language: str | None) -> AddedPhones | None:
        assert len(samples) > 0
        assert sample_rate > 0
        self.asked.append((text, language))
        self.threads.add(current_thread().name)
        if isinstance(self._says, Exception):
            raise self._says
        return self._says


def with_phones(
    tmp_path: Path, human_wav: bytes, says: AddedPhones | Exception | None, *missing: tuple[int, int]
) -> tuple[Service, Phones]:
    service, *_ = world(tmp_path, human_wav, *missing)
    phones = Phones(says)
    return replace(service, phone_model=phones), phones


def test_what_passes_otherwise_fails_by_its_phones(tmp_path: Path, human_wav: bytes) -> None:
    """The doubt of a phone model fails a chunk, with the word before the added speech; the reply says who was asked."""
    service, _ = with_phones(tmp_path, human_wav, DOUBTS)

    check = act(service, **FULL)["check"]

    (chunk,) = check["chunks"]
    assert (check["state"], check["phones"], chunk["phones"]) == ("failed", "phones", True)
    assert chunk["problems"] == [{"kind": "EXTRA_SPEECH", "word": "was", "text_start": 7}]


@pytest.mark.parametrize(
    "says",
    [NONE, None, AddedPhones(math.nan, 0, 6), RuntimeError("a bug"), OSError("no processes"), MemoryError()],
    ids=repr,
)
def test_a_phone_model_without_a_doubt_changes_nothing_but_its_own_field(
    tmp_path: Path,
    human_wav: bytes,
    says: AddedPhones | Exception | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No doubt, no opinion and a failure leave speech and verdict as they are; a failure is logged."""
    service, _ = with_phones(tmp_path, human_wav, says)

    told = act(service, **FULL, job_id="a")
    plain = act(replace(service, phone_model=None), **FULL, job_id="b")

    (chunk,) = told["check"]["chunks"]
    assert (told["check"].pop("phones"), chunk.pop("phones")) == ("phones", says is NONE)
    assert told["check"] == plain["check"]
    assert told["audio"]["sha256"] == plain["audio"]["sha256"]
    events = [vars(one) for one in caplog.records if one.message == "phone_model.failed"]
    assert [(one["job"], one["model"]) for one in events] == ([("a", "phones")] if isinstance(says, Exception) else [])


def test_a_phone_model_is_asked_where_speech_passes_by_full_alone(tmp_path: Path, human_wav: bytes) -> None:
    """`fast` doesn't ask it, nor a chunk that fails, nor the voice's own recording; `full` asks with the text and its language."""
    service, phones = with_phones(tmp_path, human_wav, NONE, (0, 0))

    fast = act(service, **{**FULL, "check": "fast"}, job_id="a")
    failed = act(service, **FULL, job_id="b")
    assert (phones.asked, "phones" in fast["check"], failed["check"]["state"]) == ([], False, "failed")
    assert ["phones" in one for one in failed["check"]["chunks"]] == [False]

    act(service, **{**FULL, "draws": 2}, job_id="c")
    assert phones.asked == [(FULL["text"], "en")]


def test_a_phone_model_is_asked_beside_the_gpus_thread(tmp_path: Path, human_wav: bytes) -> None:
    """The GPU serves other jobs meanwhile."""
    service, phones = with_phones(tmp_path, human_wav, NONE)

    act(service, **FULL)

    assert service.gpu.run(lambda: current_thread().name) not in phones.threads
    assert len(phones.threads) == 1


def test_a_verdict_without_a_phone_model_is_none_with_it(tmp_path: Path, human_wav: bytes) -> None:
    """A verdict that an earlier attempt has kept is used by a worker with the same phone model alone."""
    service, phones = with_phones(tmp_path, human_wav, NONE)
    request = {**FULL, "text": SPEAK["text"]}
    interrupted(service, request, "same")
    before = len(phones.asked)
    act(service, Call("same"), **request)
    all_of_it = act(service, Call("fresh"), **request)["check"]["chunks"]
    assert len(phones.asked) - before == (len(all_of_it) - before) + len(all_of_it)

    interrupted(replace(service, phone_model=None), request, "other")
    before = len(phones.asked)
    act(service, Call("other"), **request)
    assert len(phones.asked) - before == len(all_of_it)


def interrupted(service: Service, request: Mapping[str, Any], job: str) -> None:
    """An attempt at the job that is stopped when its first verdict is stored."""
    call = Call(job)
    put = service.store.put

    def stopping(key: str, *rest: Any, **how: Any) -> Any:
        if key.startswith(keys.chunk_folder(job)) and key.endswith(".json"):
            call.stopped.set()
        return put(key, *rest, **how)

    service.store.put = stopping  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        act(service, call, **request)
    del service.store.put


def test_the_action_check_asks_it_too(service: Service, human_wav: bytes) -> None:
    """A recording that is checked by `full` fails by its phones as a job's speech does; `fast` doesn't ask."""
    phones = Phones(AddedPhones(500.0, 5, 9))
    service = replace(service, phone_model=phones)
    request: dict[str, Any] = {
        "action": "check",
        "audio": base64.b64encode(human_wav).decode(),
        "text": SPOKEN,
        "language": "en",
    }

    fast = act(service, **request, check="fast")["check"]
    full = act(service, **request, check="full")["check"]

    (chunk,) = full["chunks"]
    assert ("phones" in fast, full["phones"], chunk["phones"]) == (False, "phones", True)
    assert chunk["problems"] == [{"kind": "EXTRA_SPEECH", "word": "call", "text_start": 5}]
    assert phones.asked == [(SPOKEN, "en")]
