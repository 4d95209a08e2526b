"""
Checkpoint folders made with malice: each is refused with a reason, or loads without running anything.

Each is the small checkpoint with one thing changed, given as CHECKPOINT and (if a bucket can hold it) as a folder of the bucket.
Any code that ran would write to the canary.
"""

import json
import os
import pickle
import shutil
import socket
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.numpy import load_file, save_file

from cloning.clock import SystemClock
from cloning.service import Call, Service
from cloning.settings import Settings
from handler import answer
from tests.conftest import SPOKEN
from worker.assembly import build

REQUEST = {"action": "generate", "voice": "v", "text": "Hello.", "nfe_step": 1, "seed": 1}
HARMLESS = "COMPLETED"
UNUSABLE = "CHECKPOINT_UNUSABLE"
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


def vocabulary_bomb(folder: Folder) -> None:
    with (folder.path / "vocab.txt").open("wb") as file:
        file.truncate(10**12)


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


def linked_vocabulary(folder: Folder) -> None:
    folder.link("vocab.txt", folder.outside)


def linked_model(folder: Folder) -> None:
    shutil.copyfile(folder.path / "model.safetensors", folder.outside)
    folder.link("model.safetensors", folder.outside)


def linked_card(folder: Folder) -> None:
    folder.link("checkpoint.json", folder.outside)


def linked_vocoder(folder: Folder) -> None:
    shutil.rmtree(folder.path / "vocoder")
    (folder.path / "vocoder").symlink_to(folder.outside.parent)


def linked_config(folder: Folder) -> None:
    folder.link(VOCODER, Path("/etc/passwd"))


def link_in_a_circle(folder: Folder) -> None:
    folder.link("vocab.txt", folder.path / "vocab.txt")


def endless_device(folder: Folder) -> None:
    folder.link("vocab.txt", Path("/dev/zero"))


def pipe(name: str) -> Callable[[Folder], None]:
    def spoil(folder: Folder) -> None:
        (folder.path / name).unlink()
        os.mkfifo(folder.path / name)

    spoil.__name__ = f"pipe at {name}"
    return spoil


def unix_socket(folder: Folder) -> None:
    (folder.path / "vocab.txt").unlink()
    here = Path.cwd()
    os.chdir(folder.path)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("vocab.txt")
    finally:
        os.chdir(here)


def path_upwards(folder: Folder) -> None:
    folder.card(vocab=f"../{folder.outside.name}")


def absolute_path(folder: Folder) -> None:
    folder.card(model=str(folder.outside))


def hidden_upwards(folder: Folder) -> None:
    folder.card(vocoder="vocoder/../../outside")


def long_name(folder: Folder) -> None:
    folder.card(vocab="x" * 100_000)


def name_with_nul(folder: Folder) -> None:
    folder.card(vocab="vocab.txt\0.wav")


def half_a_pair(folder: Folder) -> None:
    text = (folder.path / "checkpoint.json").read_text()
    (folder.path / "checkpoint.json").write_text(text.replace("vocab.txt", "\\ud800"))


def name_of_a_path(folder: Folder) -> None:
    folder.card(name="../../evil")


def wrong_types(folder: Folder) -> None:
    folder.card(model=["model.safetensors"], commercial="yes please", languages={"a": 1})


ON_A_DISK: list[Spoil] = [
    linked_vocabulary, linked_model, linked_card, linked_vocoder, linked_config, link_in_a_circle, endless_device, unix_socket,
    pipe("vocab.txt"), pipe("model.safetensors"), pipe("checkpoint.json"), pipe(VOCODER), pipe("vocoder/pytorch_model.bin"),
    path_upwards, absolute_path, hidden_upwards, long_name, name_with_nul, half_a_pair, name_of_a_path, wrong_types, vocabulary_bomb,
]  # fmt: skip


@pytest.fixture
def spoiled(folder: Path, tmp_path: Path) -> Folder:
    """The small checkpoint, still unspoiled, beside a file that is not its own."""
    (tmp_path / "outside").mkdir()
    outside = tmp_path / "outside" / "secret.txt"
    outside.write_text("the machine's secret\n")
    return Folder(folder, tmp_path / "canary", outside)


@pytest.fixture
def deploy(tmp_path: Path, human_wav: bytes) -> Callable[[str], Service]:
    """A worker on that checkpoint, with a voice that has its transcript."""

    def start(checkpoint: str) -> Service:
        (tmp_path / "scratch").mkdir()
        places: dict[str, Any] = {"data_dir": tmp_path / "bucket", "model_cache_dir": tmp_path / "models"}
        service = build(Settings(checkpoint=checkpoint, device="cpu", **places), SystemClock(), tmp_path / "scratch")
        (tmp_path / "bucket" / "uploads").mkdir(parents=True)
        (tmp_path / "bucket" / "uploads" / "v.wav").write_bytes(human_wav)
        upload = {"action": "upload", "voice": "v", "audio_key": "uploads/v.wav", "consent": True, "transcript": SPOKEN}
        assert answer(service, upload, Call("upload"))["status"] == "STORED"
        return service

    return start


def expect_harmless(reply: dict[str, Any], spoiled: Folder, tmp_path: Path) -> None:
    """Check that nothing ran, and that a refusal is permanent, has a code and reveals nothing of the machine."""
    told = json.dumps(reply)
    assert not spoiled.canary.exists()
    assert spoiled.outside.exists()
    assert reply.get("status") == HARMLESS or (reply["code"], reply["retryable"]) == (UNUSABLE, False), told
    assert str(tmp_path) not in told
    assert "secret" not in told.replace(spoiled.outside.name, "")
    assert "root:" not in told


@pytest.mark.parametrize("spoil", IN_ANY_PLACE + ON_A_DISK, ids=lambda spoil: spoil.__name__)
def test_a_hostile_folder_runs_nothing(
    spoil: Callable[[Folder], None], spoiled: Folder, deploy: Callable[[str], Service], tmp_path: Path
) -> None:
    """Given as CHECKPOINT, such a folder makes `generate` fail for good, and `health` says the same without an incident."""
    spoil(spoiled)
    service = deploy(str(spoiled.path))

    reply = answer(service, REQUEST, Call("job"))
    health = answer(service, {"action": "health"}, Call("health"))

    expect_harmless(reply, spoiled, tmp_path)
    assert health["status"] == "degraded" or "vocoder" in reply["message"]
    assert str(tmp_path) not in json.dumps(health)


@pytest.mark.parametrize("spoil", IN_ANY_PLACE, ids=lambda spoil: spoil.__name__)
def test_a_hostile_folder_of_the_bucket_runs_nothing(
    spoil: Callable[[Folder], None], spoiled: Folder, deploy: Callable[[str], Service], tmp_path: Path
) -> None:
    """Named by a caller, such a folder of the bucket runs nothing: writing to the bucket doesn't run code on workers."""
    spoil(spoiled)
    if spoil is not deep_card:
        spoiled.card(name="evil")
    service = deploy("F5TTS_v1_Base")
    shutil.copytree(spoiled.path, tmp_path / "bucket" / "checkpoints" / "evil")

    reply = answer(service, REQUEST | {"checkpoint": "evil"}, Call("job"))

    expect_harmless(reply, spoiled, tmp_path)


def test_what_lies_beside_the_files_is_not_touched(
    spoiled: Folder, deploy: Callable[[str], Service], tmp_path: Path
) -> None:
    """Pickles under names that some loader knows, and Python modules, lie unused beside the checkpoint's files."""
    speakers_file(spoiled)

    reply = answer(deploy(str(spoiled.path)), REQUEST, Call("job"))

    assert reply["status"] == HARMLESS, reply
    expect_harmless(reply | {"audio_url": ""}, spoiled, tmp_path)


def test_a_snapshot_of_a_hubs_cache_is_a_checkpoint_folder(
    folder: Path, tmp_path: Path, deploy: Callable[[str], Service]
) -> None:
    """In a hub's cache each file is a link to the repository's blobs: it leads out of the folder, but not out of the repository."""
    repository = tmp_path / "models--somebody--voice"
    snapshot = repository / "snapshots" / ("0" * 40)
    shutil.copytree(folder, snapshot)
    (repository / "blobs").mkdir()
    for number, path in enumerate(sorted(path for path in snapshot.rglob("*") if path.is_file())):
        path.rename(repository / "blobs" / str(number))
        path.symlink_to(repository / "blobs" / str(number))

    reply = answer(deploy(str(snapshot)), REQUEST, Call("job"))

    assert reply["status"] == HARMLESS, reply
