"""Speech that is checked and drawn again; the stand-in engine leaves words out in given draws, and the stand-in recogniser hears it."""

from pathlib import Path
from typing import Any

import pytest

from cloning.checking import Speech, evidence
from cloning.checking.repeats import Repeat, find_repeat
from cloning.errors import InvalidRequest, JobCancelled, SpeechMismatch
from cloning.planning.f5 import chunk_seed
from cloning.planning.redraws import draw_seed
from cloning.ports import Samples
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, with_settings
from tests.standins.fakes import ManualClock, evenly_spread
from tests.standins.stammerer import JOB_SEED, SPEAK, TEXT, Listener, Stammerer, draws, serving, world
from tests.unit.cloning.asking import act
from tests.unit.cloning.generate.test_passages import upload


@pytest.mark.parametrize("mode", ["fast", "full"])
def test_the_first_draw_that_says_its_text_is_taken(tmp_path: Path, human_wav: bytes, mode: str) -> None:
    """Of each chunk the first draw that passes is used; the manifest has the seeds of those draws."""
    service, engine, _ = world(tmp_path, human_wav, (0, 0), (0, 1), (2, 0))

    reply = act(service, **{**SPEAK, "check": mode})

    seeds = [chunk["seed"] for chunk in reply["manifest"]["chunks"]]
    assert (reply["check"]["state"], draws(reply)[:3], reply["warnings"]) == ("passed", [3, 1, 2], [])
    assert seeds[:3] == [draw_seed(JOB_SEED, 0, 2), chunk_seed(JOB_SEED, 1), draw_seed(JOB_SEED, 2, 1)]
    assert len(engine.history) == len(seeds) + 3


def test_a_draw_that_passes_with_other_words_is_drawn_again(tmp_path: Path, human_wav: bytes) -> None:
    """A draw that passes but is heard with other words doesn't fail, but is drawn again; one that is heard word for word is used."""
    service, engine, listener = world(tmp_path, human_wav)
    hear, texts = listener.hear, iter(["Nobody was ever there."])

    def misheard(*samples: Any, **how: Any) -> str:
        heard = hear(*samples, **how)
        return next(texts, heard) if heard.startswith("Nobody") else heard

    listener.hear = misheard  # type: ignore[method-assign]
    listener.align = lambda samples, rate, text, **_: evenly_spread(text, len(samples) / rate, "echo")  # type: ignore[method-assign]
    reply = act(service, **{**SPEAK, "text": "Nobody was ever here."})

    (chunk,) = reply["check"]["chunks"]
    assert (chunk["state"], chunk["draw"], chunk["wer"], len(engine.history)) == ("passed", 2, 0.0, 2)


def test_a_hearing_without_end_says_nothing_against_a_draw(tmp_path: Path, human_wav: bytes) -> None:
    """Where the recogniser falls into repeating itself, what it heard first counts: a right draw is kept, and `heard` is that."""
    service, engine, listener = world(tmp_path, human_wav)
    hear = listener.hear

    def endless(*samples: Any, knowing: str = "", **how: Any) -> str:
        heard = hear(*samples, **how)
        return heard if knowing else " ".join([heard] * 60)

    listener.hear = endless  # type: ignore[method-assign]
    reply = act(service, **{**SPEAK, "text": "Nobody was ever here.", "check": "full", "heard": True})

    (chunk,) = reply["check"]["chunks"]
    assert (chunk["draw"], chunk["wer"], chunk["heard"], len(engine.history)) == (1, 0.0, "Nobody was ever here.", 1)


def test_a_full_check_looks_for_repeats_in_each_recording_once(
    tmp_path: Path, human_wav: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That search costs more than the rest of the judgement: the draw and the voice's own recording are searched once each."""
    service, *_ = world(tmp_path, human_wav)
    searched: list[str] = []

    def counted(speech: Speech, *rest: Any) -> Repeat:
        searched.append(speech.text)
        return find_repeat(speech, *rest)

    monkeypatch.setattr(evidence, "find_repeat", counted)

    act(service, **{**SPEAK, "text": "Nobody was ever here.", "check": "full"})

    assert sorted(searched) == sorted({"Nobody was ever here.", SPOKEN})


def test_a_word_that_is_missing_is_named_with_its_place(tmp_path: Path, human_wav: bytes) -> None:
    """A missing word is named with its place in the caller's text, however it is read."""
    service, *_ = world(tmp_path, human_wav, (0, 0))

    reply = act(service, **{**SPEAK, "text": "We 12 met there.", "draws": 1})

    (chunk,) = reply["check"]["chunks"]
    problem = next(one for one in chunk["problems"] if one["kind"] == "MISSING_WORD")
    assert (problem["word"], problem["text_start"]) == ("twelve", 3)


def test_if_no_draw_passes_the_best_is_taken_and_told(tmp_path: Path, human_wav: bytes) -> None:
    """If no draw passes, the best is used and reported, by the deployment's or the request's wish."""
    service, *_ = world(tmp_path, human_wav, (0, 0), (0, 1), (0, 2))

    reply = act(service, **SPEAK)

    assert (reply["status"], reply["check"]["state"]) == ("COMPLETED", "failed")
    assert [one["code"] for one in reply["warnings"]] == ["CHECK"]


def test_if_no_draw_passes_the_job_fails_where_that_is_asked(tmp_path: Path, human_wav: bytes) -> None:
    """With `on_mismatch: fail` the job fails for good if no draw passes, because the same request would give the same speech."""
    service, *_ = world(tmp_path, human_wav, (0, 0), (0, 1), (0, 2))

    with pytest.raises(SpeechMismatch) as caught:
        act(service, **SPEAK, on_mismatch="fail", job_id="j")

    status = act(service, action="status", job_id="j")
    assert (status["status"], status["failure"]["code"]) == ("FAILED", "SPEECH_MISMATCH")
    assert caught.value.details["chunks"] == [0]


def test_what_was_heard_is_told_on_request_alone(tmp_path: Path, human_wav: bytes) -> None:
    """What was heard is part of the caller's text, so it is reported on request only."""
    service, *_ = world(tmp_path, human_wav)

    told = act(service, **SPEAK, heard=True, job_id="a")
    silent = act(service, **SPEAK, job_id="b")

    assert told["check"]["chunks"][0]["heard"].startswith("The quick brown fox")
    assert all("heard" not in chunk for chunk in silent["check"]["chunks"])
    assert told["audio"]["sha256"] == silent["audio"]["sha256"]


def test_a_voice_that_is_not_understood_is_no_judge(tmp_path: Path, human_wav: bytes) -> None:
    """If the recogniser doesn't hear the known words in the voice's own recording, it judges nothing, and nothing is drawn again."""
    service, engine, listener = world(tmp_path, human_wav, (0, 0))
    listener.hear = lambda *_, **__: "something else altogether"  # type: ignore[method-assign]

    reply = act(service, **SPEAK)

    assert (reply["check"]["state"], set(draws(reply))) == ("unavailable", {1})
    assert all(chunk["problems"] == [] and chunk["reason"] for chunk in reply["check"]["chunks"])
    assert len(engine.history) == len(draws(reply))


def test_a_worker_hears_a_voices_recording_once_for_all_its_jobs(tmp_path: Path, human_wav: bytes) -> None:
    """The control is the same for every job of a voice; with other words for the recording it is another one."""
    service, _, listener = world(tmp_path, human_wav)
    align, aligned = listener.align, list[str]()

    def counted(samples: Samples, rate: int, text: str, **how: Any) -> Any:
        aligned.append(text)
        return align(samples, rate, text, **how)

    listener.align = counted  # type: ignore[method-assign, assignment]
    first, second = (act(service, **{**SPEAK, "job_id": job}) for job in ("first", "second"))
    upload(service, human_wav, transcript=f"{SPOKEN} Indeed.", language="en", replace=True)
    act(service, **{**SPEAK, "job_id": "third"})

    assert first["check"]["control"] == second["check"]["control"]
    assert {"state", "score", "wer"} == first["check"]["control"][0].keys()
    assert (aligned.count(SPOKEN), aligned.count(f"{SPOKEN} Indeed.")) == (1, 1)


def test_without_a_check_no_recogniser_is_asked_and_no_sample_changes(tmp_path: Path, human_wav: bytes) -> None:
    """Without a check no recogniser is used and no sample changes; a check of right speech gives the same speech."""
    service, _, listener = world(tmp_path, human_wav)

    plain = act(service, **{**SPEAK, "check": "off", "draws": None}, job_id="a")
    before = listener.asked
    checked = act(service, **SPEAK, job_id="b")

    assert ("check" in plain, before) == (False, 0)
    assert plain["audio"]["sha256"] == checked["audio"]["sha256"]


def test_the_profile_for_quality_checks(tmp_path: Path, human_wav: bytes) -> None:
    """The profile `quality` checks with three draws, unless the request says `check: off`."""
    service, *_ = world(tmp_path, human_wav)
    request = {name: value for name, value in SPEAK.items() if name not in ("check", "draws")}

    by_profile = act(service, **request, profile="ultra_quality", job_id="a")
    off = act(service, **request, profile="ultra_quality", check="off", job_id="b")

    assert (by_profile["check"]["draws"], "check" in off) == (3, False)


@pytest.mark.parametrize("more", [{"draws": 2}, {"on_mismatch": "fail"}, {"heard": True}, {"redraw_speed": 0.9}])
@pytest.mark.parametrize("check", [None, "off"])
def test_details_of_a_check_without_one_are_refused(
    tmp_path: Path, human_wav: bytes, more: dict[str, Any], check: str | None
) -> None:
    """Details of a check are refused by name if there is no check."""
    service, *_ = world(tmp_path, human_wav)

    with pytest.raises(InvalidRequest) as caught:
        act(service, voice="anna", text="Hi there.", **{**more, **({"check": check} if check else {})})

    assert caught.value.details["field"] == next(iter(more))


def test_a_deployment_may_check_everything(tmp_path: Path, human_wav: bytes) -> None:
    """A deployment may check all speech by its settings; a request's own wish is used first."""
    service, *_ = world(tmp_path, human_wav, (0, 0))
    strict = with_settings(service, check="fast", check_draws=1, on_mismatch="fail")

    with pytest.raises(SpeechMismatch):
        act(strict, voice="anna", seed=JOB_SEED, text=TEXT, job_id="a")
    lenient = act(strict, voice="anna", seed=JOB_SEED, text=TEXT, draws=2, job_id="b")

    assert (lenient["check"]["state"], draws(lenient)[0]) == ("passed", 2)


def test_nothing_is_drawn_again_without_time_for_it(tmp_path: Path, human_wav: bytes) -> None:
    """Nothing is drawn again without time for it: RunPod would end the job and lose all of it."""
    clock = ManualClock()
    engine = Stammerer((0, 0), (1, 0), (2, 0))
    service = serving(tmp_path, engine, Listener(engine), FolderStore(tmp_path / "bucket"), clock)
    upload(service, human_wav, transcript=SPOKEN, language="en")
    engine.before_speaking = lambda _: clock.advance(20)
    hurried = with_settings(service, execution_timeout_s=100)

    reply = act(hurried, **SPEAK)

    assert (reply["check"]["state"], set(draws(reply))) == ("failed", {1})


def test_speaking_and_hearing_take_turns_once_a_round(tmp_path: Path, human_wav: bytes) -> None:
    """All chunks are spoken, then all are checked, then some drawn again: with LOW_VRAM each change moves a model."""
    service, engine, listener = world(tmp_path, human_wav, (0, 0), (2, 0))
    who: list[str] = []
    engine.before_speaking = lambda _: who.append("speaks")
    hear = listener.hear

    def heard(*samples: Any, **how: Any) -> str:
        who.append("hears")
        return hear(*samples, **how)

    listener.hear = heard  # type: ignore[method-assign]
    act(service, **SPEAK)

    rounds = [one for one, before in zip(who, ["", *who], strict=False) if one != before]
    assert rounds == ["speaks", "hears", "speaks", "hears"]


def test_a_cancel_is_seen_between_two_draws(tmp_path: Path, human_wav: bytes) -> None:
    """A cancel is seen between two draws, as between two chunks."""
    service, engine, _ = world(tmp_path, human_wav, *((chunk, 0) for chunk in range(6)))
    first = len(act(service, **SPEAK, job_id="a")["check"]["chunks"])
    engine.history.clear()

    def cancel(_: str) -> None:
        if len(engine.history) == first:
            act(service, action="cancel", job_id="b")

    engine.before_speaking = cancel
    with pytest.raises(JobCancelled):
        act(service, **SPEAK, job_id="b")

    assert len(engine.history) < 2 * first  # some are begun while the last one is delivered
