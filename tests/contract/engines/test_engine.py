"""The contract of engines, kept by the real F5-TTS and XTTS on small checkpoints and by the tests' stand-in."""

import hashlib
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cloning.audio.canonical import check_and_make_canonical
from cloning.errors import CheckpointUnusable, Interrupted
from cloning.generate.synthesis import cross_fade
from cloning.planning.f5 import plan_speech, values_of
from cloning.ports import Engine, F5Parameters, Parameters, Reference, XttsParameters
from engines.f5.engine import F5Engine
from engines.f5.loading import F5Files
from engines.xtts import XttsEngine
from tests.conftest import SPOKEN
from tests.real import load_tiny_engine, load_tiny_xtts
from tests.standins.fakes import ToneEngine

QUICK = F5Parameters(nfe_step=4)
OWN: dict[str, Parameters] = {"f5": QUICK, "tone": QUICK, "xtts": XttsParameters()}
TEXT = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module")
def f5(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> F5Engine:
    return load_tiny_engine(tiny_checkpoint, tmp_path_factory.mktemp("f5"))


@pytest.fixture(scope="module")
def xtts(tmp_path_factory: pytest.TempPathFactory) -> XttsEngine:
    return load_tiny_xtts(tmp_path_factory.mktemp("xtts"))


@pytest.fixture(scope="module")
def official(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> F5Engine:
    return load_tiny_engine(tiny_checkpoint, tmp_path_factory.mktemp("official"), sampler="official")


@pytest.fixture(params=["f5", "official", "xtts", "tone"])
def engine(request: pytest.FixtureRequest) -> Engine:
    loaded: Engine = ToneEngine() if request.param == "tone" else request.getfixturevalue(request.param)
    return loaded


@pytest.fixture
def own(engine: Engine) -> Parameters:
    """The engine's own values; quick ones where it has some."""
    return OWN[engine.facts.engine]


@pytest.fixture(scope="module")
def reference(human_wav: bytes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    canonical, _ = check_and_make_canonical(human_wav)
    path = tmp_path_factory.mktemp("voice") / "reference.wav"
    path.write_bytes(canonical.wav)
    return Reference(path, SPOKEN, hashlib.sha256(canonical.wav).hexdigest(), canonical.duration, "en")


def test_speech_is_finite_float32_mono(engine: Engine, own: Parameters, reference: Reference) -> None:
    """Speech is finite float32 of shape [n], nominally within full scale."""
    wave = engine.speak(reference, TEXT, seed=1, parameters=own)

    assert (wave.dtype.name, wave.ndim, bool(wave.any())) == ("float32", 1, True)
    assert np.isfinite(wave).all()
    assert np.abs(wave).max() <= 1.5


def test_a_longer_text_takes_longer(f5: F5Engine, reference: Reference) -> None:
    """A longer text takes longer: F5-TTS plans by the text; XTTS draws its length, which means nothing with random weights."""
    one, two = (f5.speak(reference, TEXT * times, seed=1, parameters=QUICK) for times in (1, 2))

    assert len(two) > len(one) > f5.sample_rate / 2


def test_a_seed_reproduces_a_chunk_whatever_ran_before(engine: Engine, own: Parameters, reference: Reference) -> None:
    """The same arguments give the same samples, whatever ran before; another seed gives others."""
    first = engine.speak(reference, TEXT, seed=1, parameters=own)
    other = engine.speak(reference, TEXT, seed=2, parameters=own)
    engine.speak(reference, "Something else.", seed=9, parameters=replace(own, speed=1.5))

    assert np.array_equal(engine.speak(reference, TEXT, seed=1, parameters=own), first)
    assert not np.array_equal(other, first)


def test_a_seed_reproduces_a_chunk_in_any_thread(engine: Engine, own: Parameters, reference: Reference) -> None:
    """The samples don't depend on the thread, though torch and f5_tts keep state per thread."""
    waves = [engine.speak(reference, TEXT, seed=1, parameters=own)]
    thread = threading.Thread(target=lambda: waves.append(engine.speak(reference, TEXT, seed=1, parameters=own)))
    thread.start()
    thread.join()

    assert np.array_equal(waves[0], waves[1])


def test_a_plan_foretells_the_length(f5: F5Engine, reference: Reference) -> None:
    """A plan predicts the length, so that speech that won't fit is refused before the GPU is used."""
    for parameters in (QUICK, replace(QUICK, speed=1.3), replace(QUICK, fix_duration=30.0)):
        plan = plan_speech(
            f"{TEXT} " * 6, reference_text=reference.text, reference_s=reference.duration, seed=3, parameters=parameters
        )
        waves = [
            f5.speak(reference, one.text, seed=one.seed, parameters=values_of(one, parameters)) for one in plan.chunks
        ]
        wave = cross_fade(waves, int(plan.cross_fade_duration * f5.sample_rate))

        assert len(wave) / f5.sample_rate == pytest.approx(plan.seconds, abs=0.03 * len(plan.chunks))


@pytest.mark.parametrize(
    "changes",
    [
        {"nfe_step": 5},
        {"cfg_strength": 1.0},
        {"sway_sampling_coef": 0.0},
        {"speed": 1.3},
        {"target_rms": 0.3},
        {"fix_duration": 9.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_parameter_reaches_the_model(f5: F5Engine, reference: Reference, changes: dict[str, float]) -> None:
    """Every parameter changes the samples; one that didn't would be ignored."""
    plain = f5.speak(reference, TEXT, seed=1, parameters=QUICK)
    changed = f5.speak(reference, TEXT, seed=1, parameters=replace(QUICK, **changes))  # type: ignore[arg-type]  # real fields

    assert not np.array_equal(plain, changed)


@pytest.mark.parametrize("path", ["f5", "official"])
def test_an_exception_inside_the_solver_leaves_nothing_behind(
    path: str, request: pytest.FixtureRequest, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upstream keeps the text embedding of a chunk that failed, and would speak it next time."""
    f5: F5Engine = request.getfixturevalue(path)
    expected = f5.speak(reference, TEXT, seed=1, parameters=QUICK)
    block = f5._model.transformer.transformer_blocks[1].ff

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle of the solver")

    with monkeypatch.context() as patch:
        patch.setattr(block, "forward", fail)
        with pytest.raises(RuntimeError, match="in the middle"):
            f5.speak(reference, TEXT[::-1], seed=1, parameters=QUICK)

    assert np.array_equal(f5.speak(reference, TEXT, seed=1, parameters=QUICK), expected)


def test_speaking_can_be_stopped_between_two_steps(engine: Engine, own: Parameters, reference: Reference) -> None:
    """Speaking stops between two steps of the model, and the next result is the same as ever."""
    expected = engine.speak(reference, TEXT, seed=1, parameters=own)
    steps: list[int] = []

    def stop_at_the_third() -> None:
        steps.append(1)
        if len(steps) == 3:
            raise Interrupted("the worker stops")

    with pytest.raises(Interrupted):
        engine.speak(reference, TEXT[::-1], seed=1, parameters=own, before_step=stop_at_the_third)

    assert len(steps) == 3
    assert np.array_equal(engine.speak(reference, TEXT, seed=1, parameters=own), expected)


def test_stdout_stays_clean_and_temp_files_go(
    f5: F5Engine,
    reference: Reference,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Stdout and the temporary folder stay empty, although upstream prints the text and keeps a file per voice."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others make temp files in the machine's folder
    fresh = replace(reference, sha256="1" * 64)

    f5.speak(fresh, TEXT, seed=1, parameters=QUICK)

    assert capfd.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []
    assert f5._f5._ref_audio_cache == {}


def test_the_facts_name_what_speaks(f5: F5Engine, official: F5Engine) -> None:
    """The facts name the engine's device, dtype and checkpoint, and say that its weights are random."""
    facts = f5.facts

    assert (facts.engine, facts.device, facts.dtype, facts.sampler) == ("f5", "cpu", "float32", "fast")
    assert official.facts.sampler == "official"
    assert "random weights" in facts.checkpoint_note
    assert len(facts.checkpoint_sha256) == 64


def test_a_file_that_does_not_fit_its_architecture_is_refused(tiny_checkpoint: Path) -> None:
    """A file that doesn't fit its architecture is refused without the official loader's list of 300 names."""
    arch = {"dim": 32, "depth": 1, "heads": 2, "ff_mult": 2, "text_dim": 32, "conv_layers": 1}
    files = F5Files(
        "misfit", tiny_checkpoint / "model.safetensors", "DiT", arch, None, tiny_checkpoint / "vocoder", "0", "MIT", ""
    )

    with pytest.raises(CheckpointUnusable, match="does not load into its architecture"):
        F5Engine.load(files, "cpu")


def test_a_missing_vocoder_is_refused_with_what_to_do(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """A missing vocoder is refused with the name of the setting."""
    load_tiny = load_tiny_engine(tiny_checkpoint, tmp_path)
    model = next((tmp_path / "models").rglob("model.safetensors"))
    from model_cache.catalog import find

    arch = dict(find(str(tiny_checkpoint)).arch)
    files = F5Files("tiny", model, "DiT", arch, None, tmp_path / "nowhere", "0", "MIT", "")

    assert load_tiny.facts.engine == "f5"
    with pytest.raises(CheckpointUnusable, match="VOCODER_PATH"):
        F5Engine.load(files, "cpu")
