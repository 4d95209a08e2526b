"""Whatever a file's layout, either the official loader takes the result with exactly the true weights, or the file is refused."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloning.errors import CheckpointUnusable
from model_cache.layouts.inspection import inspect
from model_cache.layouts.repair import repair
from tests.layouts import State, load_officially, same, save, true_weights

ARCH: dict[str, Any] = {
    "dim": 16,
    "depth": 1,
    "heads": 1,
    "ff_mult": 1,
    "text_dim": 8,
    "conv_layers": 0,
    "dim_head": 16,
}
MODEL: dict[str, Any] = {"arch": ARCH, "vocabulary": 3}

SEGMENTS = st.lists(
    st.sampled_from(["ema", "ema_model", "online_model", "model", "module", "_orig_mod", "student", "transformer"]),
    max_size=3,
)
WRAPPERS = st.sampled_from(
    [
        "",
        "",
        "ema_model_state_dict",
        "model_state_dict",
        "state_dict",
        "model",
        "ema",
        "optimizer_state_dict",
        "teacher",
    ]
)
EXTRAS = st.sampled_from(
    [
        "step",
        "initted",
        "update",
        "ema.step",
        "ema_model.update",
        "mel_spec.mel_stft.mel_scale.fb",
        "vocoder.head.weight",
        "odd",
    ]
)
DAMAGE = st.sampled_from(["none", "none", "none", "drop", "rename", "reshape", "double", "another prefix"])


@pytest.fixture(scope="module")
def truth() -> State:
    return true_weights(1, **MODEL)


@pytest.fixture(scope="module")
def decoys() -> list[State]:
    """Other weights of the same shapes, under names of sets that are never used for speech."""
    return [true_weights(seed, **MODEL) for seed in (2, 3)]


def prefixed(state: State, segments: list[str]) -> State:
    return {".".join([*segments, name]): tensor for name, tensor in state.items()}


def damaged(state: State, how: str, victim: int) -> State:
    """Spoil one tensor."""
    state = dict(state)
    name = sorted(state)[victim % len(state)]
    if how == "drop":
        del state[name]
    elif how == "rename":
        state[name + "_"] = state.pop(name)
    elif how == "reshape":
        state[name] = state[name].unsqueeze(-1).repeat_interleave(2, -1)
    elif how == "double":
        state["ema." + name] = state[name] * 2
    elif how == "another prefix":
        state["ema_model." + name] = state.pop(name)
    return state


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """How a file is made: its ending, the places of the true and of other sets, and what is added or broken."""
    return {
        "ending": draw(st.sampled_from(["safetensors", "pt"])),
        "wrapper": draw(WRAPPERS),
        "prefix": draw(SEGMENTS),
        "others": draw(
            st.lists(
                st.tuples(WRAPPERS, st.sampled_from([["ema", "online_model"], ["online_model"], ["discriminator"]])),
                max_size=2,
            )
        ),
        "extras": draw(st.sets(EXTRAS, max_size=3)),
        "damage": draw(DAMAGE),
        "victim": draw(st.integers(0, 10**6)),
        "order": draw(st.randoms(use_true_random=False)),
    }


def make(path: Path, how: dict[str, Any], truth: State, decoys: list[State]) -> Path:
    import torch

    content: dict[str, Any] = {}

    def put(wrapper: str, state: State) -> None:
        place = content.setdefault(wrapper, {}) if wrapper and how["ending"] == "pt" else content
        items = list(state.items())
        how["order"].shuffle(items)
        for name, tensor in items:
            place.setdefault(name, tensor.clone())

    put(how["wrapper"], prefixed(damaged(truth, how["damage"], how["victim"]), how["prefix"]))
    for (wrapper, prefix), decoy in zip(how["others"], decoys, strict=False):
        put(wrapper, prefixed(decoy, prefix))
    put(how["wrapper"], {name: torch.tensor(1.0) for name in sorted(how["extras"])})
    return save(path, content)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(how=files())
def test_true_weights_or_a_refusal(how: dict[str, Any], truth: State, decoys: list[State]) -> None:
    """Random prefixes, wrappers, extra scalars, second sets, and missing, doubled or misshapen tensors give true weights or a refusal."""
    with TemporaryDirectory() as folder:
        path = make(Path(folder) / f"model.{how['ending']}", how, truth, decoys)
        before = path.read_bytes()

        found = inspect(path, vocabulary=3)
        if found.verdict == "refused":
            with pytest.raises(CheckpointUnusable):
                repair(path, Path(folder) / "out.safetensors", inspection=found)
            assert found.reason
            assert not (Path(folder) / "out.safetensors").exists()
            return
        repair(path, Path(folder) / "out.safetensors", inspection=found)

        loadable = path if found.verdict == "ready" else Path(folder) / "out.safetensors"
        assert same(load_officially(loadable, **MODEL), truth)
        assert path.read_bytes() == before


@pytest.mark.parametrize("wrapper", ["", "model_state_dict"])
@pytest.mark.parametrize("prefix", [[], ["ema"], ["module"], ["ema", "ema_model"]], ids="-".join)
def test_the_property_is_not_met_by_refusing_all(
    wrapper: str, prefix: list[str], truth: State, decoys: list[State], tmp_path: Path
) -> None:
    """Known layouts of the same model are accepted, so the property isn't met by refusing everything."""
    import random

    how: dict[str, Any] = {
        "wrapper": wrapper,
        "prefix": prefix,
        "others": [("", ["ema", "online_model"])],
        "extras": {"step"},
        "damage": "none",
    }
    how |= {"victim": 0, "order": random.Random(0), "ending": "pt"}  # noqa: S311 - not for secrets

    found = inspect(make(tmp_path / "model.pt", how, truth, decoys))
    repair(tmp_path / "model.pt", tmp_path / "out.safetensors")

    assert found.verdict == "repairable"
    assert same(load_officially(tmp_path / "out.safetensors", **MODEL), truth)
