"""
Whisper, which transcribes reference audio.

The pipeline is the one that F5-TTS builds (`initialize_asr_pipeline` in f5_tts/infer/utils_infer.py), but for any name or
folder, and it gets samples instead of a path: transformers would start an ffmpeg program, or torchcodec, to read a file.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cloning.errors import ServiceError, TranscriptionFailed
from cloning.names import public_name
from cloning.ports import Alignment, LikelihoodRatio, Samples, Transcript, Unaligned, keep_going
from engines.device.errors import translated
from engines.device.placement import Weights, choose_device
from engines.imports.blank_weights import blank_weights
from engines.imports.transformers import import_transformers
from engines.whisper.alignment import Aligner
from engines.whisper.beams import share_encoder_output
from engines.whisper.encoding import encoded
from engines.whisper.files import expect_whisper, unusable
from engines.whisper.guessing import Guesser
from engines.whisper.rescoring import Rescorer
from storage.hub_errors import hub_failure, is_hub_trouble

if TYPE_CHECKING:
    from torch import Tensor

_RATE = 16_000
_WINDOW_S = 30
# 12 s of speech are some 60 tokens, in the densest scripts under 200. Without speech Whisper may repeat itself up to its own
# limit, which takes minutes on a CPU.
_MOST_TOKENS = 224


class WhisperTranscriber:
    """A loaded Whisper on one device. Only the owner of the GPU may use it."""

    def __init__(self, pipeline: Any, model: str, weights: Weights) -> None:
        self._pipeline = pipeline
        self._weights = weights
        self.model = model
        self._last: dict[bytes, Any] = {}

    @classmethod
    def load(cls, model: str, device: str) -> "WhisperTranscriber":
        """Load a hub name or a transformers folder. Raises TranscriptionFailed, HubUnavailable, and `F5Engine.load`'s device errors."""
        transformers = import_transformers()
        import torch

        _quieten(transformers.logging)
        device = choose_device(device)
        dtype = torch.float16 if device.startswith("cuda") else torch.float32
        try:
            mels = expect_whisper(transformers, model).num_mel_bins
            with translated(device), blank_weights(meta_only=True):
                # Never code from the model's folder: unless refused, transformers asks on stdin whether to run it.
                loaded = transformers.pipeline(
                    "automatic-speech-recognition",
                    model=model,
                    feature_extractor=transformers.WhisperFeatureExtractor(feature_size=mels),
                    dtype=dtype,
                    device=device,
                    trust_remote_code=False,
                )
            if not isinstance(loaded.tokenizer, transformers.WhisperTokenizer):
                raise unusable(model, "its tokenizer is not that of a Whisper")  # noqa: TRY301
        except ServiceError:
            raise
        except Exception as error:
            if (failure := _failure(model, error)) is None:
                raise
            raise failure from error
        share_encoder_output(loaded.model)
        return cls(loaded, public_name(model), Weights({"model": loaded.model}, device, {"model": dtype}))

    def memory(self) -> dict[str, object]:
        """The weights' places and sizes."""
        return self._weights.memory()

    def transcribe(
        self, samples: Samples, sample_rate: int, *, language: str | None, before_step: Callable[[], None] = keep_going
    ) -> Transcript:
        """
        Transcribe at most 30 s. `before_step` is called before each token but the first, and may raise to stop.

        Raises TranscriptionFailed if there are no words or the language is unknown, GpuOutOfMemory, DeviceMismatch, WorkerUnfit.
        """
        options = self._options(language) | {"stopping_criteria": [_stepping(before_step)]}
        audio = _resampled(samples, sample_rate)
        with translated(self._weights.device):
            result = self._pipeline({"raw": audio, "sampling_rate": _RATE}, generate_kwargs=options)
        spoken = result["text"].strip()
        if not any(character.isalnum() for character in spoken):
            raise TranscriptionFailed(
                "no words were heard in the reference audio; upload the voice with replace: true and its transcript, or another recording"
            )
        return Transcript(spoken, self.model)

    def hear(
        self,
        samples: Samples,
        sample_rate: int,
        *,
        language: str | None,
        knowing: str = "",
        before_step: Callable[[], None] = keep_going,
    ) -> str:
        """As `Transcriber.hear`."""
        if not len(samples):
            return ""
        options = self._options(language) | {"stopping_criteria": [_stepping(before_step)]}
        before_step()
        with translated(self._weights.device):
            states = self._encoded(samples, sample_rate)
            if knowing:
                return self._rescorer.hear(states, knowing, language, before_step)
            tokens = self._pipeline.model.generate(encoder_outputs=states, **options)
        heard: str = self._pipeline.tokenizer.decode(tokens[0], skip_special_tokens=True)
        return heard.strip()

    def align(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> Alignment | Unaligned:
        """As `Transcriber.align`."""
        if reason := self._aligner.unable or _unfit(samples, sample_rate):
            return Unaligned(reason, self.model)
        before_step()
        with translated(self._weights.device):
            states = self._encoded(samples, sample_rate)
            before_step()
            return self._aligner.align(states, self._silence, len(samples) / sample_rate, text, language)

    def rescore(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        others: Sequence[str],
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> tuple[LikelihoodRatio, ...]:
        """As `Transcriber.rescore`."""
        before_step()
        with translated(self._weights.device):
            states = self._encoded(samples, sample_rate)
            before_step()
            return self._rescorer.rescore(states, self._silence, text, others, language)

    def guess(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> tuple[str, ...]:
        """As `Transcriber.guess`."""
        before_step()
        with translated(self._weights.device):
            states = self._encoded(samples, sample_rate)
            before_step()
            return self._guesser.guess(states, self._silence, text, language)

    @cached_property
    def _guesser(self) -> Guesser:
        return Guesser(self._pipeline.model, self._pipeline.tokenizer, self._aligner)

    @cached_property
    def _rescorer(self) -> Rescorer:
        return Rescorer(self._pipeline.model, self._pipeline.tokenizer, self._aligner)

    @cached_property
    def _aligner(self) -> Aligner:
        return Aligner(self._pipeline.model, self._pipeline.tokenizer, self.model)

    @cached_property
    def _silence(self) -> Any:
        return self._encode(np.zeros(_RATE, np.float32))

    def _encoded(self, samples: Samples, sample_rate: int) -> Any:
        """The encoder's output for the last two recordings, or paces of one: it is the costly part of hearing and aligning."""
        digest = hashlib.sha256(samples.tobytes() + sample_rate.to_bytes(4)).digest()
        if digest not in self._last:
            self._last = dict([*self._last.items(), (digest, self._encode(_resampled(samples, sample_rate)))][-2:])
        return self._last[digest]

    def _encode(self, audio: Samples) -> Any:
        return encoded(self._pipeline.model, self._pipeline.feature_extractor, audio)

    def _options(self, language: str | None) -> dict[str, Any]:
        """The options of `generate`; an English-only Whisper takes no task or language. Raises TranscriptionFailed for an unknown one."""
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


def _resampled(samples: Samples, sample_rate: int) -> Samples:
    import soxr

    audio: Samples = soxr.resample(samples, sample_rate, _RATE) if sample_rate != _RATE else samples
    return audio


def _unfit(samples: Samples, sample_rate: int) -> str | None:
    if not len(samples):
        return "no_sound"
    return "sound_too_long" if len(samples) > _WINDOW_S * sample_rate else None


def _failure(model: str, error: Exception) -> ServiceError | None:
    """The error for a failed load; None if the machine failed."""
    if is_hub_trouble(error):
        what = f"the speech recogniser {public_name(model)!r} (ASR_MODEL)"
        return hub_failure(error, what, TranscriptionFailed, asr_model=public_name(model))
    if isinstance(error, MemoryError | ImportError) or getattr(error, "errno", None):
        return None
    return unusable(model, f"it does not load ({type(error).__name__})")


def _stepping(before_step: Callable[[], None]) -> Callable[..., "Tensor"]:
    """A stopping criterion of transformers, called after each token; it stops only by raising."""
    import torch

    def go_on_with_all(tokens: "Tensor", *_: object, **__: object) -> "Tensor":
        before_step()
        return torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)

    return go_on_with_all


def _quieten(logging: Any) -> None:
    """Keep progress bars and advice out of a worker's log; errors are raised."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
