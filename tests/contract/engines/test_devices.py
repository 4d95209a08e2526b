"""Weights that leave their device and come back: the same samples, the same memory, every tensor in its place. (Seed 003.)"""

import gc
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.machine import rss_mib
from cloning.audio.canonical import check_and_make_canonical
from cloning.errors import DeviceMismatch, DeviceUnavailable, WorkerUnfit
from cloning.ports import F5Parameters, Reference, Samples, XttsParameters
from engines.device.placement import Weights, check_placed, choose_device, device_name, free_memory, tensors_of
from engines.f5.engine import F5Engine
from engines.f5.vocoder import load_vocoder
from engines.whisper.transcriber import WhisperTranscriber
from engines.xtts import XttsEngine
from tests.conftest import SPOKEN
from tests.real import load_tiny_engine, load_tiny_xtts

QUICK = F5Parameters(nfe_step=2)
TEXT = "The quick brown fox."
CYCLES = 100
CYCLES_OF_XTTS = 3  # each takes seconds


@pytest.fixture
def f5(tiny_checkpoint: Path, tmp_path: Path) -> F5Engine:
    return load_tiny_engine(tiny_checkpoint, tmp_path)


@pytest.fixture(scope="module")
def reference(human_wav: bytes, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    canonical, _ = check_and_make_canonical(human_wav)
    path = tmp_path_factory.mktemp("voice") / "reference.wav"
    path.write_bytes(canonical.wav)
    return Reference(path, SPOKEN, hashlib.sha256(canonical.wav).hexdigest(), canonical.duration)


def tensors_alive() -> int:
    gc.collect()
    return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())


def test_a_hundred_times_away_and_back_changes_nothing(
    f5: F5Engine, reference: Reference, record_property: Callable[[str, object], None]
) -> None:
    """After a hundred round trips the samples are the same, and there are no more tensors than before on either side."""
    device = str(next(f5._model.parameters()).device)
    expected = f5.speak(reference, TEXT, seed=1, parameters=QUICK)
    cycle(f5, reference, expected, device)  # makes the copy that is kept
    tensors, rss = tensors_alive(), rss_mib()

    for _ in range(CYCLES // 2):
        cycle(f5, reference, expected, device)
    halfway = tensors_alive()
    for _ in range(CYCLES // 2):
        cycle(f5, reference, expected, device)

    # What an earlier test has left behind may go at first: there are fewer then, and none is new in the second half.
    assert tensors_alive() == halfway <= tensors
    record_property("rss_mib_before", rss)
    record_property("rss_mib_after", rss_mib())
    print(f"{CYCLES} cycles: RSS {rss} MiB before, {rss_mib()} MiB after")  # noqa: T201 - asked for: `pytest -s` shows it


def cycle(f5: F5Engine, reference: Reference, expected: Samples, device: str) -> None:
    f5.park()
    away = {tensor.device.type for _, tensor in (*tensors_of(f5._model), *tensors_of(f5._vocoder))}
    assert away == {"meta"}
    f5.resume()
    back = {str(tensor.device) for _, tensor in (*tensors_of(f5._model), *tensors_of(f5._vocoder))}
    assert back == {device}
    assert np.array_equal(f5.speak(reference, TEXT, seed=1, parameters=QUICK), expected)


@pytest.fixture
def xtts(tmp_path: Path) -> XttsEngine:
    return load_tiny_xtts(tmp_path)


def speak_xtts(xtts: XttsEngine, reference: Reference) -> Samples:
    return xtts.speak(replace(reference, language="en"), "Hello.", seed=1, parameters=XttsParameters())


def storage_bytes(model: torch.nn.Module) -> int:
    """The bytes of all tensors; a storage that two names share counts once."""
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for _, t in tensors_of(model)}
    return sum(storages.values())


def test_xtts_goes_away_and_comes_back_too(xtts: XttsEngine, reference: Reference) -> None:
    """XTTS speaks the same samples after each round trip; nothing stays on the device, and shared tensors stay shared."""
    expected = speak_xtts(xtts, reference)
    size = storage_bytes(xtts._model)
    tensors = 0

    for number in range(CYCLES_OF_XTTS):
        xtts.park()
        assert {tensor.device.type for _, tensor in tensors_of(xtts._model)} == {"meta"}
        assert len(xtts._voices) == 0
        xtts.resume()
        assert {str(tensor.device) for _, tensor in tensors_of(xtts._model)} == {"cpu"}
        assert storage_bytes(xtts._model) <= size
        assert np.array_equal(speak_xtts(xtts, reference), expected)
        alive = tensors_alive()
        tensors = tensors or alive
        assert alive == tensors, number


def test_xtts_kept_in_the_machines_memory_takes_it_once(xtts: XttsEngine) -> None:
    """Parked XTTS takes its weights' memory once, though parts of its speech model have two names."""
    size = xtts.memory()["host_bytes"]
    xtts.park()

    assert xtts.memory() == {"loaded_on": "host memory", "gpu_bytes": 0, "host_bytes": size}


def test_xtts_that_is_away_can_not_speak(xtts: XttsEngine, reference: Reference) -> None:
    """Parked XTTS refuses to speak before it computes the voice."""
    xtts.park()

    with pytest.raises(DeviceMismatch):
        speak_xtts(xtts, reference)
    assert len(xtts._voices) == 0


def test_xtts_in_another_dtype_is_found(xtts: XttsEngine) -> None:
    """XTTS's weights must stay fp32, because half precision changes the sound."""
    xtts._model.gpt.mel_head.half()

    with pytest.raises(DeviceMismatch, match="float16"):
        xtts._weights.check()


@pytest.mark.parametrize("what", ["looking", "naming", "freeing"])
def test_a_broken_gpu_is_known_wherever_it_shows(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An asynchronous GPU error may surface at any later call: while tensors are checked, the GPU is named or memory is freed."""

    def fail(*_: object, **__: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    weights = Weights({"part": torch.nn.Linear(1, 1)}, "cpu", {})
    monkeypatch.setattr("engines.device.placement._exact", fail)
    monkeypatch.setattr(torch.cuda, "get_device_name", fail)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", fail)
    act = {"looking": weights.check, "naming": lambda: device_name("cuda"), "freeing": free_memory}[what]

    with pytest.raises(WorkerUnfit, match="illegal memory access"):
        act()


def test_a_model_that_is_away_can_not_speak(f5: F5Engine, reference: Reference) -> None:
    """A parked model refuses to speak: its numbers aren't on the device."""
    f5.park()

    with pytest.raises(DeviceMismatch):
        f5.speak(reference, TEXT, seed=1, parameters=QUICK)


def test_health_says_where_the_weights_are_and_what_they_take(f5: F5Engine) -> None:
    """Health reports the bytes of the tensors; parked, they are in the machine's memory."""
    size = sum(t.numel() * t.element_size() for part in (f5._model, f5._vocoder) for _, t in tensors_of(part))
    here = f5.memory()
    f5.park()
    away = f5.memory()

    assert here == {"loaded_on": "cpu", "gpu_bytes": 0, "host_bytes": size}
    assert away == {"loaded_on": "host memory", "gpu_bytes": 0, "host_bytes": size}


@pytest.mark.parametrize("astray", ["parameter", "buffer", "attribute", "list", "thread", "dtype"])
def test_every_tensor_is_looked_at(f5: F5Engine, astray: str) -> None:
    """The check covers parameters, buffers, other attributes of modules and f5-tts's text cache, and names what is misplaced."""
    dit = f5._model.transformer
    elsewhere = torch.zeros(2, device="meta")
    match astray:
        case "parameter":
            dit.text_embed.text_embed.to("meta")
        case "buffer":
            dit.text_embed.freqs_cis = dit.text_embed.freqs_cis.to("meta")
        case "attribute":
            f5._vocoder.head.kept = elsewhere
        case "list":
            dit.norm_out.kept = [elsewhere]
        case "thread":
            dit.text_cond = elsewhere
        case "dtype":
            dit.proj_out.half()

    with pytest.raises(DeviceMismatch) as failure:
        f5._weights.check()

    assert failure.value.details["tensors"]
    assert ("meta" in failure.value.message) is (astray != "dtype")


def test_a_tensor_astray_after_coming_back_is_found(f5: F5Engine) -> None:
    """Every move is checked: if a tensor is misplaced afterwards the engine is refused, and its owner loads it again."""
    f5._model.transformer.stale = torch.zeros(2, device="meta")

    f5.park()
    with pytest.raises(DeviceMismatch, match="stale"):
        f5.resume()


def test_loading_checks_too(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader that leaves one module on another device is refused."""

    def half(*arguments: Any, **options: Any) -> Any:
        vocoder = load_vocoder(*arguments, **options)
        vocoder.head.to("meta")
        return vocoder

    monkeypatch.setattr("engines.f5.engine.load_vocoder", half)
    with pytest.raises(DeviceMismatch, match=r"vocoder\.head"):
        load_tiny_engine(tiny_checkpoint, tmp_path)


def test_the_mel_modules_of_f5_tts_are_looked_at_and_let_go(f5: F5Engine, reference: Reference) -> None:
    """f5_tts keeps mel modules per device for the life of the process; parking drops them."""
    from f5_tts.model.modules import vocos_mel_stft_cache

    f5.speak(reference, TEXT, seed=1, parameters=QUICK)
    assert list(vocos_mel_stft_cache)
    f5.park()

    assert vocos_mel_stft_cache == {}


def test_frugal_speech_is_the_same_but_for_rounding(f5: F5Engine, reference: Reference) -> None:
    """Frugal speech differs from the usual one only by rounding: at most 100 dB below the speech."""
    plain = f5.speak(reference, TEXT, seed=1, parameters=QUICK)
    frugal = f5.speak(reference, TEXT, seed=1, parameters=QUICK, frugal=True)
    again = f5.speak(reference, TEXT, seed=1, parameters=QUICK)

    assert np.abs(plain - frugal).max() <= 1e-5 * np.abs(plain).max()
    assert np.array_equal(plain, again)


@pytest.mark.parametrize("sampler", ["official", "fast"])
def test_frugal_speech_needs_half_the_batch(
    sampler: str, tiny_checkpoint: Path, tmp_path: Path, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In frugal speech every block sees half the rows, twice as often."""
    f5 = load_tiny_engine(tiny_checkpoint, tmp_path, sampler)
    layer = f5._model.transformer.transformer_blocks[0].ff
    seen: list[int] = []
    whole = layer.forward

    def forward(x: torch.Tensor) -> Any:
        seen.append(x.numel())
        return whole(x)

    monkeypatch.setattr(layer, "forward", forward)
    f5.speak(reference, TEXT, seed=1, parameters=QUICK)
    usual = list(seen)
    seen.clear()
    f5.speak(reference, TEXT, seed=1, parameters=QUICK, frugal=True)

    assert [size // 2 for size in usual for _ in range(2)] == seen


def test_shared_tensors_come_back(small_whisper: Path) -> None:
    """Whisper's embedding is its output layer too: after a round trip both are filled, and every tensor is unchanged."""
    whisper = WhisperTranscriber.load(str(small_whisper), "cpu")
    model = whisper._pipeline.model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights = Weights({"model": model}, "cpu", {"model": torch.float32})

    weights.park()
    weights.resume()

    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_device_that_is_not_there_is_refused() -> None:
    """A device that doesn't exist is refused by its name and number."""
    if torch.cuda.device_count() > 99:
        pytest.skip("this machine has a hundred GPUs")
    with pytest.raises(DeviceUnavailable, match="cuda:99"):
        choose_device("cuda:99")


def test_a_module_on_the_wrong_kind_of_device_is_named() -> None:
    """A module on another kind of device is named; `meta` stands in for a second device on any machine."""
    with pytest.raises(DeviceMismatch, match=r"part\.weight \(meta, float32\)"):
        check_placed({"part": torch.nn.Linear(1, 1, device="meta")}, "cpu", {})
