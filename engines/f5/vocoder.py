"""
A Vocos vocoder from an untrusted folder with config.yaml and pytorch_model.bin.

`Vocos.from_hparams`, which f5_tts calls, imports and calls any class that config.yaml names. So the file is read here as data: it
must describe the vocoder that F5-TTS needs (24 kHz, 100 mels, 256 samples per frame), of any size, and the three classes are
constructed explicitly. `VocosConfig` is its schema; docs/decisions/0025 has the reasons. Importing this imports no torch.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cloning.errors import CheckpointUnusable
from engines.device.errors import failure_of
from storage.hub_errors import hub_failure, is_hub_trouble
from storage.plain_text import NotText, read_text

HUB_VOCODER = "charactr/vocos-mel-24khz"
CONFIG, WEIGHTS = "config.yaml", "pytorch_model.bin"

_MAX_CONFIG = 64_000  # bytes; the published one has 500
_MAX_DEPTH = 8
_SAYS = (
    f"point VOCODER_PATH at a folder with {CONFIG} and {WEIGHTS} of Vocos 24 kHz, or leave it unset for the hub's; correct a "
    "checkpoint's own vocoder in its folder"
)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Frames(_Strict):
    n_fft: Literal[1024]
    hop_length: Literal[256]
    padding: Literal["center", "same"] = "center"


class FeatureArguments(_Frames):
    """The arguments of MelSpectrogramFeatures: the mels that F5-TTS makes."""

    sample_rate: Literal[24000]
    n_mels: Literal[100]


class BackboneArguments(_Strict):
    """The arguments of VocosBackbone; the published one has 512, 1536 and 8."""

    input_channels: Literal[100]
    dim: int = Field(ge=8, le=2048)
    intermediate_dim: int = Field(ge=8, le=8192)
    num_layers: int = Field(ge=1, le=48)
    layer_scale_init_value: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    adanorm_num_embeddings: None = None


class HeadArguments(_Frames):
    """The arguments of ISTFTHead."""

    dim: int = Field(ge=8, le=2048)


class Feature(_Strict):
    """Vocos's feature extractor, which F5-TTS doesn't use."""

    class_path: Literal["vocos.feature_extractors.MelSpectrogramFeatures"]
    init_args: FeatureArguments


class Backbone(_Strict):
    """The network."""

    class_path: Literal["vocos.models.VocosBackbone"]
    init_args: BackboneArguments


class Head(_Strict):
    """The head, which turns the network's output into sound."""

    class_path: Literal["vocos.heads.ISTFTHead"]
    init_args: HeadArguments


class VocosConfig(_Strict):
    """The whole of config.yaml."""

    feature_extractor: Feature
    backbone: Backbone
    head: Head

    @model_validator(mode="after")
    def _parts_fit(self) -> "VocosConfig":
        if self.head.init_args.dim != self.backbone.init_args.dim:
            raise ValueError("the head's dim must be the backbone's")
        return self

    @property
    def least_bytes(self) -> int:
        """The least size of the weights, in half precision."""
        size = self.backbone.init_args
        return 2 * size.num_layers * 2 * size.dim * size.intermediate_dim


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """Plain data: no tags of YAML's own or Python's, no aliases, no key twice, no deep nesting."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise yaml.YAMLError("anchors and aliases have no place in it")
        if self.depth >= _MAX_DEPTH:
            raise yaml.YAMLError("it is nested too deeply")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - yaml's own signature
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(keys)) < len(node.value) or "<<" in keys:
            raise yaml.YAMLError("a key occurs twice, or is not a plain word")
        return super().construct_mapping(node, deep)


def vocoder_config(folder: Path) -> VocosConfig:
    """
    Read the folder's config.yaml, in a millisecond; both files must exist.

    Raises CheckpointUnusable with what is wrong and what is accepted, OSError if a file can't be read.
    """
    config, weights = (_inside(folder, name) for name in (CONFIG, WEIGHTS))
    try:
        found = VocosConfig.model_validate(yaml.load(read_text(config, _MAX_CONFIG), _Loader))  # noqa: S506 - a SafeLoader
    except ValidationError as error:
        raise _unusable(f"its {CONFIG} is not accepted: {_problems(error)}", folder) from error
    except NotText as error:
        raise _unusable(f"its {CONFIG} is not accepted: {error}", folder) from error
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        said = str(error) if type(error) is yaml.YAMLError else "it is not the plain YAML of a Vocos"
        raise _unusable(f"its {CONFIG} is not accepted: {said}", folder) from error
    if found.least_bytes > weights.stat().st_size:
        raise _unusable(f"its {CONFIG} describes a larger vocoder than {WEIGHTS} holds", folder)
    return found


def load_vocoder(folder: Path | None, device: str) -> Any:
    """
    Load a Vocos onto the device, in fp32, strictly; without a folder from the hub.

    Raises CheckpointUnusable, HubUnavailable, OSError, and the device's own errors as torch raises them.
    """
    folder = folder or _hub_folder()
    config = vocoder_config(folder)
    import torch
    from vocos import Vocos
    from vocos.feature_extractors import MelSpectrogramFeatures
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone

    parts = {
        "feature_extractor": MelSpectrogramFeatures(**_arguments(config.feature_extractor)),
        "backbone": VocosBackbone(**_arguments(config.backbone)),
        "head": ISTFTHead(**_arguments(config.head)),
    }
    vocoder = Vocos(**parts)
    try:
        vocoder.load_state_dict(torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True))
        return vocoder.eval().to(device)
    except Exception as error:
        if failure_of(error, device) or isinstance(error, MemoryError) or getattr(error, "errno", None):
            raise
        raise _unusable(
            f"its {WEIGHTS} does not load into what {CONFIG} describes ({type(error).__name__})", folder
        ) from error


def _hub_folder() -> Path:
    from huggingface_hub import hf_hub_download

    try:
        hf_hub_download(HUB_VOCODER, WEIGHTS)
        return Path(hf_hub_download(HUB_VOCODER, CONFIG)).parent
    except Exception as error:
        if getattr(error, "errno", None) and not is_hub_trouble(error):
            raise  # a failure of this disk, not of the hub
        raise hub_failure(error, f"the vocoder {HUB_VOCODER}", CheckpointUnusable, vocoder=HUB_VOCODER) from error


def _inside(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise _unusable(f"it has no file {name}", folder)
    return path


def _arguments(part: Feature | Backbone | Head) -> dict[str, Any]:
    return part.init_args.model_dump()


def _problems(error: ValidationError) -> str:
    """Each invalid field and what it may be. Of the file's values only a class name is quoted."""
    problems = []
    for what in error.errors()[:5]:
        place = ".".join(str(part)[:40] for part in what["loc"]) or "it"
        named = f" ({str(what['input'])[:80]!r} is named)" if place.endswith("class_path") else ""
        problems.append(f"{place}: {what['msg']}{named}")
    return "; ".join(problems)


def _unusable(why: str, folder: Path) -> CheckpointUnusable:
    return CheckpointUnusable(f"the vocoder {folder.name!r} can't be used: {why}; {_SAYS}", vocoder=folder.name)
