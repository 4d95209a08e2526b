"""XTTS by coqui-tts's official path, at a small size: each value reaches it, and what it can't do is refused."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from cloning.audio.canonical import check_and_make_canonical
from cloning.errors import CheckpointUnusable, InvalidText, LicenseRefused
from cloning.parameters import PROFILES
from cloning.planning.xtts import CHARACTERS, LANGUAGES
from cloning.ports import F5Parameters, Reference, Samples, XttsParameters
from engines import tiny_xtts
from engines.f5.engine import F5Engine
from engines.xtts import XttsEngine, XttsFiles, import_xtts
from model_cache.cache import CheckpointCache
from model_cache.catalog import CARD, find
from storage.folder_store import FolderStore
from tests.real import load_tiny_engine, load_tiny_xtts
from tests.real import tiny_xtts as tiny_checkpoint_of_xtts
from worker.models import xtts_files

TEXT = "Hello there."
PLAIN = XttsParameters()


@pytest.fixture(scope="module")
def xtts(tmp_path_factory: pytest.TempPathFactory) -> XttsEngine:
    return load_tiny_xtts(tmp_path_factory.mktemp("xtts"))


@pytest.fixture(scope="module")
def f5(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> F5Engine:
    return load_tiny_engine(tiny_checkpoint, tmp_path_factory.mktemp("f5"))


@pytest.fixture(scope="module")
def reference(human_wav: bytes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    canonical, _ = check_and_make_canonical(human_wav)
    path = tmp_path_factory.mktemp("voice") / "reference.wav"
    path.write_bytes(canonical.wav)
    return Reference(path, "", hashlib.sha256(canonical.wav).hexdigest(), canonical.duration, "en")


@pytest.fixture(scope="module")
def plain(xtts: XttsEngine, reference: Reference) -> Samples:
    return xtts.speak(reference, TEXT, seed=1, parameters=PLAIN)


@pytest.mark.parametrize(
    "changes",
    [{"speed": 1.5}, {"gpt_cond_chunk_len": 2}, {"sound_norm_refs": True}],
    ids=lambda changes: next(iter(changes)),
)
def test_every_parameter_reaches_the_model(
    xtts: XttsEngine, reference: Reference, plain: Samples, changes: dict[str, float]
) -> None:
    """Every parameter changes the samples. (Those of the sampling may change nothing by chance: see below.)"""
    changed = xtts.speak(reference, TEXT, seed=1, parameters=replace(PLAIN, **changes))  # type: ignore[arg-type]  # real fields

    assert not np.array_equal(plain, changed)


def test_every_value_of_the_drawing_reaches_the_model(
    xtts: XttsEngine, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`inference` gets exactly the requested values, and the model's own configuration is ignored."""
    given: dict[str, object] = {}
    inference = xtts._model.inference

    def spy(*arguments: object, **named: object) -> object:
        given.update(named)
        return inference(*arguments, **named)

    monkeypatch.setattr(xtts._model, "inference", spy)
    asked = XttsParameters(
        num_beams=2, length_penalty=-3.0, temperature=0.6, top_p=0.7, top_k=9, repetition_penalty=3.0
    )

    xtts.speak(reference, TEXT, seed=1, parameters=asked)

    own = {name: value for name, value in vars(asked).items() if name in given}
    assert {name: given[name] for name in own} == own
    assert set(own) == {"temperature", "top_p", "top_k", "repetition_penalty", "num_beams", "length_penalty", "speed"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_is_spoken(xtts: XttsEngine, reference: Reference, language: str) -> None:
    """Every language speaks: the packages that write out numbers (not in Hindi) and transliterate scripts are installed."""
    text = {
        "zh": "你好 12",
        "ja": "こんにちは 12",
        "ko": "안녕하세요 12",
        "ru": "привет 12",
        "hi": "नमस्ते",
        "ar": "مرحبا 12",
    }

    tokens = xtts._model.tokenizer.encode(text.get(language, "Hola 12"), lang=language)

    assert CHARACTERS[language] == xtts._model.tokenizer.char_limits[language]
    assert len(tokens) > len("[en]12")


def test_a_voice_is_heard_as_the_official_function_hears_it(
    xtts: XttsEngine, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latents equal the official function's bit for bit; only the file is read without ffmpeg's libraries."""
    import torch
    from torchaudio.functional import resample

    def read(path: Path, rate: int) -> Any:
        samples, own = soundfile.read(path, dtype="float32", always_2d=True)
        return resample(torch.from_numpy(samples.T.copy()), own, rate).clip(-1, 1)

    monkeypatch.setattr(import_xtts(), "load_audio", read)
    for normed in (False, True):
        ours = xtts._conditioning(reference, XttsParameters(sound_norm_refs=normed))
        theirs = xtts._model.get_conditioning_latents(
            reference.path, max_ref_length=30, gpt_cond_len=30, gpt_cond_chunk_len=4, sound_norm_refs=normed
        )
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_a_voice_is_heard_once_and_few_are_kept(xtts: XttsEngine, reference: Reference) -> None:
    """Latents cost seconds, so a voice's are computed once; only a few are kept, since a worker meets any number of voices."""
    kept = xtts._voice(reference, PLAIN)

    for number in range(16):
        assert xtts._voice(reference, PLAIN) is kept
        xtts._voices.get(number, lambda: kept)

    assert len(xtts._voices) == 16
    xtts._voices.clear()


@pytest.mark.parametrize("profile", PROFILES["xtts"])
def test_every_profile_of_xtts_runs(xtts: XttsEngine, reference: Reference, profile: str) -> None:
    """Every profile of XTTS has values that the model takes."""
    wave = xtts.speak(reference, TEXT, seed=1, parameters=PROFILES["xtts"][profile])  # type: ignore[index]  # a profile's name

    assert wave.any()


@pytest.mark.parametrize("profile", PROFILES["f5"])
def test_every_profile_of_f5_runs(f5: F5Engine, reference: Reference, profile: str) -> None:
    """Every profile of F5-TTS has values that the model takes."""
    words = replace(reference, text="Some call me nature, others call me mother nature.")

    assert f5.speak(words, TEXT, seed=1, parameters=PROFILES["f5"][profile]).any()  # type: ignore[index]  # a profile's name


def test_another_engines_values_are_a_mistake(xtts: XttsEngine, f5: F5Engine, reference: Reference) -> None:
    """Another engine's values raise an error; the request was checked before."""
    with pytest.raises(TypeError, match="F5Parameters"):
        xtts.speak(reference, TEXT, seed=1, parameters=F5Parameters())
    with pytest.raises(TypeError, match="XttsParameters"):
        f5.speak(reference, TEXT, seed=1, parameters=PLAIN)


def test_speech_without_an_end_is_refused(
    xtts: XttsEngine, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """coqui-tts returns what it has when its tokens run out; here it is sampled again, and then refused."""
    draws: list[int] = []
    monkeypatch.setattr(xtts._model.gpt, "max_gen_mel_tokens", 1)
    inference = xtts._model.inference

    def counted(*arguments: object, **named: object) -> object:
        draws.append(1)
        return inference(*arguments, **named)

    monkeypatch.setattr(xtts._model, "inference", counted)

    with pytest.raises(InvalidText, match="did not reach the end"):
        xtts.speak(reference, TEXT, seed=1, parameters=PLAIN)
    assert len(draws) == 3


def test_more_tokens_than_the_model_takes_are_refused(xtts: XttsEngine, reference: Reference) -> None:
    """Too many tokens are refused with a reason, where coqui-tts has an assertion."""
    with pytest.raises(InvalidText, match="tokens once its numbers are written out"):
        xtts.speak(reference, "123456789 " * 20, seed=1, parameters=PLAIN)


@pytest.mark.parametrize(("language", "text"), [("hi", "नमस्ते 12"), ("pt", "9" * 32), ("cs", "bylo jich 5.")])
def test_a_number_that_can_not_be_read_is_refused(
    xtts: XttsEngine, reference: Reference, language: str, text: str
) -> None:
    """A number that can't be read is refused; coqui-tts would fail inside its number words."""
    with pytest.raises(InvalidText, match="write it as words"):
        xtts.speak(replace(reference, language=language), text, seed=1, parameters=PLAIN)


def test_stdout_and_log_hold_no_text(
    xtts: XttsEngine, reference: Reference, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither stdout nor the log has any text, though coqui-tts warns of a long one with its beginning."""
    with caplog.at_level("INFO"):
        xtts.speak(reference, "secret words " * 20, seed=1, parameters=PLAIN)

    assert capfd.readouterr().out == ""
    assert "secret" not in caplog.text


def test_nothing_loads_before_the_licence_is_accepted() -> None:
    """Without the accepted licence nothing is loaded, whatever the files."""
    files = XttsFiles("any", Path("nowhere"), {}, Path("nowhere"), "0", "MIT", "")

    with pytest.raises(LicenseRefused, match="XTTS_LICENSE_ACCEPTED=1"):
        XttsEngine.load(files, "cpu", license_accepted=False)


def test_the_facts_carry_the_licence() -> None:
    """The facts carry the Coqui Public Model License, which binds every user of the speech."""
    from engines.xtts import _notice

    files = XttsFiles("XTTS_v2", Path(), {}, Path(), "0", find("XTTS_v2").license, "a note")

    assert "outputs are for non-commercial use only" in _notice(files)


def test_the_official_file_is_prepared_once_and_never_rewritten(tmp_path: Path, reference: Reference) -> None:
    """The official file is prepared once, also on a read-only disk; coqui-tts would rewrite it in place at its first load."""
    source = tiny_checkpoint_of_xtts() / "model.pth"
    before = source.stat()
    local = CheckpointCache(FolderStore(tmp_path / "bucket"), tmp_path / "models").local(
        find(str(tiny_checkpoint_of_xtts()))
    )
    prepared = local.model_path.read_bytes()

    XttsEngine.load(xtts_files(local), "cpu", license_accepted=True)

    assert (local.repaired, local.model_path.name) == (True, "model.pth")
    assert local.model_path.read_bytes() == prepared
    assert (source.stat().st_mtime_ns, source.stat().st_size) == (before.st_mtime_ns, before.st_size)


@pytest.mark.parametrize(
    ("name", "value"), [("gpt_layers", 3), ("gpt_n_model_channels", 128), ("decoder_input_dim", 32)]
)
def test_a_file_of_another_size_is_refused_with_both_numbers(tmp_path: Path, name: str, value: int) -> None:
    """A file of another size is refused with both numbers before torch is imported."""
    import json

    folder = Path(shutil.copytree(tiny_checkpoint_of_xtts(), tmp_path / "other"))
    card = json.loads((folder / CARD).read_text())
    card["architecture"]["arch"] |= {name: value}
    (folder / CARD).write_text(json.dumps(card))

    with pytest.raises(
        CheckpointUnusable, match=rf"{name} is {tiny_xtts.TINY_ARGS[name]}, the configuration has {value}"
    ):
        CheckpointCache(FolderStore(tmp_path / "bucket"), tmp_path / "models").local(find(str(folder)))


def test_a_file_that_its_loader_refuses_is_told_in_a_sentence(tmp_path: Path) -> None:
    """A file that its loader refuses is reported in one sentence, without the list of missing names."""
    checkpoint = tiny_checkpoint_of_xtts()
    arguments = tiny_xtts.TINY_ARGS | {"gpt_layers": 1}
    local = CheckpointCache(FolderStore(tmp_path / "bucket"), tmp_path / "models").local(find(str(checkpoint)))
    files = replace(xtts_files(local), args=arguments)

    with pytest.raises(CheckpointUnusable, match="does not load into XTTS"):
        XttsEngine.load(files, "cpu", license_accepted=True)


def test_what_training_left_is_not_kept(tmp_path: Path) -> None:
    """A trainer's file loads as it is but is three times too large; its optimizer is dropped, so that no cold start reads it."""
    import torch

    from tests.xtts_layouts import trainer

    folder = Path(shutil.copytree(tiny_checkpoint_of_xtts(), tmp_path / "trained"))
    plain = CheckpointCache(FolderStore(tmp_path / "bucket"), tmp_path / "models").local(find(str(folder)))
    weights = torch.load(plain.model_path, weights_only=True)["model"]
    torch.save(trainer(weights), folder / "model.pth")

    local = CheckpointCache(FolderStore(tmp_path / "other"), tmp_path / "elsewhere").local(find(str(folder)))

    kept = torch.load(local.model_path, weights_only=True)
    assert (set(kept), local.repaired) == ({"model", "config"}, True)
    assert kept["model"].keys() == weights.keys()
    assert all(torch.equal(kept["model"][name], weights[name]) for name in weights)
