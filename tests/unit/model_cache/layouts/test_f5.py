"""Layouts: a file is ready, or can be made so by known renames, only if all its names and shapes are the architecture's."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.tiny import TINY_ARCH
from model_cache.catalog import find
from model_cache.formats.contents import Contents, Shape, Tensor
from model_cache.layouts.diagnosis import Diagnosis
from model_cache.layouts.f5 import Wanted, diagnose
from model_cache.layouts.f5_tensors import TEXT_EMBEDDING, expected_keys

EXPECTED = expected_keys(TINY_ARCH, 2545)
TINY = Wanted(arch=TINY_ARCH, vocabulary=2545)
SCALARS: dict[str, Shape] = {"initted": (), "step": ()}
MEL_BUFFERS: dict[str, Shape] = {
    "mel_spec.mel_stft.mel_scale.fb": (513, 100),
    "mel_spec.mel_stft.spectrogram.window": (1024,),
}


def verdict(shapes: Mapping[str, Shape], dtype: str = "F32", wanted: Wanted = TINY) -> Diagnosis:
    """The verdict on a safetensors file of these names and shapes."""
    tensors = {name: Tensor(dtype, shape, place) for place, (name, shape) in enumerate(shapes.items())}
    return diagnose(Contents("safetensors", "model.safetensors", 0, len(tensors), {(): tensors}), wanted)


def under(prefix: str, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    return {prefix + name: shape for name, shape in shapes.items()}


@pytest.mark.parametrize("prefix", ["", "ema_model."])
@pytest.mark.parametrize("extras", [{}, SCALARS, {"step": ()}])
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize("wanted", [TINY, Wanted()], ids=["known", "unknown"])
def test_what_f5_tts_loads_is_ready(prefix: str, extras: dict[str, Shape], dtype: str, wanted: Wanted) -> None:
    """Bare names or `ema_model.`, with or without counters and old mel buffers, in any float type, are ready."""
    shapes = under(prefix, EXPECTED | MEL_BUFFERS) | extras

    assert verdict(shapes, dtype, wanted).verdict == "ready"


def test_the_whole_ema_object_of_a_real_size() -> None:
    """Of `ema.ema_model.*` and `ema.online_model.*` (730 tensors at Base size) the EMA's 364 and the counters are kept."""
    base = expected_keys(find("F5TTS_Base").arch, 2545)
    shapes = under("ema.ema_model.", base) | under("ema.online_model.", base) | under("ema.", SCALARS)

    found = verdict(shapes, wanted=Wanted())

    assert len(shapes) == 730
    assert (found.verdict, found.layout, found.lossless) == ("repairable", "ema-object", False)
    assert found.kept.keys() == under("ema_model.", base).keys() | SCALARS.keys()
    assert found.drops == ("364 tensors: the online weights (never used for speech) under 'ema.online_model.'",)
    assert found.architecture["heads"] == 16


@settings(deadline=None)
@given(
    name=st.sampled_from(sorted(EXPECTED)),
    prefix=st.sampled_from(["", "ema_model.", "ema.", "ema.ema_model.", "model.", "module."]),
    what=st.sampled_from(["gone", "other", "shape", "more"]),
)
def test_one_wrong_tensor_refuses_the_file(name: str, prefix: str, what: str) -> None:
    """One tensor that is missing, misnamed, misshapen or extra refuses the file, with its name: a known prefix proves nothing."""
    shapes = dict(EXPECTED)
    shape = shapes.pop(name)
    if what == "other":
        shapes[name + "x"] = shape
    elif what == "shape":
        shapes[name] = (*shape, 2)
    elif what == "more":
        shapes |= {name: shape, name + "x": shape}

    found = verdict(under(prefix, shapes))

    assert found.verdict == "refused"
    assert name in found.reason


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        pytest.param({}, "no tensors", id="nothing"),
        pytest.param(under("student.", EXPECTED), "unknown architecture", id="unknown prefix"),
        pytest.param(under("ema.online_model.", EXPECTED), "only the online weights", id="only online weights"),
        pytest.param(
            under("model.", EXPECTED) | under("module.", EXPECTED), "which one is meant", id="two sets of one standing"
        ),
        pytest.param(under("ema.", EXPECTED) | under("ema_model.", EXPECTED), "which one is meant", id="two EMAs"),
        pytest.param(
            under("ema.", EXPECTED) | under("teacher.", EXPECTED),
            "unexpected: teacher.",
            id="a second set of unknown standing",
        ),
        pytest.param(
            {**under("ema.", dict(list(EXPECTED.items())[9:])), **EXPECTED}, "missing", id="an EMA that is not whole"
        ),
        pytest.param({"encoder.weight": (3, 3)}, "unknown architecture", id="another model"),
        pytest.param(
            {**EXPECTED, "transformer.audio_embed.linear.weight": (3, 3)}, "unknown architecture (MMDiT)", id="MMDiT"
        ),
    ],
)
def test_what_is_not_known_is_not_guessed(shapes: dict[str, Shape], reason: str) -> None:
    """An unknown layout is refused with what is wrong, and nothing is guessed."""
    found = verdict(shapes)

    assert found.verdict == "refused"
    assert reason in found.reason


def test_of_two_sets_the_ema_is_taken() -> None:
    """Of two sets the EMA's weights are kept and the plain ones dropped; the loader would silently take whichever comes last."""
    found = verdict(under("ema_model.", EXPECTED) | EXPECTED)

    assert found.verdict == "repairable"
    assert found.kept.keys() == under("ema_model.", EXPECTED).keys()
    assert found.lossless is False


def test_integers_are_not_weights() -> None:
    """A quantised file has the right names and shapes but integers, so it is refused."""
    assert "not floating point" in verdict(EXPECTED, "I8").reason


def test_another_vocabulary_is_named() -> None:
    """A text embedding of another size is refused with the vocabulary that is missing."""
    found = verdict({**EXPECTED, TEXT_EMBEDDING: (301, 64)})

    assert found.verdict == "refused"
    assert "a vocabulary of 300 entries, vocab.txt has 2545" in found.reason


def test_wrong_sizes_come_before_missing_tensors() -> None:
    """Wrong sizes are named before missing tensors, which are often only their consequence."""
    shapes = dict(EXPECTED)
    del shapes["transformer.proj_out.bias"]
    shapes["transformer.norm_out.linear.bias"] = (5,)

    reason = verdict(shapes).reason

    assert reason.index("wrong shape: transformer.norm_out.linear.bias") < reason.index(
        "missing: transformer.proj_out.bias"
    )
