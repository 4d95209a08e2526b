"""In half precision an engine uses the fast solver if it proves itself, and otherwise the official path, with a reason."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cloning.generate.chunk_store import inputs_of
from cloning.ports import Reference
from engines.imports.f5 import import_f5
from tests.contract.half_precision.proved import QUICK, TEXT, load, proof
from tests.unit.engines.f5.solver_faults import FAULTS, fault


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
