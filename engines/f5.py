"""
F5-TTS on its official inference path.

f5_tts/infer/utils_infer.py does the work: `load_model`, `load_vocoder`, `preprocess_ref_audio_text`, `infer_batch_process`.
What surrounds them here: the device is always passed (upstream freezes a default at import), the noise is seeded per chunk, the
text cache is cleared before and after (an exception inside the solver leaves it behind), temp files go, stdout stays clean.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cloning.errors import CheckpointUnusable, GpuOutOfMemory, HubUnavailable
from cloning.ports import EngineFacts, F5Parameters, Parameters, Reference, Samples, go_on
from engines.device import choose_device
from engines.f5_import import import_f5

_MOST_REFERENCES = 16


@dataclass(frozen=True)
class F5Files:
    """A loadable checkpoint on this disk, and what is known of it. No vocoder folder means the hub's."""

    name: str
    model: Path
    backbone: str
    arch: dict[str, Any]
    vocab: Path | None
    vocoder: Path | None
    sha256: str
    license: str
    note: str


class F5Engine:
    """A loaded F5-TTS model with its vocoder, on one device. Only the owner of the GPU may use it."""

    sample_rate = 24_000

    def __init__(self, f5: Any, model: Any, vocoder: Any, device: str, facts: EngineFacts) -> None:
        self._f5 = f5
        self._model = model
        self._vocoder = vocoder
        self._device = device
        self._references: dict[str, tuple[Any, str]] = {}
        self.facts = facts

    @classmethod
    def load(cls, files: F5Files, device: str) -> "F5Engine":
        """Load onto the device in the dtype that upstream chooses (fp16 on a GPU, else fp32). Raises CheckpointUnusable."""
        f5 = import_f5()
        device = choose_device(device)
        with _translated(device):
            model = _load_model(f5, files, device)
            vocoder = _load_vocoder(f5, files.vocoder, device)
        # Makes the thread-local text cache exist before any thread could race to make it.
        model.transformer.clear_cache()
        facts = EngineFacts(
            engine="f5",
            device=_device_name(device),
            dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
            sampler="official",
            checkpoint=files.name,
            checkpoint_sha256=files.sha256,
            checkpoint_license=files.license,
            checkpoint_note=files.note,
            license_notice=f"made with F5-TTS (code: MIT) and weights under {files.license}: {files.note}",
            vocoder=files.vocoder.name if files.vocoder else "charactr/vocos-mel-24khz",
        )
        return cls(f5, model, vocoder, device, facts)

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = go_on,
    ) -> Samples:
        """One chunk as float32 samples at 24 kHz, shape [n]. Raises GpuOutOfMemory, and what `before_step` raises."""
        import torch

        if not isinstance(parameters, F5Parameters):
            raise TypeError(f"F5-TTS speaks with its own parameters; got {type(parameters).__name__}")
        audio, reference_text = self._prepared(reference)
        with _translated(self._device), self._clean_text_cache(), self._asked(before_step):
            # The noise is drawn from the global generators by upstream; with one owner of the GPU they are ours alone.
            torch.manual_seed(seed)
            wave, _, _ = next(
                self._f5.infer_batch_process(
                    (audio, self.sample_rate),
                    reference_text,
                    [text],
                    self._model,
                    self._vocoder,
                    mel_spec_type="vocos",
                    progress=None,
                    target_rms=parameters.target_rms,
                    cross_fade_duration=parameters.cross_fade_duration,
                    nfe_step=parameters.nfe_step,
                    cfg_strength=parameters.cfg_strength,
                    sway_sampling_coef=parameters.sway_sampling_coef,
                    speed=parameters.speed,
                    fix_duration=parameters.fix_duration,
                    device=self._device,
                )
            )
        return np.asarray(wave, dtype=np.float32).reshape(-1)

    def _prepared(self, reference: Reference) -> tuple[Any, str]:
        """(samples [1, n] at 24 kHz, text with its ending) as upstream's preprocessing leaves them, kept per voice."""
        key = f"{reference.sha256}/{reference.text}"
        if key not in self._references:
            if len(self._references) >= _MOST_REFERENCES:
                self._references.pop(next(iter(self._references)))
            self._references[key] = self._preprocessed(reference)
        return self._references[key]

    def _preprocessed(self, reference: Reference) -> tuple[Any, str]:
        import soundfile
        import torch

        path, text = self._f5.preprocess_ref_audio_text(str(reference.path), reference.text)
        try:
            samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
        finally:
            # Upstream keeps every voice's temp file, and its path, for the life of the process.
            Path(path).unlink(missing_ok=True)
            self._f5._ref_audio_cache.clear()  # noqa: SLF001 - there is no public way
        return torch.from_numpy(np.ascontiguousarray(samples.T)), text

    @contextmanager
    def _asked(self, before_step: Callable[[], None]) -> Iterator[None]:
        """The solver evaluates the transformer once a step."""
        hook = self._model.transformer.register_forward_pre_hook(lambda *_: before_step())
        try:
            yield
        finally:
            hook.remove()

    @contextmanager
    def _clean_text_cache(self) -> Iterator[None]:
        self._model.transformer.clear_cache()
        try:
            yield
        finally:
            self._model.transformer.clear_cache()


def _load_model(f5: Any, files: F5Files, device: str) -> Any:
    import f5_tts.model

    backbone = getattr(f5_tts.model, files.backbone, None)
    if backbone is None:
        raise CheckpointUnusable(
            f"checkpoint {files.name!r} asks for the backbone {files.backbone!r}, which f5-tts hasn't; its checkpoint.json names it",
            checkpoint=files.name,
        )
    try:
        return f5.load_model(
            backbone,
            files.arch,
            str(files.model),
            mel_spec_type="vocos",
            vocab_file=str(files.vocab or ""),
            device=device,
        ).eval()
    except (RuntimeError, KeyError, TypeError) as error:
        if _is_out_of_memory(error):
            raise
        raise CheckpointUnusable(
            f"checkpoint {files.name!r} does not load into its architecture ({type(error).__name__}); inspect the file and its config",
            checkpoint=files.name,
        ) from error


def _load_vocoder(f5: Any, folder: Path | None, device: str) -> Any:
    try:
        return f5.load_vocoder("vocos", is_local=folder is not None, local_path=str(folder or ""), device=device)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        if _is_out_of_memory(error):
            raise
        if folder is None and isinstance(error, OSError):
            raise HubUnavailable(
                "the vocoder can't be fetched from the hub: try again, or point VOCODER_PATH at a folder with config.yaml and "
                "pytorch_model.bin of Vocos 24 kHz", vocoder="charactr/vocos-mel-24khz",
            ) from error  # fmt: skip
        raise CheckpointUnusable(
            "the vocoder can't be loaded: point VOCODER_PATH at a folder with config.yaml and pytorch_model.bin of Vocos 24 kHz, "
            "or leave it unset for the hub's", vocoder=folder.name if folder else "charactr/vocos-mel-24khz",
        ) from error  # fmt: skip


def _is_out_of_memory(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.cuda.OutOfMemoryError)


@contextmanager
def _translated(device: str) -> Iterator[None]:
    """Out of memory, with what is cached already given back. Everything else passes."""
    import torch

    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise GpuOutOfMemory(
            f"the memory of {device} did not suffice; send the job again, or use a larger GPU", device=device
        ) from error


def _device_name(device: str) -> str:
    """'cpu', or the GPU with its model's name."""
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})" if device.startswith("cuda") else device
