"""The plan for each engine that may speak: made once, before the job is claimed, if the voice's words are known."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from cloning.jobs.store import JobStore
from cloning.planning import f5, xtts
from cloning.ports import Alphabet
from cloning.service import Service
from tests.alphabets import stock
from tests.standins.fakes import Always, ToneEngine
from tests.unit.cloning.asking import TEXT, act, service_upload

SPEAK: dict[str, Any] = {"text": TEXT, "voice": "anna", "language": "en"}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts how often a text is planned and split, and a job claimed."""
    calls = Counter[str]()

    def count(owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            calls[name] += 1
            return inner(*arguments, **named)

        monkeypatch.setattr(owner, name, call)

    count(f5, "plan_speech")
    count(xtts, "plan_xtts")
    count(f5, "split_text")
    count(xtts, "split_text")
    return calls


@pytest.mark.parametrize("fallback", [[], ["xtts"]], ids=["alone", "with a fallback"])
def test_a_text_is_planned_and_split_once_for_each_engine_that_may_speak(
    service: Service, human_wav: bytes, counted: Counter[str], fallback: list[str]
) -> None:
    """With a known transcript the text is planned and split once for each engine, even if the loaded engine's alphabet is larger."""
    service_upload(service, human_wav, transcript="Some call me nature.")

    act(service, **SPEAK, fallback=fallback)

    expected = {"plan_speech": 1, "split_text": 1 + len(fallback)} | ({"plan_xtts": 1} if fallback else {})
    assert counted == expected


def test_a_plan_is_made_before_the_job_is_claimed(
    service: Service, human_wav: bytes, counted: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is made before the job is claimed, and the one that was judged is the one that is spoken."""
    service_upload(service, human_wav, transcript="Some call me nature.")
    before = list[int]()
    claim = JobStore.claim

    def claimed(*arguments: Any, **named: Any) -> Any:
        before.append(counted["plan_speech"])
        return claim(*arguments, **named)

    monkeypatch.setattr(JobStore, "claim", claimed)
    act(service, **SPEAK)

    assert (before, counted["plan_speech"]) == ([1], 1)


def test_a_heard_voice_is_planned_when_its_words_are_known(
    service: Service, human_wav: bytes, counted: Counter[str]
) -> None:
    """F5-TTS's plan depends on the reference's words: without a transcript there is none before they are heard."""
    service_upload(service, human_wav)

    act(service, **SPEAK, job_id="heard")
    act(service, **SPEAK, job_id="known")

    assert counted == {"plan_speech": 2, "split_text": 2}


def test_characters_that_only_the_loaded_engine_refuses_change_the_plan(
    service: Service, engine: ToneEngine, human_wav: bytes, counted: Counter[str]
) -> None:
    """If only the loaded engine shows that characters are unknown, the plan is made again; not if the alphabet was known."""
    service_upload(service, human_wav, transcript="Some call me nature.")
    engine.knows = stock().knows

    late = act(service, **{**SPEAK, "text": "Well done! ጀ"}, job_id="late")
    planned = counted["plan_speech"]
    early = act(replace(service, engines=_KnownEarly(engine)), **{**SPEAK, "text": "Well done! ጀ"}, job_id="early")

    assert (planned, counted["plan_speech"]) == (2, 3)
    assert late["unspoken"] == early["unspoken"] == ["ጀ"]


class _KnownEarly(Always[ToneEngine]):
    """Models whose vocabulary is on this disk."""

    def alphabet(self, name: str, language: str | None) -> Alphabet | None:
        return stock()
