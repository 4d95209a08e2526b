"""
The catalogue of checkpoints.

A checkpoint is named in catalog.yaml, or it is a folder with a `checkpoint.json`:

    {"name": "my-voice", "config": "F5TTS_v1_Base", "model": "model.safetensors", "vocab": "vocab.txt",
     "license": "cc-by-nc-4.0", "commercial": false}

`config` names a configuration of f5_tts, or is XTTS_v2 (also for a fine-tune of it; `model` is then a .pth, and `vocab` its
vocab.json), unless `architecture` gives the class's arguments itself. `vocab` (default: f5_tts's own) and `vocoder` (a folder
with config.yaml and pytorch_model.bin; default: the hub's Vocos) are in the same folder. `languages` and `note` are shown to
callers. `config: unknown` is allowed: such a checkpoint can be named, but not used. The folder may also be in the bucket
(model_cache.library).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cloning.errors import CheckpointUnusable, InvalidRequest
from cloning.keys import ID_PATTERN
from cloning.names import EngineName
from cloning.object_keys import check_key
from model_cache.architectures import Architecture, published
from model_cache.families import Family, family_of
from storage.plain_text import NotText, decoded

HUB = "hf://"
BUCKET = "bucket:"
UNKNOWN = "unknown"
CARD = "checkpoint.json"
VOCOS = "Vocos"
VOCODER_FILES = ("config.yaml", "pytorch_model.bin")
MAX_CARD = 1_000_000
"""Bytes of a checkpoint.json."""
_MOST_PROBLEMS = 10
_CATALOG = Path(__file__).with_name("catalog.yaml")


@dataclass(frozen=True)
class Checkpoint:
    """
    A checkpoint, on any source. `source` and `vocab` are a path, an hf:// URL or 'bucket:' and a key; `vocoder` is a folder.

    `arch` holds the arguments of the backbone's class; `vocab` None means f5_tts's own, `vocoder` None the hub's Vocos.
    `sha256` is the source file's, if known.
    """

    name: str
    source: str
    config: str
    backbone: str
    arch: Mapping[str, Any]
    vocab: str | None
    vocoder: str | None
    languages: tuple[str, ...]
    license: str
    commercial: bool
    note: str
    sha256: str | None = None

    @property
    def family(self) -> Family:
        return family_of(self.backbone)

    @property
    def engine(self) -> EngineName:
        return self.family.engine

    @property
    def on_hub(self) -> bool:
        return self.source.startswith(HUB)

    @property
    def in_bucket(self) -> bool:
        return self.source.startswith(BUCKET)

    @property
    def in_folder(self) -> bool:
        return not (self.on_hub or self.in_bucket)

    @property
    def is_vocoder(self) -> bool:
        return self.backbone == VOCOS


def _inside(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("must be in the folder of the checkpoint.json")
    return check_key(path)


InnerPath = Annotated[str, Field(min_length=1), AfterValidator(_inside)]


class Card(BaseModel):
    """The content of a `checkpoint.json`; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=rf"^{ID_PATTERN}$")
    config: str
    architecture: Architecture | None = None
    mel_spec_type: Literal["vocos"] = "vocos"
    model: InnerPath
    vocab: InnerPath | None = None
    vocoder: InnerPath | None = None
    languages: tuple[str, ...] = ()
    license: str
    commercial: bool
    note: str = ""


class Entry(BaseModel):
    """An entry of catalog.yaml. `sha256` is the source file's, if known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(pattern=rf"^{HUB}[^/]+/[^/]+/.+")
    config: str
    vocab: str | None = Field(None, pattern=rf"^{HUB}[^/]+/[^/]+/.+")
    vocoder: str | None = Field(None, pattern=rf"^{HUB}[^/]+/[^/]+/.+")
    languages: tuple[str, ...]
    license: str
    commercial: bool
    note: str
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")


def entries() -> dict[str, Entry]:
    """The catalogue, by name."""
    return {name: Entry.model_validate(entry) for name, entry in yaml.safe_load(_CATALOG.read_text("utf-8")).items()}


def configs_by_digest() -> dict[str, tuple[str, str]]:
    """Map each sha256 in the catalogue to its entry's name and configuration, unless the configuration is unknown."""
    return {
        entry.sha256: (name, entry.config)
        for name, entry in entries().items()
        if entry.sha256 and entry.config != UNKNOWN
    }


def default_vocoder() -> Checkpoint:
    """The Vocos used where a checkpoint has no vocoder of its own: f5_tts's default."""
    return Checkpoint(
        name="vocos-mel-24khz",
        source="hf://charactr/vocos-mel-24khz/pytorch_model.bin",
        config="vocos-mel-24khz",
        backbone=VOCOS,
        arch={},
        vocab=None,
        vocoder="hf://charactr/vocos-mel-24khz",
        languages=(),
        license="mit",
        commercial=True,
        note="turns spectrograms into sound",
    )


def find(name_or_folder: str) -> Checkpoint:
    """
    Find the checkpoint of that name, or in that folder. Only names with a '/' are folders, so an id that a caller sends never is.

    Raises InvalidRequest for an unknown name, CheckpointUnusable for a folder without a usable `checkpoint.json`, or if the
    configuration is not known.
    """
    if "/" in name_or_folder:
        folder = Path(name_or_folder)
        _expect_inside(folder, CARD)
        card = _card(folder)
        for path in (
            card.model,
            card.vocab,
            *((f"{card.vocoder}/{name}" for name in VOCODER_FILES) if card.vocoder else ()),
        ):
            _expect_inside(folder, path)
        return of_card(card, str(folder))
    catalogue = entries()
    if name_or_folder not in catalogue:
        raise InvalidRequest(
            f"unknown checkpoint {name_or_folder!r}: choose one of {', '.join(catalogue)}, or use your own: put a folder with a "
            f"{CARD} into the bucket's checkpoints/, or set CHECKPOINT to the path of one",
            field="checkpoint",
            choices=list(catalogue),
        )
    entry = catalogue[name_or_folder]
    architecture = _architecture(name_or_folder, entry.config)
    return Checkpoint(**dict(entry), name=name_or_folder, backbone=architecture.backbone, arch=architecture.arch)


def of_card(card: Card, place: str) -> Checkpoint:
    """The checkpoint that a card describes; `place` and a '/' are the prefix of its files' names."""
    architecture = card.architecture or _architecture(card.name, card.config)
    return Checkpoint(
        name=card.name,
        source=f"{place}/{card.model}",
        config=card.config,
        backbone=architecture.backbone,
        arch=architecture.arch,
        vocab=f"{place}/{card.vocab}" if card.vocab else None,
        vocoder=f"{place}/{card.vocoder}" if card.vocoder else None,
        languages=card.languages,
        license=card.license,
        commercial=card.commercial,
        note=card.note,
    )


def _architecture(name: str, config: str) -> Architecture:
    if config == UNKNOWN:
        raise CheckpointUnusable(
            f"it is not known which configuration the weights of {name!r} were trained with, v0 or v1; the file doesn't show it, "
            f"and the wrong one speaks gibberish: find out, and give it as `config` in a {CARD} of your own",
            checkpoint=name,
        )
    return published(config)


def _expect_inside(folder: Path, name: str | None) -> None:
    """Refuse links out of the folder; a snapshot in a hub's cache may link to that repository's files."""
    root = Path(os.path.realpath(folder))
    root = root.parent.parent if root.parent.name == "snapshots" else root
    if name and not Path(os.path.realpath(folder / name)).is_relative_to(root):
        raise CheckpointUnusable(
            f"{name} in the checkpoint folder {folder.name!r} is a link that leads out of it: put the file itself there, or a hard link"
        )


def _card(folder: Path) -> Card:
    path = folder / CARD
    if folder.is_file():
        raise CheckpointUnusable(
            f"{folder.name!r} is a file: name the folder that holds it, with a {CARD} that describes it"
        )
    if not folder.is_dir():
        raise CheckpointUnusable(
            f"there is no checkpoint folder {folder.name!r}: correct the path, or name a checkpoint of the catalogue or the bucket"
        )
    if not path.is_file():
        raise CheckpointUnusable(
            f"the checkpoint folder {folder.name!r} has no {CARD}: add one with name, config (F5TTS_Base for v0 weights, "
            "F5TTS_v1_Base for v1: the file doesn't show it), model, license and commercial; `vocab` if it has its own vocab.txt"
        )
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CARD + 1)
    except OSError as error:
        raise CheckpointUnusable(f"the {CARD} of {folder.name!r} can't be read: {error.strerror}") from error
    return parse_card(text, folder.name)


def parse_card(text: bytes, folder: str) -> Card:
    """Parse a `checkpoint.json` in any known encoding. Raises CheckpointUnusable with every invalid field."""
    try:
        return Card.model_validate_json(decoded(text, MAX_CARD))
    except NotText as error:
        raise CheckpointUnusable(f"the {CARD} of {folder!r} is not usable: {error}") from error
    except ValidationError as error:
        problems = "; ".join(_problem(what["loc"], what["msg"]) for what in error.errors()[:_MOST_PROBLEMS])
        raise CheckpointUnusable(f"the {CARD} of {folder!r} is not usable: {problems}") from error


def _problem(place: tuple[int | str, ...], what: str) -> str:
    return f"{'.'.join(str(part)[:60] for part in place) or 'it'}: {what[:400]}"
