"""
Whisper, to hear what is said in reference audio.

The pipeline is the one that F5-TTS builds (`initialize_asr_pipeline` in f5_tts/infer/utils_infer.py), but of any name or
folder, and given samples instead of a path: transformers would start an ffmpeg program, or torchcodec, to read a file.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloning.errors import HubUnavailable, TranscriptionFailed
from cloning.names import public_name
from cloning.ports import Samples, Transcript, go_on
from engines.asr_import import import_transformers
from engines.blank import blank_weights
from engines.device import Weights, choose_device
from engines.faults import translated

if TYPE_CHECKING:
    from torch import Tensor

_RATE = 16_000
# 12 s of speech are some 60 tokens, in the densest scripts under 200. Where it hears no speech Whisper may repeat itself to its
# own limit, which takes minutes on a CPU.
_MOST_TOKENS = 224


class WhisperTranscriber:
    """A loaded Whisper on one device. Only the owner of the GPU may use it."""

    def __init__(self, pipeline: Any, model: str, weights: Weights) -> None:
        self._pipeline = pipeline
        self._weights = weights
        self.model = model

    @classmethod
    def load(cls, model: str, device: str) -> "WhisperTranscriber":
        """From a hub name or a transformers folder. Raises TranscriptionFailed, HubUnavailable, what `F5Engine.load` says of devices."""
        transformers = import_transformers()
        import torch

        _quieten(transformers.logging)
        device = choose_device(device)
        dtype = torch.float16 if device.startswith("cuda") else torch.float32
        try:
            with translated(device), blank_weights(meta_only=True):
                loaded = transformers.pipeline("automatic-speech-recognition", model=model, dtype=dtype, device=device)
        except (OSError, ValueError) as error:
            if public_name(model) == model and not Path(model).is_dir():
                raise HubUnavailable(
                    f"the speech recogniser {model!r} can't be fetched from the hub: try again, set ASR_MODEL to a local folder, "
                    f"or upload the voice with replace: true and its transcript", asr_model=model,
                ) from error  # fmt: skip
            raise TranscriptionFailed(
                f"the speech recogniser {public_name(model)!r} can't be loaded: set ASR_MODEL to a folder or give the worker access to "
                f"the hub; or upload the voice with replace: true and its transcript", asr_model=public_name(model),
            ) from error  # fmt: skip
        return cls(loaded, public_name(model), Weights({"model": loaded.model}, device, {"model": dtype}))

    def memory(self) -> dict[str, object]:
        """Where the weights are and what they take."""
        return self._weights.memory()

    def transcribe(
        self, samples: Samples, sample_rate: int, *, language: str | None, before_step: Callable[[], None] = go_on
    ) -> Transcript:
        """
        The words of at most 30 s. `before_step` is called before each token but the first, and may raise to stop.

        Raises TranscriptionFailed if none are heard or the language is unknown, GpuOutOfMemory, DeviceMismatch, WorkerUnfit.
        """
        import soxr

        options = self._options(language) | {"stopping_criteria": [_asking(before_step)]}
        heard = soxr.resample(samples, sample_rate, _RATE) if sample_rate != _RATE else samples
        with translated(self._weights.device):
            told = self._pipeline({"raw": heard, "sampling_rate": _RATE}, generate_kwargs=options)
        spoken = told["text"].strip()
        if not any(character.isalnum() for character in spoken):
            raise TranscriptionFailed(
                "no words were heard in the reference audio; upload the voice with replace: true and its transcript, or another recording"
            )
        return Transcript(spoken, self.model)

    def _options(self, language: str | None) -> dict[str, Any]:
        """An English-only Whisper refuses to be told its task and language. Raises TranscriptionFailed for one that it doesn't know."""
        options: dict[str, Any] = {"max_new_tokens": _MOST_TOKENS}
        config = self._pipeline.model.generation_config
        if not getattr(config, "is_multilingual", True):
            return options
        code = language.split("-")[0] if language else None
        if code and f"<|{code}|>" not in (getattr(config, "lang_to_id", None) or {f"<|{code}|>"}):
            raise TranscriptionFailed(
                f"the speech recogniser {self.model!r} doesn't know the voice's language {language!r}: upload the voice with replace: true and its "
                "transcript, or without language (it is recognised then)", field="language", language=language,
            )  # fmt: skip
        return options | {"task": "transcribe"} | ({"language": code} if code else {})


def _asking(before_step: Callable[[], None]) -> Callable[..., "Tensor"]:
    """A stopping criterion of transformers, which is called behind each token; it stops by raising alone."""
    import torch

    def go_on_with_all(tokens: "Tensor", *_: object, **__: object) -> "Tensor":
        before_step()
        return torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)

    return go_on_with_all


def _quieten(logging: Any) -> None:
    """No progress bars and no advice in a worker's log; errors come as exceptions."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
