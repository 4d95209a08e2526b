"""Pauses, paragraphs and several voices in one text: what the engine is given, and the silence in between."""

import base64
import io
from typing import Any

import numpy as np
import pytest
import soundfile

from cloning.audio.canonical import SAMPLE_RATE
from cloning.errors import InvalidRequest, InvalidText, ServiceError
from cloning.service import Service
from storage.folder_store import FolderStore
from tests.conftest import with_settings
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.asking import act

SAID = "Some call me nature."


def upload(service: Service, wav: bytes, voice: str = "anna", transcript: str = SAID, **more: Any) -> None:
    audio = base64.b64encode(wav).decode()
    act(service, action="upload", voice=voice, audio=audio, consent=True, transcript=transcript, **more)


@pytest.fixture
def anna(service: Service, human_wav: bytes) -> str:
    upload(service, human_wav, language="en")
    return "anna"


def heard(store: FolderStore, reply: dict[str, Any]) -> np.ndarray[Any, Any]:
    samples, rate = soundfile.read(io.BytesIO(store.get(reply["audio"]["key"]).body), dtype="int16")
    assert rate == SAMPLE_RATE
    return np.asarray(samples)


def backwards(wav: bytes) -> bytes:
    """Another recording of the same length and level."""
    samples, rate = soundfile.read(io.BytesIO(wav))
    buffer = io.BytesIO()
    soundfile.write(buffer, samples[::-1], rate, format="WAV")
    return buffer.getvalue()


def silences(samples: np.ndarray[Any, Any]) -> list[int]:
    """The lengths of runs of more than 10 ms of zeros; the stand-in engine's noise has none."""
    is_zero = np.concatenate([[0], (samples == 0).astype(int), [0]])
    edges = np.flatnonzero(np.diff(is_zero))
    return [int(end - begin) for begin, end in zip(edges[::2], edges[1::2], strict=True) if end - begin > 240]


def texts(engine: ToneEngine) -> list[str]:
    return [text for text, _, _ in engine.history]


@pytest.mark.parametrize("normalize", ["auto", "off"])
def test_a_pause_is_exact_silence_and_its_tag_is_never_spoken(
    service: Service, store: FolderStore, engine: ToneEngine, anna: str, normalize: str
) -> None:
    """A pause is exactly that long, whatever the cross-fade, and its tag is never spoken."""
    reply = act(service, text="One moment. [pause:500ms] Here [pause:1.5s] I am.", voice=anna, normalize=normalize)

    assert texts(engine) == ["One moment.", "Here", "I am."]
    assert silences(heard(store, reply)) == [12_000, 36_000]


def test_pauses_at_the_ends_and_beside_one_another_add_up(
    service: Service, store: FolderStore, engine: ToneEngine, anna: str
) -> None:
    """Pauses at the ends of the text count, and pauses beside one another add up."""
    reply = act(service, text="[pause:1s][pause:500ms] Hello there. [pause:2s]", voice=anna)

    samples = heard(store, reply)
    assert (texts(engine), silences(samples)) == (["Hello there."], [36_000, 48_000])
    assert reply["duration"] == round(len(samples) / SAMPLE_RATE, 4)


def test_silence_that_was_asked_for_is_not_removed(service: Service, store: FolderStore, anna: str) -> None:
    """`remove_silence` shortens only the engine's own silence, not a requested pause."""
    reply = act(service, text="One. [pause:3s] Two.", voice=anna, remove_silence=True)

    assert silences(heard(store, reply)) == [72_000]


def test_a_blank_line_is_a_pause_by_the_setting(
    service: Service, store: FolderStore, engine: ToneEngine, anna: str
) -> None:
    """A blank line is a pause of the deployment's length, except with `normalize: off`, where nothing has a special meaning."""
    patient = with_settings(service, paragraph_pause_ms=250)

    read = act(patient, text="One end.\n\nA beginning.", voice=anna, job_id="a")
    as_it_is = act(patient, text="One end.\n\nA beginning.", voice=anna, job_id="b", normalize="off")

    assert (silences(heard(store, read)), silences(heard(store, as_it_is))) == ([6_000], [])
    assert texts(engine) == ["One end.", "A beginning.", "One end. A beginning."]


def test_too_much_silence_is_refused(service: Service, engine: ToneEngine, anna: str) -> None:
    """Too much silence is refused, because a short text could ask for hours of it."""
    with pytest.raises(InvalidText, match="silence") as caught:
        act(service, text="Hi." + "[pause:10s]" * 61 + "Ho.", voice=anna)

    assert (caught.value.details["field"], engine.history) == ("text", [])


def test_a_fixed_length_beside_pauses_is_refused(service: Service, anna: str) -> None:
    """A fixed length beside pauses is refused, because nothing says how to divide it among passages."""
    with pytest.raises(InvalidRequest, match="pauses") as caught:
        act(service, text="One. [pause:1s] Two.", voice=anna, fix_duration=9.0)

    assert caught.value.details["field"] == "fix_duration"


def test_turns_are_spoken_each_in_its_voice(
    service: Service, store: FolderStore, engine: ToneEngine, human_wav: bytes, anna: str
) -> None:
    """Each turn is spoken in its voice, with its silence after it except the last one's, and the manifest names all voices."""
    upload(service, backwards(human_wav), "bert", language="en")
    turns = [
        {"voice": "anna", "text": "Who is there?", "pause_ms": 100},
        {"voice": "bert", "text": "It is me."},
        {"voice": "anna", "text": "Come in.", "pause_ms": 5000},
    ]

    reply = act(service, turns=turns)

    assert texts(engine) == ["Who is there?", "It is me.", "Come in."]
    assert silences(heard(store, reply)) == [2_400, 7_200]
    voices = reply["manifest"]["voices"]
    assert [one["voice"] for one in voices] == ["anna", "bert"]
    anna_sha256, bert_sha256 = (one["voice_sha256"] for one in voices)
    assert engine.voices == [anna_sha256, bert_sha256, anna_sha256]


def test_turns_are_one_request_and_one_job(service: Service, engine: ToneEngine, anna: str) -> None:
    """Turns are one request and one job: delivered twice they are done once, and another pause is another request."""
    turns = [{"voice": anna, "text": "One."}, {"voice": anna, "text": "Two."}]

    first = act(service, turns=turns, job_id="a")
    again = act(service, turns=turns, job_id="a")
    with pytest.raises(ServiceError, match="another request"):
        act(service, turns=[{**turns[0], "pause_ms": 1}, turns[1]], job_id="a")

    assert (first["audio"]["sha256"], len(engine.history)) == (again["audio"]["sha256"], 2)


@pytest.mark.parametrize(
    ("more", "field"),
    [({"text": "Hi."}, "text"), ({"voice": "anna"}, "voice"), ({"fix_duration": 9.0}, "fix_duration")],
)
def test_what_turns_stand_for_is_refused_beside_them(
    service: Service, anna: str, more: dict[str, Any], field: str
) -> None:
    """Fields that turns replace are refused by name."""
    with pytest.raises(InvalidRequest) as caught:
        act(service, turns=[{"voice": anna, "text": "Hi there."}], **more)

    assert caught.value.details["field"] == field


def test_numbers_are_read_in_the_texts_language(service: Service, engine: ToneEngine, anna: str) -> None:
    """Numbers are read in the request's language or the voice's; with `off` or in an unknown language, which is reported, they stay."""
    act(service, text="I have 12 apples.", voice=anna, job_id="a")
    act(service, text="I have 12 apples.", voice=anna, job_id="b", normalize="off")
    act(service, text="Ich habe 12 Birnen.", voice=anna, job_id="c", language="de")
    unknown = act(service, text="I have 12 apples.", voice=anna, job_id="d", language="xx")

    assert texts(engine) == [
        "I have twelve apples.", "I have 12 apples.", "Ich habe zwölf Birnen.", "I have 12 apples.",
    ]  # fmt: skip
    assert [one["code"] for one in unknown["warnings"]] == ["READ_AS_IS"]


def test_the_reading_is_in_reply_and_manifest(service: Service, anna: str) -> None:
    """Reply and manifest name the version of the reading rules and the language."""
    read = act(service, text="I have 12 apples.", voice=anna, job_id="a")
    as_it_is = act(service, text="I have 12 apples.", voice=anna, job_id="b", normalize="off")

    assert read["reading"] == read["manifest"]["reading"] == {
        "version": 1, "normalized_in": ["en"], "dictionary_sha256": None,
    }  # fmt: skip
    assert as_it_is["reading"]["normalized_in"] == []


def test_respellings_are_spoken(service: Service, engine: ToneEngine, anna: str) -> None:
    """Respellings replace whole words, whatever `normalize` says."""
    act(service, text="A GIF, not GIFTs.", voice=anna, say={"GIF": "jif"}, normalize="off")

    assert texts(engine) == ["A jif, not GIFTs."]


@pytest.mark.parametrize(
    "text", ["… [pause:1s] Hello there.", "—\n\nHello there.", "[pause:1s] … Hello there. [pause:1s] !"]
)
def test_signs_alone_are_no_passage(service: Service, engine: ToneEngine, anna: str, text: str) -> None:
    """A passage of signs alone is not spoken, because the model would make noise of it; its silence stays."""
    reply = act(service, text=text, voice=anna)

    (spoken,) = texts(engine)
    assert spoken.removeprefix("… ") == "Hello there."
    assert reply["duration"] > len("Hello there.") / 20


def test_a_paragraph_that_the_checkpoint_does_not_know_is_told(service: Service, engine: ToneEngine, anna: str) -> None:
    """A paragraph that the checkpoint doesn't know is reported as if there were no pause, and refused if it is too much of the text."""
    engine.knows = lambda text: text.isascii()

    reply = act(service, text="Some words that are known.\n\nЖж\n\nMore of these words.", voice=anna)
    with pytest.raises(InvalidText) as caught:
        act(service, text="Known words.\n\nЖивёт на свете человек", voice=anna, job_id="j")

    assert reply["unspoken"] == ["Ж", "ж"]
    assert "doesn't know" in caught.value.message


@pytest.mark.parametrize("more", [{"text": "Hello", "say": {"Hello": ""}}, {"text": "[^1]"}])
def test_a_text_of_which_nothing_is_left_is_refused_for_that(
    service: Service, engine: ToneEngine, anna: str, more: dict[str, Any]
) -> None:
    """A text of which the reading leaves nothing is refused for that reason, not for unknown letters."""
    with pytest.raises(InvalidText, match="nothing of the text is left"):
        act(service, voice=anna, **more)

    assert texts(engine) == []
