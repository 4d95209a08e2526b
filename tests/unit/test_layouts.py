"""Layouts: a file is ready, or becomes ready by known renames, only if its whole set of names and shapes is the architecture's."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.f5_import import import_f5
from engines.tiny import TINY_ARCH
from model_cache.catalog import find, published
from model_cache.layouts import TEXT_EMBEDDING, Ready, Refused, Repairable, Shape, diagnose, expected_keys
from model_cache.tensorfile import Header, TensorInfo

EXPECTED = expected_keys(TINY_ARCH, 2545)
NAMES = st.sampled_from(sorted(EXPECTED))

SCALARS: dict[str, Shape] = {"initted": (), "step": ()}
MEL_BUFFERS: dict[str, Shape] = {
    "mel_spec.mel_stft.mel_scale.fb": (513, 100),
    "mel_spec.mel_stft.spectrogram.window": (1024,),
}


def header(shapes: Mapping[str, Shape], dtype: str = "F32") -> Header:
    return Header({name: TensorInfo(dtype, shape, 0, 0) for name, shape in shapes.items()}, {}, 0)


def under(prefix: str, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    return {prefix + name: shape for name, shape in shapes.items()}


def real_keys(arch: Mapping[str, Any]) -> dict[str, Shape]:
    import torch

    import_f5()
    from f5_tts.model import CFM, DiT

    with torch.device("meta"):
        model = CFM(transformer=DiT(**arch, text_num_embeds=2545, mel_dim=100), mel_spec_kwargs={"n_mel_channels": 100})
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(
    "arch",
    [
        pytest.param(TINY_ARCH, id="tiny"),
        pytest.param(published("F5TTS_v1_Base").arch, id="v1 Base"),
        pytest.param(published("F5TTS_Base").arch, id="v0 Base"),
        pytest.param(published("F5TTS_v1_Small").arch, id="v1 Small"),
        pytest.param({**TINY_ARCH, "qk_norm": "rms_norm", "long_skip_connection": True, "dim_head": 32}, id="options"),
        pytest.param({"dim": 64}, id="defaults"),
    ],
)
def test_expected_keys_are_those_of_the_real_classes(arch: dict[str, Any]) -> None:
    """The names and shapes derived from the numbers are the ones that CFM(DiT) has."""
    assert expected_keys(arch, 2545) == real_keys(arch)


def test_versions_0_and_1_cannot_be_told_apart() -> None:
    """Both Base configurations have the same 364 tensors, which is why the catalogue names the configuration."""
    v0, v1 = find("F5TTS_Base"), find("F5TTS_v1_Base")

    assert expected_keys(v0.arch, 2545) == expected_keys(v1.arch, 2545)
    assert len(expected_keys(v0.arch, 2545)) == 364
    assert v0.arch != v1.arch


@pytest.mark.parametrize("prefix", ["", "ema_model."])
@pytest.mark.parametrize("extras", [{}, SCALARS, {"step": ()}])
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_what_f5_tts_loads_is_ready(prefix: str, extras: dict[str, Shape], dtype: str) -> None:
    """Bare names or `ema_model.`, with or without counters and old mel buffers, in any float type: nothing to do."""
    shapes = under(prefix, EXPECTED | MEL_BUFFERS) | extras

    assert diagnose(header(shapes, dtype), EXPECTED) == Ready()


def test_weights_under_ema_are_renamed() -> None:
    """`ema.` goes from the weights and from the counters, and nothing is dropped."""
    diagnosis = diagnose(header(under("ema.", EXPECTED | SCALARS)), EXPECTED)

    assert isinstance(diagnosis, Repairable)
    assert diagnosis.renames == {f"ema.{name}": name for name in EXPECTED | SCALARS}
    assert diagnosis.drops == frozenset()


def test_the_whole_ema_object_loses_its_online_weights() -> None:
    """Of `ema.ema_model.*` and `ema.online_model.*` (730 tensors at Base size) the EMA's stay."""
    base = expected_keys(find("F5TTS_Base").arch, 2545)
    shapes = under("ema.ema_model.", base) | under("ema.online_model.", base) | under("ema.", SCALARS)

    diagnosis = diagnose(header(shapes), base)

    assert len(shapes) == 730
    assert isinstance(diagnosis, Repairable)
    assert set(diagnosis.renames.values()) == set(under("ema_model.", base) | SCALARS)
    assert diagnosis.drops == set(under("ema.online_model.", base))


@settings(deadline=None)
@given(
    name=NAMES,
    prefix=st.sampled_from(["", "ema_model.", "ema.", "ema.ema_model."]),
    what=st.sampled_from(["gone", "other", "shape", "more"]),
)
def test_one_wrong_tensor_refuses_the_file(name: str, prefix: str, what: str) -> None:
    """A known prefix proves nothing: one tensor missing, misnamed, misshapen or too many, and the reason names it."""
    shapes = dict(EXPECTED)
    shape = shapes.pop(name)
    if what == "other":
        shapes[name + "x"] = shape
    elif what == "shape":
        shapes[name] = (*shape, 2)
    elif what == "more":
        shapes |= {name: shape, name + "x": shape}

    diagnosis = diagnose(header(under(prefix, shapes)), EXPECTED)

    assert isinstance(diagnosis, Refused)
    assert name in diagnosis.reason


@pytest.mark.parametrize(
    "shapes",
    [
        pytest.param({}, id="nothing"),
        pytest.param(under("module.", EXPECTED), id="unknown prefix"),
        pytest.param(under("ema.online_model.", EXPECTED), id="only online weights"),
        pytest.param(EXPECTED | under("ema_model.", EXPECTED), id="two sets that the loader would mix"),
        pytest.param(under("ema.", EXPECTED) | EXPECTED, id="half stripped"),
        pytest.param(EXPECTED | {"ema_model.step": ()}, id="a counter that the loader doesn't skip"),
    ],
)
def test_other_layouts_are_refused(shapes: dict[str, Shape]) -> None:
    """What is not known is not guessed."""
    assert isinstance(diagnose(header(shapes), EXPECTED), Refused)


def test_integers_are_not_weights() -> None:
    """A quantised file has the names and shapes, but not the weights."""
    diagnosis = diagnose(header(EXPECTED, "I8"), EXPECTED)

    assert isinstance(diagnosis, Refused)
    assert "not floating point" in diagnosis.reason


def test_another_vocabulary_is_named() -> None:
    """A text embedding of another size tells which vocab.txt is missing."""
    diagnosis = diagnose(header({**EXPECTED, TEXT_EMBEDDING: (301, 64)}), EXPECTED)

    assert isinstance(diagnosis, Refused)
    assert "a vocabulary of 300 entries, vocab.txt has 2545" in diagnosis.reason
