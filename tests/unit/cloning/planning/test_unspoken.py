"""A text that the checkpoint doesn't wholly know: what is spoken, what is reported, what is refused."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloning.errors import InvalidText
from cloning.jobs.record import JobStatus
from cloning.ports import Alphabet, F5Parameters
from cloning.requests.fields import Limits
from cloning.requests.models import parse
from cloning.service import Service
from cloning.settings import Settings
from engines.tiny import make_checkpoint
from model_cache.library import Library
from storage.folder_store import FolderStore
from tests.alphabets import stock
from tests.standins.fakes import Always, ToneEngine
from tests.unit.cloning.asking import act, service_upload
from worker.assembly import make_models
from worker.models import Found

RUSSIAN = "Он сказал, что погода сегодня хорошая."


@pytest.fixture
def anna(service: Service, human_wav: bytes) -> str:
    service_upload(service, human_wav)
    return "anna"


@pytest.fixture(autouse=True)
def _knows_what_f5_knows(engine: ToneEngine) -> None:
    engine.knows, engine.languages = stock().knows, stock().languages


def test_what_is_not_spoken_is_named_in_reply_and_manifest(service: Service, engine: ToneEngine, anna: str) -> None:
    """The model gets the text in characters that it knows; reply and manifest name the rest."""
    reply = act(service, text="MILHÕES! 🎉 co\xadoperate", voice=anna)

    assert engine.history[0][0] == "MILHõES! cooperate"
    assert (reply["unspoken"], reply["manifest"]["unspoken"]) == (["🎉"], ["🎉"])


def test_of_an_ordinary_text_nothing_is_told(service: Service, engine: ToneEngine, anna: str) -> None:
    """For an ordinary text the list of unspoken characters is empty."""
    reply = act(service, text="Well done, indeed!", voice=anna)

    assert (reply["unspoken"], reply["warnings"]) == ([], [])
    assert engine.history[0][0] == "Well done, indeed!"


def test_a_text_in_an_unknown_script_is_refused_before_the_model_runs(
    service: Service,
    engine: ToneEngine,
    anna: str,
) -> None:
    """A text in an unknown script is refused with the checkpoint's languages; the record says so, and the model isn't called."""
    with pytest.raises(InvalidText, match="which speaks en, zh, doesn't know"):
        act(service, text="नमस्ते दुनिया।", voice=anna, job_id="hindi")

    assert engine.history == []
    assert service.jobs.get("hindi").status is JobStatus.FAILED


def test_no_character_of_the_text_reaches_the_log(
    service: Service,
    anna: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Unspoken characters are quoted to the caller and never in the log."""
    with caplog.at_level(logging.INFO):
        act(service, text="Well done! 🎉", voice=anna)

    assert caplog.records
    assert "🎉" not in "".join(str(vars(record)) for record in caplog.records)


def codes(reply: dict[str, Any]) -> list[str]:
    return [warning["code"] for warning in reply["warnings"]]


def test_a_voice_of_another_language_than_the_checkpoints_is_told(service: Service, human_wav: bytes) -> None:
    """If the voice's language, used as a default, is none of the checkpoint's, the reply has a warning; a request's own language has none."""
    service_upload(service, human_wav, language="pt", transcript="Some call me nature, others call me mother nature.")

    unsaid = act(service, text="As nações unidas são grandes.", voice="anna", job_id="a")
    said = act(service, text="The nations are great.", voice="anna", language="en", job_id="b")

    assert (codes(unsaid), codes(said)) == (["LANGUAGE"], [])
    assert "'pt'" in unsaid["warnings"][0]["message"]
    assert unsaid["manifest"]["warnings"] == unsaid["warnings"]


@pytest.mark.parametrize(("more", "told"), [({}, ["PACE"]), ({"speed": 1.8}, []), ({"fix_duration": 12.0}, [])])
def test_a_text_of_another_script_than_the_voices_is_told(
    service: Service, anna: str, more: Any, told: list[str]
) -> None:
    """A text of another script than the voice's gives a warning, unless the request sets a speed or a duration."""
    assert codes(act(service, text=RUSSIAN, voice=anna, **more)) == told


def test_a_transcript_that_the_checkpoint_cannot_read_is_told(
    service: Service, engine: ToneEngine, human_wav: bytes
) -> None:
    """A transcript that the checkpoint can't read gives a warning; its length still sets the pace."""
    service_upload(service, human_wav, language="th", transcript="สวัสดีครับ ยินดีต้อนรับทุกท่าน Õ")

    reply = act(service, text="Well done, indeed!", voice="anna", language="en")

    assert codes(reply) == ["TRANSCRIPT", "PACE"]
    assert engine.history[0][2] == F5Parameters()


def test_a_request_is_still_parsed_without_a_checkpoint() -> None:
    """Parsing a request needs no checkpoint: which characters are known doesn't matter there."""
    assert parse({"text": "नमस्ते", "voice": "anna"}, Limits(100, 100))


@pytest.mark.parametrize(("name", "known"), [("F5TTS_v1_Base", True), ("F5-TTS-pt-br", True), ("XTTS_v2", None)])
def test_the_stock_vocabulary_is_known_before_anything_is_fetched(
    settings: Settings, store: FolderStore, name: str, *, known: bool | None
) -> None:
    """The stock vocabulary is known before anything is fetched, so an unknown script costs neither a download nor a record."""
    engines, _, _ = make_models(settings, store)

    alphabet = engines.alphabet(Found(name, Library(store).find(name)), None)

    assert (alphabet.knows("Olá, São Paulo!") and not alphabet.knows("नमस्ते") if alphabet else None) is known


def test_a_vocabulary_that_can_not_be_read_is_told_where_the_checkpoint_is_needed(
    settings: Settings, store: FolderStore, tmp_path: Path
) -> None:
    """An unreadable vocabulary counts as unknown here; the load reports it as CHECKPOINT_UNUSABLE, which allows a fallback."""
    folder = make_checkpoint(tmp_path / "tiny")
    (folder / "vocab.txt").write_bytes("é\n".encode("latin-1"))
    engines, _, _ = make_models(settings, store)
    found = Found(str(folder), Library(store).find(str(folder)))

    assert engines.alphabet(found, None) is None


def test_what_is_known_to_be_unspeakable_is_refused_before_there_is_a_job(service: Service, anna: str) -> None:
    """If the alphabet is known early, an unspeakable text is refused without a transcript and without a record."""
    early = replace(service, engines=KnownEarly(ToneEngine()))

    with pytest.raises(InvalidText):
        act(early, text="नमस्ते दुनिया।", voice=anna, job_id="hindi")

    assert service.jobs.find("hindi") is None


class KnownEarly(Always[ToneEngine]):
    """Models whose vocabulary is on this disk."""

    def alphabet(self, name: str, language: str | None) -> Alphabet | None:
        return stock()
