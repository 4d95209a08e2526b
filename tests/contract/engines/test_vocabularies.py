"""A checkpoint's vocabulary is read as f5_tts reads it, whatever wrote the file, and never taken from other weights."""

import json
import shutil
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from cloning.clock import SystemClock
from cloning.service import Call, Service
from cloning.settings import Settings
from engines.imports.f5 import import_f5
from handler import answer
from model_cache.catalog import CARD
from storage.plain_text import vocabulary
from tests.conftest import SPOKEN
from worker.assembly import build

SPEAK = {"action": "generate", "voice": "v", "text": "Hello.", "nfe_step": 1, "seed": 7}


@pytest.fixture
def worker(tmp_path: Path, human_wav: bytes) -> Callable[[str], Service]:
    """A worker on that CHECKPOINT, with a voice that has its transcript."""

    def start(checkpoint: str) -> Service:
        (tmp_path / "scratch").mkdir(exist_ok=True)
        places: dict[str, Any] = {"data_dir": tmp_path / "bucket", "model_cache_dir": tmp_path / "models"}
        service = build(Settings(checkpoint=checkpoint, device="cpu", **places), SystemClock(), tmp_path / "scratch")
        voice = {"voice": "v", "audio": b64encode(human_wav).decode(), "consent": True, "transcript": SPOKEN}
        assert answer(service, {"action": "upload", "replace": True, **voice}, Call("u"))["status"] == "STORED"
        return service

    return start


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(st.one_of(st.sampled_from("\n\r\t \x0b\x0c\x85\u2028a!"), st.characters(exclude_categories=["Cs"])))
)
def test_a_plain_file_is_read_as_f5_tts_reads_it(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Entries, digits, joined lines and lines without an end are read as f5_tts does; only a byte order mark is left out."""
    import_f5()
    from f5_tts.model.utils import get_tokenizer

    path = tmp_path_factory.getbasetemp() / "vocab.txt"
    path.write_bytes(text.removeprefix("\ufeff").replace("\0", "").encode())

    assert (vocabulary(path), len(vocabulary(path))) == get_tokenizer(str(path), "custom")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_speech_is_the_same_however_the_files_were_saved(
    encoding: str, folder: Path, worker: Callable[[str], Service]
) -> None:
    """A card and a vocabulary saved as Windows does give the same samples as the plain files."""
    plain = answer(worker(str(folder)), SPEAK | {"job_id": "plain"}, Call("a"))
    for name in (CARD, "vocab.txt"):
        text = (folder / name).read_text("utf-8").replace("\n", "\r\n")
        (folder / name).write_bytes(text.encode(encoding))

    saved = answer(worker(str(folder)), SPEAK | {"job_id": "saved"}, Call("b"))

    assert plain["status"] == saved["status"] == "COMPLETED", saved
    assert plain["audio"]["sha256"] == saved["audio"]["sha256"]


def cut(folder: Path) -> None:
    """Remove entries from the vocabulary."""
    lines = (folder / "vocab.txt").read_bytes().splitlines(keepends=True)
    (folder / "vocab.txt").write_bytes(b"".join(lines[:100]))


def forgotten(folder: Path) -> None:
    """The weights have a vocabulary of their own that the card doesn't name, so f5_tts's own would be used."""
    weights = load_file(folder / "model.safetensors")
    name = "ema.transformer.text_embed.text_embed.weight"
    save_file(weights | {name: weights[name][:101]}, folder / "model.safetensors")
    card = json.loads((folder / CARD).read_text())
    del card["vocab"]
    (folder / CARD).write_text(json.dumps(card))


@pytest.mark.parametrize("place", ["folder", "bucket"])
@pytest.mark.parametrize(
    ("spoil", "numbers"),
    [(cut, "vocabulary of 2545 entries, vocab.txt has 100"), (forgotten, "vocabulary of 100 entries, vocab.txt has 2545")],
    ids=["cut", "forgotten"],
)  # fmt: skip
@pytest.mark.parametrize("text", ["Hello there, my friend.", "שלום שלום"], ids=["known", "unknown"])
def test_a_vocabulary_of_other_weights_is_told_before_a_text_is_judged(
    text: str,
    spoil: Callable[[Path], None],
    numbers: str,
    place: str,
    folder: Path,
    tmp_path: Path,
    worker: Callable[[str], Service],
) -> None:
    """A vocabulary of other weights is reported with both sizes before any text is judged by it; nothing is loaded."""
    spoil(folder)
    if place == "bucket":
        card = json.loads((folder / CARD).read_text()) | {"name": "mine"}
        (folder / CARD).write_text(json.dumps(card))
        shutil.copytree(folder, tmp_path / "bucket" / "checkpoints" / "mine")
    service = worker("mine" if place == "bucket" else str(folder))

    reply: dict[str, Any] = answer(service, SPEAK | {"text": text}, Call("job"))

    assert (reply["code"], reply["retryable"]) == ("CHECKPOINT_UNUSABLE", False), reply
    assert numbers in reply["message"]
    assert service.engines.loaded() is None
