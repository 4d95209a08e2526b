"""
XTTS v2 on coqui-tts's official inference path.

TTS/tts/models/xtts.py does the work: `Xtts.load_checkpoint`, strictly, `get_speaker_embedding`, `get_gpt_cond_latents` and `inference`.
This module adds: nothing is loaded before the deployment has accepted the weights' licence; every value is passed, because
`inference` ignores the model's own configuration; the noise is seeded per chunk; what is derived from a voice is kept; a chunk
that the model could not end is drawn again, and then refused, because coqui-tts would return speech that is cut off.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np

from cloning.errors import CheckpointUnusable, InvalidRequest, InvalidText, LicenseRefused
from cloning.planning.f5 import chunk_seed
from cloning.planning.xtts import LANGUAGES
from cloning.ports import Alphabet, EngineFacts, Parameters, Reference, Samples, XttsParameters, keep_going
from cloning.process_lock import warnings_kept
from engines.alphabets import xtts_knows
from engines.device.errors import failure_of, translated
from engines.device.placement import Weights, choose_device, device_name
from engines.lru import LruCache

CPML = "coqui-public-model-license"
_CPML_SAYS = "model, fine-tunes and outputs are for non-commercial use only; its text is LICENSE.txt at huggingface.co/coqui/XTTS-v2"
_MOST_VOICES = 16
_RATE = 22_050  # of the reference audio
_REFERENCE_S = 30  # all of it: no reference here is longer than 12 s
_LEVEL = 0.75  # coqui-tts's own, for `sound_norm_refs`
_DRAWS = 3


@dataclass(frozen=True)
class XttsFiles:
    """A loadable checkpoint on this disk, and its facts; `args` are those of coqui-tts's XttsArgs."""

    name: str
    model: Path
    args: Mapping[str, Any]
    vocab: Path
    sha256: str
    license: str
    note: str
    languages: tuple[str, ...] = LANGUAGES


def expect_available(*, license_accepted: bool) -> None:
    """Raise InvalidRequest if coqui-tts is not installed, LicenseRefused if the licence is not accepted. Imports nothing."""
    if find_spec("TTS") is None:
        raise InvalidRequest(
            "the engine 'xtts' is not installed in this deployment: send engine 'f5' without a fallback to 'xtts', or deploy an image "
            "that was built with XTTS=1", field="engine",
        )  # fmt: skip
    if not license_accepted:
        raise LicenseRefused(
            "XTTS's weights are under the Coqui Public Model License: model and outputs are for non-commercial use only. Nothing is "
            "loaded before the deployment accepts it with XTTS_LICENSE_ACCEPTED=1", field="engine", engine="xtts",
        )  # fmt: skip


class XttsEngine:
    """A loaded XTTS v2 model on one device. Only the owner of the GPU may use it."""

    sample_rate = 24_000
    can_be_frugal = False  # it works token by token, and can't use less memory

    def __init__(self, model: Any, device: str, facts: EngineFacts, languages: tuple[str, ...] = LANGUAGES) -> None:
        self._model = model
        self._device = device
        self._weights = _weights(model, device)
        self._voices: LruCache[tuple[Any, Any]] = LruCache(_MOST_VOICES)
        self.facts = facts
        self._languages = languages

    @classmethod
    def load(cls, files: XttsFiles, device: str, *, license_accepted: bool) -> "XttsEngine":
        """Load onto the device, in fp32 as coqui-tts does. Raises LicenseRefused, InvalidRequest, CheckpointUnusable, and device errors."""
        expect_available(license_accepted=license_accepted)
        device = choose_device(device)
        xtts = import_xtts()
        with translated(device):
            model = _load_model(xtts, files, device).to(device)
        facts = EngineFacts(
            engine="xtts",
            device=device_name(device),
            dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
            sampler="official",
            checkpoint=files.name,
            checkpoint_sha256=files.sha256,
            checkpoint_license=files.license,
            checkpoint_note=files.note,
            license_notice=_notice(files),
            vocoder="HiFi-GAN of the checkpoint",
        )
        return cls(model, device, facts, files.languages)

    @property
    def worth_parking(self) -> bool:
        """Whether the weights can move to another memory."""
        return self._weights.worth_parking

    def park(self) -> None:
        """Move the weights off the device, and drop what was computed on it; `resume` moves them back."""
        self._voices.clear()
        self._model.gpt.gpt_inference.cached_prefix_emb = None  # of the last piece; no module holds it
        self._weights.park()

    def resume(self) -> None:
        """Move all weights back to the device. Raises DeviceMismatch, GpuOutOfMemory, WorkerUnfit."""
        self._weights.resume()

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,  # noqa: ARG002 - XTTS can't be frugal
    ) -> Samples:
        """
        Speak one chunk: float32 samples at 24 kHz, shape [n].

        Raises InvalidText if the model can't read a number of the text, can't take the text at once or doesn't reach its end,
        GpuOutOfMemory, DeviceMismatch, WorkerUnfit, and what `before_step` raises.
        """
        if not isinstance(parameters, XttsParameters) or not reference.language:
            raise TypeError(f"XTTS speaks with its own parameters and in a language; got {type(parameters).__name__}")
        if self._weights.parked:
            self._weights.check()
        self._expect_to_fit(text, reference.language)
        with translated(self._device), self._asked(before_step):
            voice = self._voice(reference, parameters)
            for draw in range(_DRAWS):
                wave = self._draw(text, reference.language, voice, chunk_seed(seed, draw) if draw else seed, parameters)
                if wave is not None:
                    return wave
        raise InvalidText(
            f"XTTS did not reach the end of a piece of {len(text)} characters, {_DRAWS} times: send another seed, a lower temperature, or "
            "other words", field="text", length=len(text),
        )  # fmt: skip

    def alphabet(self, language: str | None) -> Alphabet:
        """The characters that its tokenizer has tokens for."""
        knows = xtts_knows(self._model.tokenizer, language or self._languages[0])
        return Alphabet(self.facts.checkpoint, self._languages, knows)

    def memory(self) -> dict[str, object]:
        """The weights' places and sizes."""
        return self._weights.memory()

    def _draw(
        self, text: str, language: str, voice: tuple[Any, Any], seed: int, parameters: XttsParameters
    ) -> Samples | None:
        """The samples; None if the model used up its tokens for a piece, so that the end is missing."""
        import torch

        # The tokens are drawn from the global generators, which only the GPU's one owner uses.
        torch.manual_seed(seed)
        made = self._model.inference(
            text,
            language,
            *voice,
            temperature=parameters.temperature,
            length_penalty=parameters.length_penalty,
            repetition_penalty=parameters.repetition_penalty,
            top_k=parameters.top_k,
            top_p=parameters.top_p,
            do_sample=True,
            num_beams=parameters.num_beams,
            speed=parameters.speed,
            enable_text_splitting=False,
        )
        # `speed` stretches the tokens' latents, one per token, before they become sound.
        most = int(self._model.gpt.max_gen_mel_tokens / parameters.speed)
        if made["gpt_latents"].shape[1] >= most:
            return None
        return np.asarray(made["wav"], dtype=np.float32).reshape(-1)

    def _expect_to_fit(self, text: str, language: str) -> None:
        """Refuse a text with too many tokens, which coqui-tts only asserts; numbers are written out first, so count tokens."""
        most = self._model.args.gpt_max_text_tokens
        try:
            tokens = len(self._model.tokenizer.encode(text.strip().lower(), lang=language))
        except (
            NotImplementedError,
            ArithmeticError,
            LookupError,
            ValueError,
        ) as error:  # num2words can't write out every number
            raise InvalidText(
                f"XTTS can't write out a number of the text in {language!r}: write it as words", field="text"
            ) from error
        if tokens >= most:
            raise InvalidText(
                f"a piece of {len(text)} characters has {tokens} tokens once its numbers are written out, and XTTS takes {most - 1}: "
                "add punctuation, or write large numbers otherwise", field="text", tokens=tokens,
            )  # fmt: skip

    def _voice(self, reference: Reference, parameters: XttsParameters) -> tuple[Any, Any]:
        """The reference's latents for the speech model and embedding for the decoder, kept per voice and parameters."""
        key = (reference.sha256, parameters.gpt_cond_chunk_len, parameters.sound_norm_refs)
        return self._voices.get(key, lambda: self._conditioning(reference, parameters))

    def _conditioning(self, reference: Reference, parameters: XttsParameters) -> tuple[Any, Any]:
        """Compute what the model's `get_conditioning_latents` does; that would read the file with ffmpeg's libraries."""
        import soundfile
        import torch
        from torchaudio.functional import resample

        samples, rate = soundfile.read(reference.path, dtype="float32", always_2d=True)
        audio = torch.from_numpy(np.ascontiguousarray(samples.T)).mean(dim=0, keepdim=True)
        audio = resample(audio, rate, _RATE).clip(-1, 1).to(self._device)
        if parameters.sound_norm_refs:
            audio = audio / audio.abs().max() * _LEVEL
        embedding = self._model.get_speaker_embedding(audio, _RATE)
        latents = self._model.get_gpt_cond_latents(
            audio, _RATE, length=_REFERENCE_S, chunk_length=parameters.gpt_cond_chunk_len
        )
        return latents, embedding

    @contextmanager
    def _asked(self, before_step: Callable[[], None]) -> Iterator[None]:
        """Call `before_step` before each token within the block."""
        hook = self._model.gpt.gpt_inference.register_forward_pre_hook(lambda *_: before_step())
        try:
            yield
        finally:
            hook.remove()


def _weights(model: Any, device: str) -> Weights:
    """The model in fp32, as coqui-tts loads it; the two names that its speech model has for most parts stay aliases."""
    import torch

    return Weights({"model": model}, device, {"model": torch.float32})


def _notice(files: XttsFiles) -> str:
    says = _CPML_SAYS if files.license.startswith(CPML) else files.note
    return f"made with XTTS (coqui-tts: MPL-2.0) and weights under {files.license}: {says}"


def import_xtts() -> ModuleType:
    """Import `TTS.tts.models.xtts` at the first call (10 s and more on two cores) and silence it: errors are raised anyway."""
    with warnings_kept():
        warnings.simplefilter("ignore")  # libraries' warnings, while their files are first compiled
        from TTS.tts.models import xtts

    for name in ("TTS", "transformers"):  # TTS logs pieces of the spoken text, as warnings
        logging.getLogger(name).setLevel(logging.ERROR)
    return cast("ModuleType", xtts)


def _load_model(xtts: Any, files: XttsFiles, device: str) -> Any:
    try:
        config = xtts.XttsConfig(model_args=xtts.XttsArgs(**files.args))
        model = xtts.Xtts(config)
        # Never strict=False: with another layout the weights would stay random.
        model.load_checkpoint(
            config,
            checkpoint_path=str(files.model),
            vocab_path=str(files.vocab),
            eval=True,
            strict=True,
            speaker_file_path="",  # else a speakers_xtts.pth beside the weights would be unpickled too
        )
    except Exception as error:
        if failure_of(error, device) or isinstance(error, MemoryError) or getattr(error, "errno", None):
            raise  # a failure of the machine, not of the file
        raise CheckpointUnusable(
            f"checkpoint {files.name!r} does not load into XTTS ({type(error).__name__}); inspect the file, its vocab.json and its card",
            checkpoint=files.name,
        ) from error
    return model
