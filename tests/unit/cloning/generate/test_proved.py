"""Checked and timed speech: a job taken over, words and subtitles in the bucket, and damage there."""

from contextlib import suppress
from pathlib import Path

import pytest

from cloning import keys
from cloning.errors import Interrupted
from cloning.service import Call
from tests.conftest import SPOKEN, with_settings
from tests.faults.flaky_store import FlakyStore, Killed
from tests.standins.fakes import ManualClock
from tests.standins.stammerer import JOB_SEED, SPEAK, Listener, Stammerer, draws, serving, world
from tests.unit.cloning.asking import act
from tests.unit.cloning.generate.test_passages import upload


def test_a_job_that_is_taken_over_ends_with_the_same_speech(tmp_path: Path, human_wav: bytes) -> None:
    """Killed at any store call, with verdicts stored or not, the job ends with the same speech."""
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
    """Words and subtitles are stored with the speech and removed with it; a number is one word, as the caller wrote it."""
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
    """A second delivery is answered from the bucket, with its words."""
    service, engine, _ = world(tmp_path, human_wav)

    first = act(service, Call("a"), voice="anna", text="Well done.", words=True)
    again = act(service, Call("a"), voice="anna", text="Well done.", words=True)

    assert (first["words"], len(engine.history)) == (again["words"], 1)


def test_a_checked_job_of_one_chunk_leaves_nothing_behind(tmp_path: Path, human_wav: bytes) -> None:
    """A checked job stores even its only chunk, because the check may take long, and removes it at its end."""
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
    """A stored verdict of an earlier attempt is used only if it is about this chunk; otherwise the check is made again."""
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
    """If the words are lost or changed, the speech is returned without them."""
    service, *_ = world(tmp_path, human_wav)
    made = act(service, voice="anna", text="Well done, my friend.", words=True, job_id="j")
    key = made["files"]["words"]["key"]
    service.store.delete(key)
    if found is not None:
        service.store.put(key, found, content_type="application/json")

    reply = act(service, action="result", job_id="j")

    assert (reply["words"], reply["audio"]["sha256"]) == (None, made["audio"]["sha256"])


def test_words_are_left_to_their_file_where_inline_audio_fills_the_reply(tmp_path: Path, human_wav: bytes) -> None:
    """If inline audio fills the reply, the words are left to their file: RunPod drops a reply that is too large."""
    service, *_ = world(tmp_path, human_wav)
    made = act(service, voice="anna", text="Well done, my friend. " * 25, words=True, job_id="j")
    audio_mb = made["audio"]["bytes"] * 4 / 3 / 1e6
    filled = with_settings(service, max_reply_mb=audio_mb + 0.051)

    reply = act(filled, action="result", job_id="j", delivery="inline")

    assert len(made["words"]) > 30
    assert reply["words"] is None


def test_a_single_turn_is_named_as_several_are(tmp_path: Path, human_wav: bytes) -> None:
    """With a single turn each word and problem has its `turn` too, as with several."""
    service, *_ = world(tmp_path, human_wav, (0, 0))
    turns = [{"voice": "anna", "text": "We met there in the old house."}]

    reply = act(service, turns=turns, seed=JOB_SEED, words=True, check="full", draws=1)

    places = [*reply["words"], *reply["check"]["chunks"][0]["problems"]]
    assert [one["turn"] for one in places if one["text_start"] is not None] == [0] * len(places)
