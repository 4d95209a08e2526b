"""Ordinary recordings and texts give the results that they always gave: digests from before unusual ones were handled."""

import hashlib
import json
from pathlib import Path

import pytest

from cloning.audio.canonical import check_and_make_canonical
from cloning.planning.f5 import chunk_seed, plan_speech
from cloning.ports import F5Parameters, Reference, Utterance
from engines.f5.engine import F5Engine
from engines.f5.fast import Prepared
from tests.conftest import SPOKEN, examples
from tests.real import load_tiny_engine

VOICES = {
    "basic/basic_ref_en.wav": ("eeb7855c00e701f5424fef0f38e3c9fe9210db8d8f5b7901f31e2896283efcee", 4.963),
    "basic/basic_ref_zh.wav": ("3689f6531591482b0b7b0de0a6b7d97a2566e9dee5decd7bada436b5cf9e7784", 6.16),
    "multi/main.flac": ("5793e81d606a666f9f88ace7fa9cd8b172ae868d243497a98c2e0bcc9596625f", 5.194),
    "multi/town.flac": ("cd5b482ead85875e9a458c1a4fe4b38beca79a76dbea5e1599a68d3c64e0d887", 8.021),
    "multi/country.flac": ("6c1d9def37b8b120ac6f38af06573d9a33b08e2d153249932767a5abc2095c50", 6.428),
}
# Of each text with the English voice: digest of its tokens, frames, samples of speech.
SPEECH = {
    "Well done! You have reached the end of it; who would have thought so?": ("9f9e170a29ff2c33", 1082, 157_696),
    "As nações unidas são públicas... às 10 horas, não é?": ("48caf44fb7cdc92e", 992, 134_656),
    "你好，世界。今天天气不错！": ("c834113cc6f93a8c", 813, 88_832),
    "Chapter One\nThe Beginning\n\nDr. Silva went home.": ("4dbcc877e9bbfcc2", 876, 104_960),
}  # fmt: skip


@pytest.mark.parametrize("name", VOICES)
def test_a_recording_of_usual_level_is_stored_as_ever(name: str) -> None:
    """A recording of usual level is stored byte for byte as before, without warnings of cuts or gain."""
    canonical, _ = check_and_make_canonical((examples() / name).read_bytes())

    assert (hashlib.sha256(canonical.wav).hexdigest(), canonical.duration) == VOICES[name]
    assert not canonical.clipped


@pytest.fixture(scope="module")
def f5(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> F5Engine:
    return load_tiny_engine(tiny_checkpoint, tmp_path_factory.mktemp("f5"))


@pytest.fixture(scope="module")
def reference(human_wav: bytes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    canonical, _ = check_and_make_canonical(human_wav)
    path = tmp_path_factory.mktemp("voice") / "reference.wav"
    path.write_bytes(canonical.wav)
    return Reference(path, SPOKEN, hashlib.sha256(canonical.wav).hexdigest(), canonical.duration, "en")


@pytest.mark.parametrize("text", SPEECH)
def test_a_text_of_known_characters_is_spoken_as_ever(text: str, f5: F5Engine, reference: Reference) -> None:
    """An ordinary text has the same tokens, length, seed and number of samples as before."""
    parameters = F5Parameters(nfe_step=2)
    plan = plan_speech(text, reference_text=SPOKEN, reference_s=reference.duration, seed=7, parameters=parameters)
    (chunk,) = plan.chunks
    utterance = Utterance(reference, chunk.text, chunk.seed, parameters)
    prepared = Prepared(*f5._prepared(reference))
    assert f5._fast is not None

    condition = f5._fast._condition(utterance, prepared, f5._fast._voice(utterance, prepared))
    wave = f5.speak(reference, chunk.text, seed=chunk.seed, parameters=parameters)

    tokens = hashlib.sha256(json.dumps(condition.tokens.tolist()).encode()).hexdigest()[:16]
    assert (tokens, condition.frames, len(wave)) == SPEECH[text]
    assert condition.seed == chunk_seed(7, 0) == 926381044385793237
