"""Ways to spoil a checkpoint's folder that only a disk can hold: links, pipes and devices, and cards that name what is not in the folder."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from tests.contract.hostile.folders import VOCODER, Folder, Spoil


def vocabulary_bomb(folder: Folder) -> None:
    with (folder.path / "vocab.txt").open("wb") as file:
        file.truncate(10**12)


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
