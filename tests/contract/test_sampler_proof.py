"""In half precision an engine uses the fast solver if it proves itself, and otherwise the official path, with a reason."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cloning.audio.canonical import check_and_make_canonical
from cloning.generate.chunk_store import inputs_of
from cloning.ports import F5Parameters, Reference
from cloning.settings import Settings
from engines.device.placement import Weights
from engines.f5.engine import F5Engine
from engines.f5.loading import load_model
from engines.imports.f5 import import_f5
from model_cache.cache import CheckpointCache
from model_cache.catalog import find
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN
from tests.unit.engines.f5.solver_faults import FAULTS, fault
from worker.models import load_engine, make_verdicts

QUICK = F5Parameters(nfe_step=2)
TEXT = "The quick brown fox."


@pytest.fixture(autouse=True)
def _in_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half precision on the CPU, which upstream chooses on a GPU."""

    def weights_of(model: Any, vocoder: Any, device: str) -> Weights:
        return Weights({"model": model, "vocoder": vocoder}, device, {"model": torch.float16, "vocoder": torch.float32})

    monkeypatch.setattr("engines.f5.engine.load_model", lambda *given: load_model(*given).half())
    monkeypatch.setattr("engines.f5.engine.weights_of", weights_of)


@pytest.fixture(scope="module")
def reference(human_wav: bytes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    canonical, _ = check_and_make_canonical(human_wav)
    path = tmp_path_factory.mktemp("voice") / "reference.wav"
    path.write_bytes(canonical.wav)
    return Reference(path, SPOKEN, hashlib.sha256(canonical.wav).hexdigest(), canonical.duration)


def load(checkpoint: Path, folder: Path, worker: str, **settings: Any) -> F5Engine:
    """The engine of a worker with its own disk, on the shared bucket."""
    bucket = FolderStore(folder / "bucket")
    asked = Settings(data_dir=folder, model_cache_dir=folder / worker, device="cpu", runpod_pod_id=worker, **settings)
    cache = CheckpointCache(bucket, folder / "models")
    engine = load_engine(
        cache, cache.local(find(str(checkpoint))), asked, "cpu", prove=make_verdicts(asked, bucket).prove
    )
    assert isinstance(engine, F5Engine)
    return engine


def proof(engine: F5Engine) -> dict[str, Any]:
    assert engine.facts.sampler_proof is not None
    return dict(engine.facts.sampler_proof)


@pytest.fixture
def forwards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that a model runs."""
    import_f5()  # silenced
    from f5_tts.model import modules

    seen = list[int]()
    forward = modules.FeedForward.forward

    def counted(self: Any, x: torch.Tensor) -> Any:
        seen.append(1)
        return forward(self, x)

    monkeypatch.setattr(modules.FeedForward, "forward", counted)
    return seen


def test_the_first_worker_proves_and_the_second_remembers(
    tiny_checkpoint: Path, tmp_path: Path, forwards: list[int], reference: Reference
) -> None:
    """The first worker proves the solver; the second takes the verdict without running a model, and the facts of both are the same."""
    first = load(tiny_checkpoint, tmp_path, "one")
    run = len(forwards)
    second = load(tiny_checkpoint, tmp_path, "two")

    assert run > 0
    assert len(forwards) == run
    assert (first.facts.sampler, second.facts.sampler) == ("fast", "fast")
    assert (proof(first)["state"], proof(second)["state"]) == ("proved", "remembered")
    assert first.facts == second.facts
    assert inputs_of(first.facts, QUICK) == inputs_of(second.facts, QUICK)
    assert "sampler_proof" not in inputs_of(first.facts, QUICK)


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_solver_does_not_speak(name: str, tiny_checkpoint: Path, tmp_path: Path) -> None:
    """If the solver fails its proof, the official path speaks, and the engine's facts say why."""
    with fault(name) as says:
        engine = load(tiny_checkpoint, tmp_path, "one")

    assert (engine.facts.sampler, proof(engine)["state"]) == ("official", "failed")
    assert says.split(":")[0] in proof(engine)["why"]
    assert engine._fast is None


def test_who_is_not_proved_speaks_as_the_official_path(
    tiny_checkpoint: Path, tmp_path: Path, reference: Reference
) -> None:
    """After a failed proof the samples equal the official path's, so the proof leaves nothing behind."""
    with fault("keys are a frame off"):
        engine = load(tiny_checkpoint, tmp_path, "one")
    official = load(tiny_checkpoint, tmp_path, "two", sampler="official")

    ours, theirs = (one.speak(reference, TEXT, seed=1, parameters=QUICK) for one in (engine, official))
    assert np.array_equal(ours, theirs)


def test_health_and_log_say_why(tiny_checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The engine's facts and the log have the verdict and its reason."""
    caplog.set_level("INFO", "engines.f5.choice")
    with fault("guidance 1.9"):
        engine = load(tiny_checkpoint, tmp_path, "one")
    load(tiny_checkpoint, tmp_path / "other", "two")

    told = {**vars(engine.facts)}
    assert told["sampler_proof"]["why"].startswith("steps: ")
    assert [record.message for record in caplog.records] == ["sampler.unproved", "sampler.proved"]
    assert caplog.records[0].__dict__["why"] == told["sampler_proof"]["why"]


@pytest.mark.parametrize("sampler", ["official", "fast"])
def test_who_chose_a_sampler_is_obeyed(sampler: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    """A sampler that the deployment names is used without a proof."""
    engine = load(tiny_checkpoint, tmp_path, "one", sampler=sampler)

    assert (engine.facts.sampler, engine.facts.sampler_proof) == (sampler, None)
