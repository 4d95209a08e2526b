"""What is refused before anything is stored, loaded or spoken."""

from typing import Any

import pytest

from cloning.errors import InvalidRequest, InvalidText, ResultTooLarge, VoiceNotFound
from cloning.planning.f5 import plan_speech
from cloning.ports import F5Parameters
from cloning.service import Call, Service
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, with_settings
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.asking import TEXT, act


def test_bad_input_leaves_no_trace(service: Service, store: FolderStore, anna: str, engine: ToneEngine) -> None:
    """An unknown voice, an impossible text or a result that can't fit is refused with nothing stored and nothing spoken."""
    act(service, action="upload", **_with_transcript(service))
    before = [info.key for info in store.list()]

    with pytest.raises(VoiceNotFound):
        act(service, text="Hello.", voice="nobody")
    with pytest.raises(InvalidText):
        act(service, text="x" * 3000, voice="ben")
    with pytest.raises(ResultTooLarge):
        act(with_settings(service, max_reply_mb=1.0), text=TEXT * 3, voice="ben", delivery="inline")

    assert [info.key for info in store.list()] == before
    assert engine.history == []


def test_a_result_that_will_hardly_fit_is_refused_before_it_is_spoken(service: Service, engine: ToneEngine) -> None:
    """If the planned speech alone would fill a reply in base64, it is refused before it is spoken."""
    act(service, action="upload", **_with_transcript(service))
    reference_s = service.voices.get("ben").audio.duration
    plan = plan_speech(TEXT, reference_text=SPOKEN, reference_s=reference_s, seed=0, parameters=F5Parameters())
    just = plan.seconds * 24_000 * 2 * 4 / 3 / 1e6

    with pytest.raises(ResultTooLarge):
        act(with_settings(service, max_reply_mb=just), Call("j"), text=TEXT, voice="ben", delivery="inline")

    assert (engine.history, service.jobs.find("j")) == ([], None)


def test_finished_speech_that_does_not_fit_into_a_reply_is_told_to_be_there(service: Service, anna: str) -> None:
    """Its length may be known only when it is spoken: the failure says that nothing is lost, and `result` gives its URL."""
    small = with_settings(service, max_reply_mb=1.0)
    act(service, text=TEXT * 3, voice=anna, job_id="j")

    with pytest.raises(ResultTooLarge, match=r"is in the bucket.*`result`.*'url'"):
        act(small, action="result", job_id="j", delivery="inline")

    assert act(small, action="result", job_id="j")["audio_url"]


def test_who_needs_no_transcript_is_refused_without_one(service: Service, anna: str) -> None:
    """What XTTS can't read is refused before anything is stored or loaded, even if the voice has no transcript."""
    with pytest.raises(InvalidText):
        act(service, Call("j"), text="I have 5.", voice=anna, engine="xtts", language="hi")

    assert service.jobs.find("j") is None


def _with_transcript(service: Service) -> dict[str, Any]:
    import base64

    from tests.conftest import examples

    wav = (examples() / "basic" / "basic_ref_en.wav").read_bytes()
    return {"voice": "ben", "audio": base64.b64encode(wav).decode(), "consent": True, "transcript": SPOKEN}


def test_a_fixed_duration_needs_no_transcript_to_be_refused(service: Service, store: FolderStore, anna: str) -> None:
    """An impossible fixed duration is refused before anything is transcribed, loaded or stored."""
    before = [info.key for info in store.list()]

    with pytest.raises(InvalidRequest, match="counts the reference"):
        act(service, text="Hello there.", voice=anna, fix_duration=2.0)
    assert [info.key for info in store.list()] == before
