"""Which names and folders hold a Whisper that may be loaded: told from its config.json before anything is built from it."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cloning.errors import TranscriptionFailed
from cloning.names import public_name
from storage.plain_text import read_text

_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
_MAX_CONFIG = 1_000_000  # bytes
# Keys with which a config.json makes transformers load anything but the folder's weights into its own classes.
_FOREIGN = {"auto_map", "custom_pipelines", "quantization_config", "attn_implementation", "_attn_implementation"}
_FOREIGN |= {"experts_implementation", "kernel_config", "base_model_name_or_path"}
_HARMLESS: tuple[object, ...] = (None, {}, "eager", "sdpa", "flash_attention_2")

_Width = Annotated[int, Field(ge=1, le=16384)]
_Layers = Annotated[int, Field(ge=1, le=128)]


class WhisperNumbers(BaseModel):
    """The numbers of a config.json that decide on memory, bounded by ten times the largest known ones; absent ones have defaults."""

    model_config = ConfigDict(strict=True, extra="ignore")

    model_type: Literal["whisper"]
    d_model: _Width = 1
    encoder_layers: _Layers = 1
    decoder_layers: _Layers = 1
    encoder_attention_heads: _Layers = 1
    decoder_attention_heads: _Layers = 1
    encoder_ffn_dim: _Width = 1
    decoder_ffn_dim: _Width = 1
    vocab_size: int = Field(1, ge=1, le=500_000)
    num_mel_bins: int = Field(80, ge=1, le=1024)
    max_source_positions: _Width = 1
    max_target_positions: _Width = 1


def check_asr_model(model: str) -> None:
    """
    Refuse a name that can't be loaded: a folder that is missing or holds no Whisper, or an impossible name on the hub.

    Reads at most the folder's config.json, and doesn't ask the hub. Raises TranscriptionFailed.
    """
    folder = Path(model)
    if folder.is_dir():
        if strange := [path.name for path in folder.iterdir() if not (path.is_file() or path.is_dir())]:
            raise unusable(model, f"{strange[0][:80]!r} in its folder is not a file")
        _numbers(model, _config_in(folder))
    elif public_name(model) != model or not _HUB_NAME.fullmatch(model):
        raise unusable(model, "there is no such folder, and it is not a name on the hub (owner/name)")


def expect_whisper(transformers: Any, model: str) -> WhisperNumbers:
    """Check the model's config.json before anything is built from it. Raises TranscriptionFailed, and what the hub raises."""
    if Path(model).is_dir():
        check_asr_model(model)
        return _numbers(model, _config_in(Path(model)))
    return _numbers(model, transformers.PreTrainedConfig.get_config_dict(model)[0])


def _config_in(folder: Path) -> Any:
    try:
        return json.loads(read_text(folder / "config.json", _MAX_CONFIG))
    except (OSError, ValueError, RecursionError) as error:
        raise unusable(str(folder), "it has no config.json of a transformers model") from error


def _numbers(model: str, config: Any) -> WhisperNumbers:
    try:
        numbers = WhisperNumbers.model_validate(config)
    except ValidationError as error:
        fields = ", ".join(".".join(str(part)[:40] for part in what["loc"]) or "it" for what in error.errors()[:5])
        raise unusable(model, f"its config.json is not that of a Whisper ({fields})") from error
    if foreign := sorted(key for key in _FOREIGN if config.get(key) not in _HARMLESS):
        raise unusable(model, f"its config.json asks for other code or weights ({', '.join(foreign)})")
    return numbers


def unusable(model: str, why: str) -> TranscriptionFailed:
    """The error for a recogniser that can't be loaded."""
    return TranscriptionFailed(
        f"the speech recogniser {public_name(model)!r} can't be loaded: {why}. Set ASR_MODEL to the hub name or the folder of "
        "a Whisper; or upload the voice with replace: true and its transcript", asr_model=public_name(model),
    )  # fmt: skip
