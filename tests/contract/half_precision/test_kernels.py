"""An engine in half precision speaks with fused kernels where they are asked for and proved, and with torch's operations elsewhere, told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloning.generate.chunk_store import inputs_of
from cloning.ports import Reference
from engines.f5 import choice
from engines.f5.engine import F5Engine
from engines.f5.proof import measure
from tests.contract.half_precision.proved import COMPILED, QUICK, TEXT, load, proof
from tests.unit.engines.f5.test_fused_proof import BROKEN

pytestmark = pytest.mark.usefixtures("card")


def test_unless_they_are_asked_for_nothing_looks_for_kernels(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting is off by default, and then nothing tells of it."""
    monkeypatch.setattr(choice, "compiled_for", lambda _: pytest.fail("nobody asked"))

    engine = load(tiny_checkpoint, tmp_path, "one")

    assert engine.facts.sampler == "fast"
    assert not [name for name in proof(engine) if name.startswith("kernels")]


def test_kernels_that_prove_themselves_speak(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second worker remembers and measures nothing; its chunks have the names that they have without kernels."""
    measured = list[str]()

    def watched(*given: Any, **kernels: Any) -> Any:
        measured.append("fused" if kernels.get("fused") else "eager")
        return measure(*given, **kernels)

    monkeypatch.setattr("engines.f5.choice.measure", watched)
    first = load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    second = load(tiny_checkpoint, tmp_path, "two", kernels="auto")
    eager = load(tiny_checkpoint, tmp_path, "three")

    assert measured == ["fused", "eager"]
    assert [proof(one)["state"] for one in (first, second)] == ["proved", "remembered"]
    for engine in (first, second):
        assert (engine.facts.sampler, proof(engine)["kernels"], proof(engine)["kernels_why"]) == ("fast", "fused", "")
        assert proof(engine)["kernels_digest"] == COMPILED.digest
        assert proof(engine)["distances"].keys() >= {"rotation", "norm", "add_norm", "velocity"}
        assert inputs_of(engine.facts, QUICK) == inputs_of(eager.facts, QUICK)
    assert len({proof(one)["key"] for one in (first, second, eager)}) == 2


def test_what_they_speak_is_the_eager_speech_but_for_rounding(
    tiny_checkpoint: Path, tmp_path: Path, reference: Reference
) -> None:
    """Alone, and again after the weights have been away."""
    fused = load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    eager = load(tiny_checkpoint, tmp_path, "two")

    ours, theirs = (one.speak(reference, TEXT, seed=1, parameters=QUICK) for one in (fused, eager))
    fused.park()
    fused.resume()
    again = fused.speak(reference, TEXT, seed=1, parameters=QUICK)

    assert np.sqrt(np.mean((ours - theirs) ** 2)) <= 0.02 * np.sqrt(np.mean(theirs**2))
    assert not np.array_equal(ours, theirs)
    assert np.array_equal(ours, again)


def test_fast_is_obeyed_and_its_kernels_are_proved_all_the_same(
    tiny_checkpoint: Path, tmp_path: Path, card: Callable[[Callable[[], Any]], None]
) -> None:
    """SAMPLER=fast needs no proof of the solver; a broken kernel speaks for nobody."""
    good = load(tiny_checkpoint, tmp_path, "one", kernels="auto", sampler="fast")
    card(next(iter(BROKEN)))
    bad = load(tiny_checkpoint, tmp_path / "other", "one", kernels="auto", sampler="fast")

    assert (good.facts.sampler, proof(good)["kernels"]) == ("fast", "fused")
    assert (bad.facts.sampler, set(proof(bad))) == ("fast", {"kernels", "kernels_why"})


def test_the_official_path_has_no_kernels(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Whoever chose it is obeyed."""
    engine = load(tiny_checkpoint, tmp_path, "one", kernels="auto", sampler="official")

    assert (engine.facts.sampler, engine.facts.sampler_proof) == ("official", None)


def test_the_log_says_what_speaks(
    tiny_checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, card: Callable[[Callable[[], Any]], None]
) -> None:
    """A line for the kernels, and the sampler's as ever."""
    caplog.set_level("INFO", "engines.f5")
    load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    card(next(iter(BROKEN)))
    load(tiny_checkpoint, tmp_path / "other", "one", kernels="auto")

    assert [record.message for record in caplog.records] == [
        "sampler.proved",
        "kernels.fused",
        "kernels.eager",
        "sampler.proved",
    ]
    assert "rotation: " in caplog.records[2].__dict__["why"]


def test_a_cpu_speaks_as_ever_and_says_why(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: Reference
) -> None:
    """In float32 its samples are the official path's to the last bit, whatever KERNELS says."""
    monkeypatch.undo()
    asked = load(tiny_checkpoint, tmp_path, "one", kernels="auto")
    usual = load(tiny_checkpoint, tmp_path, "two")

    ours, theirs = (one.speak(reference, TEXT, seed=1, parameters=QUICK) for one in (asked, usual))
    assert isinstance(asked, F5Engine)
    assert proof(asked) == {"kernels": "eager", "kernels_why": "the kernels run on a GPU, and the model is on cpu"}
    assert usual.facts.sampler_proof is None
    assert np.array_equal(ours, theirs)
