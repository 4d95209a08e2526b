"""A model's class and its arguments: as a checkpoint.json gives them, and as f5_tts and coqui-tts have published theirs."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from cloning.errors import CheckpointUnusable
from model_cache.families import XTTS, Backbone, family_of

XTTS_V2 = "XTTS_v2"
# The `model_args` of XTTS v2's published config.json, as XttsArgs of coqui-tts takes them (read in public copies of the file).
XTTS_V2_ARGS: Mapping[str, Any] = {
    "gpt_layers": 30,
    "gpt_n_model_channels": 1024,
    "gpt_n_heads": 16,
    "gpt_max_audio_tokens": 605,
    "gpt_max_text_tokens": 402,
    "gpt_max_prompt_tokens": 70,
    "gpt_num_audio_tokens": 1026,
    "gpt_start_audio_token": 1024,
    "gpt_stop_audio_token": 1025,
    "gpt_code_stride_len": 1024,
    "gpt_use_perceiver_resampler": True,
    "decoder_input_dim": 1024,
}


class Architecture(BaseModel):
    """The model's class and its arguments."""

    model_config = ConfigDict(frozen=True)

    backbone: Backbone = "DiT"
    arch: dict[str, Any]

    @field_validator("arch")
    @classmethod
    def _can_be_built(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "backbone" in info.data:  # else that is what is wrong
            family_of(info.data["backbone"]).arguments.model_validate(value)
        return value


def published(config: str) -> Architecture:
    """The architecture of XTTS v2, or of one of f5_tts's own configurations, without importing f5_tts (it would import torch)."""
    if config == XTTS_V2:
        return Architecture(backbone=XTTS, arch=dict(XTTS_V2_ARGS))
    folder = f5_folder() / "configs"
    choices = sorted(path.stem for path in folder.glob("F5TTS_*.yaml"))
    if config not in choices:
        raise CheckpointUnusable(
            f"unknown configuration {config!r}: choose one of {', '.join(choices)}, {XTTS_V2}, or give `architecture`"
        )
    model = _published_configuration(folder / f"{config}.yaml")["model"]
    return Architecture(backbone=model["backbone"], arch=model["arch"])


def f5_folder() -> Path:
    """The folder of the package f5_tts. Raises CheckpointUnusable if it is not installed."""
    spec = find_spec("f5_tts")
    if spec is None or not spec.submodule_search_locations:
        raise CheckpointUnusable(
            "f5_tts is not installed, and its configurations and vocabulary are needed: run `make setup`"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _published_configuration(path: Path) -> Any:
    """One of f5_tts's own files. They are OmegaConf's, which takes its time to import; handler.py must not wait for it."""
    from omegaconf import OmegaConf

    # resolve=False: they refer to times and folders of a training run, which don't exist here.
    return OmegaConf.to_container(OmegaConf.load(path), resolve=False)
