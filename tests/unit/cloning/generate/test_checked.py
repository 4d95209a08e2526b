"""Speech that is checked and drawn again: a stand-in engine leaves words out at given draws, a stand-in recogniser hears it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloning import keys
from cloning.errors import Interrupted, InvalidRequest, JobCancelled, SpeechMismatch
from cloning.planning.f5 import chunk_seed, draw_seed
from cloning.ports import Parameters, Reference, Samples, keep_going
from cloning.service import Call, Service
from cloning.settings import Settings
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, make_service, with_settings
from tests.fakes import Eavesdropper, Hummer, ManualClock, evenly_spread
from tests.faults.test_store_calls import FlakyStore, Killed
from tests.unit.cloning.generate.test_attempt import act
from tests.unit.cloning.generate.test_passages import upload

JOB_SEED = 7
TEXT = (
    "The quick brown fox jumps over the lazy dog and runs into the forest behind the old house. "
    "Nobody has ever seen it again since that long and cold winter of which the people still speak. "
) * 3
SPEAK: dict[str, Any] = {"voice": "anna", "seed": JOB_SEED, "text": TEXT, "check": "full", "draws": 3}


class Stammerer(Hummer):
    """Leaves the second word out of some draws of some chunks: `faults` has (chunk, draw), the first draw is 0."""

    def __init__(self, *faults: tuple[int, int]) -> None:
        super().__init__()
        self._faulty = {
            draw_seed(JOB_SEED, chunk, draw) if draw else chunk_seed(JOB_SEED, chunk) for chunk, draw in faults
        }

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,
    ) -> Samples:
        wave = super().speak(reference, text, seed=seed, parameters=parameters, before_step=before_step, frugal=frugal)
        words = text.split()
        self.said[wave.tobytes()] = " ".join(words[:1] + words[2:]) if seed in self._faulty else text
        return wave


class Listener(Eavesdropper):
    """Hears the words of the voice in everything that the engine has not made; counts what it is asked."""

    def __init__(self, engine: Hummer) -> None:
        super().__init__(engine)
        self.asked = 0

    def hear(self, samples: Samples, sample_rate: int, **how: Any) -> str:
        self.asked += 1
        return super().hear(samples, sample_rate, **how) or SPOKEN


def world(
    folder: Path, wav: bytes, *faults: tuple[int, int], store: FolderStore | None = None
) -> tuple[Service, Stammerer, Listener]:
    engine = Stammerer(*faults)
    listener = Listener(engine)
    service = serving(folder, engine, listener, store or FolderStore(folder / "bucket"))
    upload(service, wav, transcript=SPOKEN, language="en")
    return service, engine, listener


def serving(
    folder: Path,
    engine: Hummer,
    listener: Listener,
    store: FolderStore,
    clock: ManualClock | None = None,
    name: str = "w1",
) -> Service:
    (folder / "scratch").mkdir(parents=True, exist_ok=True)
    settings = Settings(data_dir=folder / "bucket", model_cache_dir=folder / "models")
    return make_service(settings, store, clock or ManualClock(), engine, listener, folder, worker=name)


def draws(reply: dict[str, Any]) -> list[int]:
    return [chunk["draw"] for chunk in reply["check"]["chunks"]]


@pytest.mark.parametrize("mode", ["fast", "full"])
def test_the_first_draw_that_says_its_text_is_taken(tmp_path: Path, human_wav: bytes, mode: str) -> None:
    """Each chunk on its own; the manifest has the seeds of the draws that are heard."""
    service, engine, _ = world(tmp_path, human_wav, (0, 0), (0, 1), (2, 0))

    reply = act(service, **{**SPEAK, "check": mode})

    seeds = [chunk["seed"] for chunk in reply["manifest"]["chunks"]]
    assert (reply["check"]["state"], draws(reply)[:3], reply["warnings"]) == ("passed", [3, 1, 2], [])
    assert seeds[:3] == [draw_seed(JOB_SEED, 0, 2), chunk_seed(JOB_SEED, 1), draw_seed(JOB_SEED, 2, 1)]
    assert len(engine.history) == len(seeds) + 3


def test_a_draw_that_passes_with_other_words_is_drawn_again(tmp_path: Path, human_wav: bytes) -> None:
    """One witness alone is no reason to fail, but to try again: the draw that is heard word for word is taken."""
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


def test_a_word_that_is_missing_is_named_with_its_place(tmp_path: Path, human_wav: bytes) -> None:
    """In the caller's text, whatever it is read as."""
    service, *_ = world(tmp_path, human_wav, (0, 0))

    reply = act(service, **{**SPEAK, "text": "We 12 met there.", "draws": 1})

    (chunk,) = reply["check"]["chunks"]
    problem = next(one for one in chunk["problems"] if one["kind"] == "MISSING_WORD")
    assert (problem["word"], problem["text_start"]) == ("twelve", 3)


def test_if_no_draw_passes_the_best_is_taken_and_told(tmp_path: Path, human_wav: bytes) -> None:
    """As the deployment or the request wishes."""
    service, *_ = world(tmp_path, human_wav, (0, 0), (0, 1), (0, 2))

    reply = act(service, **SPEAK)

    assert (reply["status"], reply["check"]["state"]) == ("COMPLETED", "failed")
    assert [one["code"] for one in reply["warnings"]] == ["CHECK"]


def test_if_no_draw_passes_the_job_fails_where_that_is_asked(tmp_path: Path, human_wav: bytes) -> None:
    """For good: the same request would give the same speech."""
    service, *_ = world(tmp_path, human_wav, (0, 0), (0, 1), (0, 2))

    with pytest.raises(SpeechMismatch) as caught:
        act(service, **SPEAK, on_mismatch="fail", job_id="j")

    status = act(service, action="status", job_id="j")
    assert (status["status"], status["failure"]["code"]) == ("FAILED", "SPEECH_MISMATCH")
    assert caught.value.details["chunks"] == [0]


def test_what_was_heard_is_told_on_request_alone(tmp_path: Path, human_wav: bytes) -> None:
    """It is text of the caller's."""
    service, *_ = world(tmp_path, human_wav)

    told = act(service, **SPEAK, heard=True, job_id="a")
    silent = act(service, **SPEAK, job_id="b")

    assert told["check"]["chunks"][0]["heard"].startswith("The quick brown fox")
    assert all("heard" not in chunk for chunk in silent["check"]["chunks"])
    assert told["audio"]["sha256"] == silent["audio"]["sha256"]


def test_a_voice_that_is_not_understood_is_no_judge(tmp_path: Path, human_wav: bytes) -> None:
    """If the recogniser hears other words in its recording than are known to be there, nothing is claimed, and nothing drawn again."""
    service, engine, listener = world(tmp_path, human_wav, (0, 0))
    listener.hear = lambda *_, **__: "something else altogether"  # type: ignore[method-assign]

    reply = act(service, **SPEAK)

    assert (reply["check"]["state"], set(draws(reply))) == ("unavailable", {1})
    assert all(chunk["problems"] == [] and chunk["reason"] for chunk in reply["check"]["chunks"])
    assert len(engine.history) == len(draws(reply))


def test_without_a_check_no_recogniser_is_asked_and_no_sample_changes(tmp_path: Path, human_wav: bytes) -> None:
    """A voice with its transcript costs no hearing; a check of right speech gives the same speech."""
    service, _, listener = world(tmp_path, human_wav)

    plain = act(service, **{**SPEAK, "check": "off", "draws": None}, job_id="a")
    before = listener.asked
    checked = act(service, **SPEAK, job_id="b")

    assert ("check" in plain, before) == (False, 0)
    assert plain["audio"]["sha256"] == checked["audio"]["sha256"]


def test_the_profile_for_quality_checks(tmp_path: Path, human_wav: bytes) -> None:
    """With three draws; `check: off` says otherwise."""
    service, *_ = world(tmp_path, human_wav)
    request = {name: value for name, value in SPEAK.items() if name not in ("check", "draws")}

    by_profile = act(service, **request, profile="ultra_quality", job_id="a")
    off = act(service, **request, profile="ultra_quality", check="off", job_id="b")

    assert (by_profile["check"]["draws"], "check" in off) == (3, False)


class _Alike:
    """A speaker model that finds all voices equally alike."""

    name = "alike"

    def similarity(self, one: Samples, other: Samples, sample_rate: int) -> float:
        assert len(one) > 0
        assert len(other) > 0
        return 0.87654


def test_a_speaker_model_reports_and_decides_nothing(tmp_path: Path, human_wav: bytes) -> None:
    """For each voice; without the setting there is no such field."""
    service, engine, _ = world(tmp_path, human_wav)

    told = act(replace(service, speaker_model=_Alike()), **SPEAK, job_id="a")
    silent = act(service, **SPEAK, job_id="b")

    assert (told["check"]["similarity"], "similarity" in silent["check"]) == ([0.877], False)
    assert told["audio"]["sha256"] == silent["audio"]["sha256"]
    assert len(engine.history) == 2 * len(draws(told))


@pytest.mark.parametrize("more", [{"draws": 2}, {"on_mismatch": "fail"}, {"heard": True}])
@pytest.mark.parametrize("check", [None, "off"])
def test_details_of_a_check_without_one_are_refused(
    tmp_path: Path, human_wav: bytes, more: dict[str, Any], check: str | None
) -> None:
    """By name."""
    service, *_ = world(tmp_path, human_wav)

    with pytest.raises(InvalidRequest) as caught:
        act(service, voice="anna", text="Hi there.", **{**more, **({"check": check} if check else {})})

    assert caught.value.details["field"] == next(iter(more))


def test_a_deployment_may_check_everything(tmp_path: Path, human_wav: bytes) -> None:
    """By its settings; a request's own wish comes first."""
    service, *_ = world(tmp_path, human_wav, (0, 0))
    strict = with_settings(service, check="fast", check_draws=1, on_mismatch="fail")

    with pytest.raises(SpeechMismatch):
        act(strict, voice="anna", seed=JOB_SEED, text=TEXT, job_id="a")
    lenient = act(strict, voice="anna", seed=JOB_SEED, text=TEXT, draws=2, job_id="b")

    assert (lenient["check"]["state"], draws(lenient)[0]) == ("passed", 2)


def test_nothing_is_drawn_again_without_time_for_it(tmp_path: Path, human_wav: bytes) -> None:
    """RunPod would end the job, and all of it would be lost."""
    clock = ManualClock()
    engine = Stammerer((0, 0), (1, 0), (2, 0))
    service = serving(tmp_path, engine, Listener(engine), FolderStore(tmp_path / "bucket"), clock)
    upload(service, human_wav, transcript=SPOKEN, language="en")
    engine.before_speaking = lambda _: clock.advance(20)
    hurried = with_settings(service, execution_timeout_s=100)

    reply = act(hurried, **SPEAK)

    assert (reply["check"]["state"], set(draws(reply))) == ("failed", {1})


def test_speaking_and_hearing_take_turns_once_a_round(tmp_path: Path, human_wav: bytes) -> None:
    """All chunks, then the check of all, then what is drawn again: with LOW_VRAM each change costs moving a model."""
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
    """As between two chunks."""
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


def test_a_job_that_is_taken_over_ends_with_the_same_speech(tmp_path: Path, human_wav: bytes) -> None:
    """Killed at any store call, with verdicts kept or not."""
    faults = ((0, 0), (0, 1), (1, 0))
    calm = FlakyStore(tmp_path / "calm" / "bucket")
    service, *_ = world(tmp_path / "calm", human_wav, *faults, store=calm)
    calm.calls = 0
    expected = act(service, **SPEAK, words=True, job_id="j")
    calls = calm.calls
    assert draws(expected)[:2] == [3, 2]

    for n in range(1, calls + 1, 3):
        folder, clock = tmp_path / str(n), ManualClock()
        store = FlakyStore(folder / "bucket")
        engine = Stammerer(*faults)
        listener = Listener(engine)
        first = serving(folder, engine, listener, store, clock)
        upload(first, human_wav, transcript=SPOKEN, language="en")
        store.calls, store.fail_at, store.kills = 0, n, True
        with suppress(
            Killed
        ):  # chunks are kept in the background: this run may have made fewer calls than the calm one
            act(first, **SPEAK, words=True, job_id="j")
        store.fail_at = 0
        clock.advance(61)
        reply = act(serving(folder, engine, listener, store, clock, "w2"), **SPEAK, words=True, job_id="j")

        assert reply["audio"]["sha256"] == expected["audio"]["sha256"], n
        assert (reply["check"], reply["words"]) == (expected["check"], expected["words"]), n
        if act(first, action="status", job_id="j")["attempt"] > 1:  # a dead worker's own are left to `expire`
            assert list(store.list(keys.chunk_folder("j"))) == [], n


def test_words_and_subtitles_lie_beside_the_speech_and_go_with_it(tmp_path: Path, human_wav: bytes) -> None:
    """Words in the order of the text, with their places in it; a number is one word, as the caller wrote it."""
    service, *_ = world(tmp_path, human_wav)
    text = "It costs $5, Émile 🎉. [pause:1s] Really!"

    reply = act(service, voice="anna", text=text, words=True, subtitles=["srt", "vtt", "ass"], job_id="j")

    words = reply["words"]
    assert [word["text"] for word in words] == ["It", "costs", "$5", "Émile", "Really"]
    assert [text[word["text_start"] : word["text_end"]] for word in words] == [word["text"] for word in words]
    assert words[-1]["start"] - words[-2]["end"] >= 1.0
    assert sorted(reply["files"]) == ["ass", "srt", "vtt", "words"]
    assert act(service, action="result", job_id="j")["words"] == words
    kept = [info.key for info in service.store.list(keys.RESULTS)]
    act(service, action="delete", job_id="j")
    assert (len(kept), list(service.store.list(keys.RESULTS))) == (6, [])


def test_a_delivery_twice_is_done_once_with_its_words(tmp_path: Path, human_wav: bytes) -> None:
    """The second answer comes from the bucket."""
    service, engine, _ = world(tmp_path, human_wav)

    first = act(service, Call("a"), voice="anna", text="Well done.", words=True)
    again = act(service, Call("a"), voice="anna", text="Well done.", words=True)

    assert (first["words"], len(engine.history)) == (again["words"], 1)


def test_a_checked_job_of_one_chunk_leaves_nothing_behind(tmp_path: Path, human_wav: bytes) -> None:
    """Its only chunk is kept too, for its check may take long: it goes with the job's end."""
    service, *_ = world(tmp_path, human_wav)

    act(service, **{**SPEAK, "text": "We met there once."}, job_id="j")

    assert [info.key for info in service.store.list(keys.chunk_folder("j"))] == []


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"state": "failed", "problems": [{"kind": "LOOP", "word": "fox", "text_start": 90000}]}',
        b'{"state": "passed", "score": NaN}',
        b'{"state": "passed", "wer": 1e999, "worst_run": 0}',
        b'{"state": "passed"',
        b"[]",
    ],
)
def test_a_damaged_verdict_is_made_again(tmp_path: Path, human_wav: bytes, damaged: bytes) -> None:
    """What an earlier attempt's check said counts only if it is about the chunk."""
    service, engine, _ = world(tmp_path, human_wav, (0, 0), (0, 1), (0, 2))
    expected = act(service, **SPEAK, job_id="calm")
    call = Call("j")
    engine.history.clear()

    def stop(_: str) -> None:
        if len(engine.history) > len(expected["check"]["chunks"]):
            call.stopped.set()

    engine.before_speaking = stop
    with pytest.raises(Interrupted):
        act(service, call, **SPEAK)
    verdicts = [info.key for info in service.store.list(keys.chunk_folder("j")) if not info.key.endswith(".wav")]
    for key in verdicts:
        service.store.put(key, damaged, content_type="application/json")
    engine.before_speaking = lambda _: None
    reply = act(service, Call("j"), **SPEAK)

    assert len(verdicts) > 3
    assert reply["check"] == expected["check"]


@pytest.mark.parametrize("found", [None, b"[{}]", b"[" * 5000])
def test_a_speech_is_told_without_its_words_if_they_are_lost(
    tmp_path: Path, human_wav: bytes, found: bytes | None
) -> None:
    """They are gone, or other than they were."""
    service, *_ = world(tmp_path, human_wav)
    made = act(service, voice="anna", text="Well done, my friend.", words=True, job_id="j")
    key = made["files"]["words"]["key"]
    service.store.delete(key)
    if found is not None:
        service.store.put(key, found, content_type="application/json")

    reply = act(service, action="result", job_id="j")

    assert (reply["words"], reply["audio"]["sha256"]) == (None, made["audio"]["sha256"])


def test_words_are_left_to_their_file_where_inline_audio_fills_the_reply(tmp_path: Path, human_wav: bytes) -> None:
    """RunPod drops a reply that is too large, and all would be lost."""
    service, *_ = world(tmp_path, human_wav)
    made = act(service, voice="anna", text="Well done, my friend. " * 25, words=True, job_id="j")
    audio_mb = made["audio"]["bytes"] * 4 / 3 / 1e6
    filled = with_settings(service, max_reply_mb=audio_mb + 0.051)

    reply = act(filled, action="result", job_id="j", delivery="inline")

    assert len(made["words"]) > 30
    assert reply["words"] is None


def test_a_single_turn_is_named_as_several_are(tmp_path: Path, human_wav: bytes) -> None:
    """A client of turns finds `turn` with each word and problem, however many it sent."""
    service, *_ = world(tmp_path, human_wav, (0, 0))
    turns = [{"voice": "anna", "text": "We met there in the old house."}]

    reply = act(service, turns=turns, seed=JOB_SEED, words=True, check="full", draws=1)

    places = [*reply["words"], *reply["check"]["chunks"][0]["problems"]]
    assert [one["turn"] for one in places if one["text_start"] is not None] == [0] * len(places)
