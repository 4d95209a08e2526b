"""
Ways to spoil a checkpoint's folder with malice, on a disk as in a bucket.

Each changes one thing of the small checkpoint. Any code that ran would write to the canary.
"""

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from safetensors.numpy import load_file, save_file

VOCODER = "vocoder/config.yaml"


@dataclass
class Folder:
    """The checkpoint folder to spoil; `canary` must never appear, and `outside` is a file of the machine that must not be read."""

    path: Path
    canary: Path
    outside: Path

    @property
    def command(self) -> str:
        return f"touch {self.canary}"

    def card(self, **changes: object) -> None:
        card = json.loads((self.path / "checkpoint.json").read_text())
        (self.path / "checkpoint.json").write_text(json.dumps(card | changes))

    def arch(self, **changes: object) -> None:
        card = json.loads((self.path / "checkpoint.json").read_text())
        card["architecture"]["arch"] |= changes
        (self.path / "checkpoint.json").write_text(json.dumps(card))

    def vocoder(self, part: str, **changes: object) -> None:
        config = yaml.safe_load((self.path / VOCODER).read_text())
        config[part] |= changes
        (self.path / VOCODER).write_text(yaml.safe_dump(config))

    def link(self, name: str, to: Path) -> None:
        (self.path / name).unlink()
        (self.path / name).symlink_to(to)


class Runs:
    """Pickled, it asks to run the command."""

    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> Any:
        return os.system, (self._command,)


def class_path(folder: Folder) -> None:
    arguments = {"args": ["/bin/sh", "-c", folder.command]}
    folder.vocoder("feature_extractor", class_path="subprocess.check_call", init_args=arguments)


def class_path_of_ours(folder: Folder) -> None:
    folder.vocoder("backbone", class_path="shutil.rmtree", init_args={"path": str(folder.outside.parent)})


def python_tag(folder: Folder) -> None:
    (folder.path / VOCODER).write_text(f"!!python/object/apply:os.system ['{folder.command}']\n")


def python_tag_inside(folder: Folder) -> None:
    text = (folder.path / VOCODER).read_text()
    (folder.path / VOCODER).write_text(text.replace("100", f"!!python/object/apply:os.system ['{folder.command}']", 1))


def interpolation(folder: Folder) -> None:
    folder.vocoder("head", class_path="${oc.env:PATH}")


def downloads(folder: Folder) -> None:
    folder.vocoder("feature_extractor", class_path="vocos.feature_extractors.EncodecFeatures", init_args={})


def yaml_bomb(folder: Folder) -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefg", "bcdefgh", strict=True)]
    (folder.path / VOCODER).write_text("\n".join(lines))


def deep_yaml(folder: Folder) -> None:
    (folder.path / VOCODER).write_text("[" * 50_000)


def huge_vocoder(folder: Folder) -> None:
    folder.vocoder("backbone", init_args={"input_channels": 100, "dim": 10**9, "intermediate_dim": 1, "num_layers": 1})


def pickled_vocoder(folder: Folder) -> None:
    (folder.path / "vocoder/pytorch_model.bin").write_bytes(pickle.dumps(Runs(folder.command)) + bytes(100_000))


def zipped(folder: Folder, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps({"model": Runs(folder.command)}, protocol=2))
        archive.writestr("x/version", "3\n")
        archive.writestr("x/data/0", bytes(100_000))


def zipped_vocoder(folder: Folder) -> None:
    zipped(folder, folder.path / "vocoder/pytorch_model.bin")


def pickled_model(folder: Folder) -> None:
    (folder.path / "model.pt").write_bytes(pickle.dumps(Runs(folder.command)))
    folder.card(model="model.pt")


def zipped_model(folder: Folder) -> None:
    zipped(folder, folder.path / "model.pt")
    folder.card(model="model.pt")


def pickle_named_safetensors(folder: Folder) -> None:
    (folder.path / "model.safetensors").write_bytes(pickle.dumps(Runs(folder.command), protocol=0))


def speakers_file(folder: Folder) -> None:
    for name in ("speakers_xtts.pth", "vocoder/speakers_xtts.pth", "config.json", "model.py", "__init__.py"):
        (folder.path / name).write_bytes(pickle.dumps(Runs(folder.command)))


def sharded_index(folder: Folder) -> None:
    index = {"weight_map": {"transformer.proj_out.bias": str(folder.outside)}}
    (folder.path / "model.safetensors.index.json").write_text(json.dumps(index))
    folder.card(model="model.safetensors.index.json")


def deep_card(folder: Folder) -> None:
    (folder.path / "checkpoint.json").write_text('{"architecture":' + "[" * 100_000)


def huge_card(folder: Folder) -> None:
    folder.card(note="x" * 2_000_000)


def not_finite(folder: Folder) -> None:
    folder.arch(ff_mult=float("nan"))


def endless(folder: Folder) -> None:
    folder.arch(ff_mult=float("inf"))


def huge_model(folder: Folder) -> None:
    folder.arch(dim=16384, depth=256)


def foreign_argument(folder: Folder) -> None:
    folder.arch(attn_backend="__import__('os').system('x')")


def foreign_backbone(folder: Folder) -> None:
    folder.card(architecture={"backbone": "os.system", "arch": {"dim": 64}})


def foreign_config(folder: Folder) -> None:
    folder.card(architecture=None, config="../../../../../tmp/evil")


def binary_vocabulary(folder: Folder) -> None:
    (folder.path / "vocab.txt").write_bytes(bytes(range(256)) * 40)


def empty_vocabulary(folder: Folder) -> None:
    (folder.path / "vocab.txt").write_bytes(b"")


def short_vocabulary(folder: Folder) -> None:
    lines = (folder.path / "vocab.txt").read_bytes().splitlines(keepends=True)
    (folder.path / "vocab.txt").write_bytes(b"".join(lines[:100]))


def header_bomb(folder: Folder) -> None:
    header = b'{"a":' + b"[" * 1_000_000
    (folder.path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


def claimed_tensor(folder: Folder) -> None:
    header = b'{"a":{"dtype":"F32","shape":[1000000000,1000000000],"data_offsets":[0,4000000000000000000]}}'
    (folder.path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


def strange_names(folder: Folder) -> None:
    weights = load_file(folder.path / "model.safetensors")
    save_file(weights | {"__class__": weights.pop("ema.transformer.proj_out.bias")}, folder.path / "model.safetensors")


Spoil = Callable[[Folder], None]
IN_ANY_PLACE: list[Spoil] = [
    class_path, class_path_of_ours, python_tag, python_tag_inside, interpolation, downloads, yaml_bomb, deep_yaml, huge_vocoder,
    pickled_vocoder, zipped_vocoder, pickled_model, zipped_model, pickle_named_safetensors, sharded_index, deep_card, huge_card,
    not_finite, endless, huge_model, foreign_argument, foreign_backbone, foreign_config, binary_vocabulary, short_vocabulary, empty_vocabulary,
    header_bomb, claimed_tensor, strange_names,
]  # fmt: skip
