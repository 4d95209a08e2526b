"""
XTTS v2 on coqui-tts's official inference path.

TTS/tts/models/xtts.py does the work: `Xtts.load_checkpoint`, strictly, `get_speaker_embedding`, `get_gpt_cond_latents` and `inference`.
What surrounds them here: nothing is loaded before somebody has accepted the weights' licence; every value is passed, for
`inference` ignores the model's own configuration; the noise is seeded per chunk; what is derived from a voice is kept; a chunk
that the model could not end is drawn again, and then refused: coqui-tts would hand out speech that is cut off.
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
_RATE = 22_050  # of what is heard of a voice
_REFERENCE_S = 30  # all of it: no reference here is longer than 12 s
_LEVEL = 0.75  # coqui-tts's own, for `sound_norm_refs`
_DRAWS = 3


@dataclass(frozen=True)
class XttsFiles:
    """A loadable checkpoint on this disk, and what is known of it; `args` are those of coqui-tts's XttsArgs."""

    name: str
    model: Path
    args: Mapping[str, Any]
    vocab: Path
    sha256: str
    license: str
    note: str
    languages: tuple[str, ...] = LANGUAGES


def expect_available(*, license_accepted: bool) -> None:
    """Raises InvalidRequest if coqui-tts is not installed, LicenseRefused if nobody has accepted the licence. Imports nothing."""
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
    can_be_frugal = False  # token after token: there is no smaller way

    def __init__(self, model: Any, device: str, facts: EngineFacts, languages: tuple[str, ...] = LANGUAGES) -> None:
        self._model = model
        self._device = device
        self._weights = _weights(model, device)
        self._voices: LruCache[tuple[Any, Any]] = LruCache(_MOST_VOICES)
        self.facts = facts
        self._languages = languages

    @classmethod
    def load(cls, files: XttsFiles, device: str, *, license_accepted: bool) -> "XttsEngine":
        """Load onto the device, in fp32 as coqui-tts does. Raises LicenseRefused, InvalidRequest, CheckpointUnusable, and what of the device."""
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
        """Whether the weights have another memory to go to."""
        return self._weights.worth_parking

    def park(self) -> None:
        """The weights leave the device, and so does what was computed on it; `resume` brings them back."""
        self._voices.clear()
        self._model.gpt.gpt_inference.cached_prefix_emb = None  # of the last piece that was spoken; no module's own
        self._weights.park()

    def resume(self) -> None:
        """The weights are on the device again, all of them. Raises DeviceMismatch, GpuOutOfMemory, WorkerUnfit."""
        self._weights.resume()

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,  # noqa: ARG002 - it can't be
    ) -> Samples:
        """
        One chunk as float32 samples at 24 kHz, shape [n].

        Raises InvalidText if the model can't read a number of the text, can't take it at once or doesn't come to its end,
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
            f"XTTS came to no end of a piece of {len(text)} characters, {_DRAWS} times: send another seed, a lower temperature, or "
            "other words", field="text", length=len(text),
        )  # fmt: skip

    def alphabet(self, language: str | None) -> Alphabet:
        """What its tokenizer has tokens for."""
        knows = xtts_knows(self._model.tokenizer, language or self._languages[0])
        return Alphabet(self.facts.checkpoint, self._languages, knows)

    def memory(self) -> dict[str, object]:
        """Where the weights are and what they take."""
        return self._weights.memory()

    def _draw(
        self, text: str, language: str, voice: tuple[Any, Any], seed: int, parameters: XttsParameters
    ) -> Samples | None:
        """The samples; None if the model used up all tokens that it has for a piece, so that the end is missing."""
        import torch

        # The tokens are drawn from the global generators; with one owner of the GPU they are ours alone.
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
        # `speed` stretches the tokens' latents, one for each, before they become sound.
        most = int(self._model.gpt.max_gen_mel_tokens / parameters.speed)
        if made["gpt_latents"].shape[1] >= most:
            return None
        return np.asarray(made["wav"], dtype=np.float32).reshape(-1)

    def _expect_to_fit(self, text: str, language: str) -> None:
        """coqui-tts would only assert it; numbers are written out first, so characters tell too little."""
        most = self._model.args.gpt_max_text_tokens
        try:
            tokens = len(self._model.tokenizer.encode(text.strip().lower(), lang=language))
        except (
            NotImplementedError,
            ArithmeticError,
            LookupError,
            ValueError,
        ) as error:  # num2words knows not every number
            raise InvalidText(
                f"XTTS can't write out a number of the text in {language!r}: write it as words", field="text"
            ) from error
        if tokens >= most:
            raise InvalidText(
                f"a piece of {len(text)} characters has {tokens} tokens once its numbers are written out, and XTTS takes {most - 1}: "
                "add punctuation, or write large numbers otherwise", field="text", tokens=tokens,
            )  # fmt: skip

    def _voice(self, reference: Reference, parameters: XttsParameters) -> tuple[Any, Any]:
        """(latents for the speech model, embedding for the decoder) of a reference, kept per voice and values."""
        key = (reference.sha256, parameters.gpt_cond_chunk_len, parameters.sound_norm_refs)
        return self._voices.get(key, lambda: self._heard(reference, parameters))

    def _heard(self, reference: Reference, parameters: XttsParameters) -> tuple[Any, Any]:
        """As the model's `get_conditioning_latents`, which would read the file with an ffmpeg's libraries."""
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
        """The speech model is evaluated once a token."""
        hook = self._model.gpt.gpt_inference.register_forward_pre_hook(lambda *_: before_step())
        try:
            yield
        finally:
            hook.remove()


def _weights(model: Any, device: str) -> Weights:
    """The model in fp32, in which coqui-tts loads it. Its speech model has two names for most parts, and keeps them together."""
    import torch

    return Weights({"model": model}, device, {"model": torch.float32})


def _notice(files: XttsFiles) -> str:
    says = _CPML_SAYS if files.license.startswith(CPML) else files.note
    return f"made with XTTS (coqui-tts: MPL-2.0) and weights under {files.license}: {says}"


def import_xtts() -> ModuleType:
    """`TTS.tts.models.xtts`, imported at the first call (10 s and more on two cores) and quiet: what is wrong comes as an exception."""
    with warnings_kept():
        warnings.simplefilter("ignore")  # other people's, while their files are first compiled
        from TTS.tts.models import xtts

    for name in ("TTS", "transformers"):  # the one logs pieces of the text that it speaks, as warnings
        logging.getLogger(name).setLevel(logging.ERROR)
    return cast("ModuleType", xtts)


def _load_model(xtts: Any, files: XttsFiles, device: str) -> Any:
    try:
        config = xtts.XttsConfig(model_args=xtts.XttsArgs(**files.args))
        model = xtts.Xtts(config)
        # Never strict=False: another layout would leave the weights as they were drawn.
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
            raise  # the machine's trouble, not the file's
        raise CheckpointUnusable(
            f"checkpoint {files.name!r} does not load into XTTS ({type(error).__name__}); inspect the file, its vocab.json and its card",
            checkpoint=files.name,
        ) from error
    return model
