"""Architectures: the tables of names and shapes match the real classes, and the numbers can be read back from the shapes."""

from collections.abc import Mapping
from typing import Any

import pytest

from engines.imports.f5 import import_f5
from engines.tiny import TINY_ARCH
from model_cache.architectures import published
from model_cache.catalog import find
from model_cache.formats.contents import Shape
from model_cache.layouts.f5_tensors import backbone_of, expected_keys, numbers_of


def real_keys(arch: Mapping[str, Any], backbone: str) -> dict[str, Shape]:
    import torch

    import_f5()
    import f5_tts.model

    with torch.device("meta"):
        transformer = getattr(f5_tts.model, backbone)(**arch, text_num_embeds=2545, mel_dim=100)
        model = f5_tts.model.CFM(transformer=transformer, mel_spec_kwargs={"n_mel_channels": 100})
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


ARCHITECTURES = [
    pytest.param(TINY_ARCH, "DiT", id="tiny"),
    pytest.param(published("F5TTS_v1_Base").arch, "DiT", id="v1 Base"),
    pytest.param(published("F5TTS_Base").arch, "DiT", id="v0 Base"),
    pytest.param(published("F5TTS_v1_Small").arch, "DiT", id="v1 Small"),
    pytest.param(
        {**TINY_ARCH, "qk_norm": "rms_norm", "long_skip_connection": True, "dim_head": 32}, "DiT", id="options"
    ),
    pytest.param({"dim": 64}, "DiT", id="defaults"),
    pytest.param({"dim": 1024, "depth": 24, "heads": 16, "ff_mult": 4, "pe_attn_head": 1}, "UNetT", id="E2TTS Base"),
]


@pytest.mark.parametrize(("arch", "backbone"), ARCHITECTURES)
def test_expected_keys_are_those_of_the_real_classes(arch: dict[str, Any], backbone: str) -> None:
    """The names and shapes derived from the numbers are those of the real CFM around its backbone."""
    assert expected_keys(arch, 2545, backbone) == real_keys(arch, backbone)


@pytest.mark.parametrize(("arch", "backbone"), ARCHITECTURES)
def test_numbers_come_back_from_the_shapes(arch: dict[str, Any], backbone: str) -> None:
    """The numbers read from the shapes give the same names and shapes again."""
    shapes = expected_keys(arch, 2545, backbone)

    numbers = numbers_of(shapes)

    assert numbers is not None
    assert backbone_of(shapes) == backbone
    assert expected_keys(numbers, numbers["vocabulary"], backbone) == shapes


def test_one_misshapen_tensor_is_outvoted() -> None:
    """The width is that of most tensors, so that one misshapen tensor is named and not all others."""
    shapes = expected_keys(TINY_ARCH, 2545)
    shapes["transformer.proj_out.weight"] = (100, 65)

    numbers = numbers_of(shapes)

    assert numbers is not None
    assert numbers["dim"] == 64


def test_a_name_cannot_ask_for_a_huge_model() -> None:
    """The depth that a name claims is limited by the number of tensors."""
    shapes = expected_keys(TINY_ARCH, 2545)
    shapes["transformer.transformer_blocks.999999999999.ff.ff.2.bias"] = (64,)

    numbers = numbers_of(shapes)

    assert numbers is not None
    assert numbers["depth"] == len(shapes)


def test_versions_0_and_1_cannot_be_told_apart() -> None:
    """v0 and v1 have the same 364 tensors, so the catalogue must name the configuration."""
    v0, v1 = find("F5TTS_Base"), find("F5TTS_v1_Base")

    assert expected_keys(v0.arch, 2545) == expected_keys(v1.arch, 2545)
    assert len(expected_keys(v0.arch, 2545)) == 364
    assert v0.arch != v1.arch
