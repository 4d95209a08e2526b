"""Text files from any system: any editor gives the same card and vocabulary, and a file that is no text is reported."""

import json
import os
from pathlib import Path

import pytest

from cloning.errors import CheckpointUnusable
from model_cache.catalog import CARD, find
from model_cache.families import xtts_vocabulary_size
from model_cache.layouts.vocabulary import vocabulary_size
from storage.plain_text import NotText, decoded, is_plain, read_text, vocabulary

COMPLETE = {"name": "mine", "config": "F5TTS_Base", "model": "m.safetensors", "license": "cc0", "commercial": True}
ENTRIES = [" ", "!", "a", "ã", "ni3", "。", "𠮶", "\u2028", "\x85", "\t", "\u00a0"]
# What Windows writes: Notepad's three kinds of Unicode, PowerShell's `>` and Set-Content.
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8 with a mark": "utf-8-sig",
    "utf-16 le": "utf-16",
    "utf-16 be": "utf-16-be",
}


def encoded(text: str, encoding: str) -> bytes:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    return mark + text.encode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_vocabulary_is_the_same_however_it_was_saved(tmp_path: Path, encoding: str, end: str) -> None:
    """No byte order mark and no carriage return gets into an entry; white space that is an entry stays one."""
    path = tmp_path / "vocab.txt"
    path.write_bytes(encoded("".join(entry + end for entry in ENTRIES), encoding))

    found = vocabulary(path)

    assert found == {entry: number for number, entry in enumerate(ENTRIES)}
    assert is_plain(path) is (encoding == "utf-8")
    assert vocabulary_size(path) == len(ENTRIES)


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_a_card_is_the_same_however_it_was_saved(tmp_path: Path, encoding: str) -> None:
    """A card is the same with either line ending."""
    text = json.dumps(COMPLETE | {"note": "não é ruído"}, ensure_ascii=False, indent=2).replace("\n", "\r\n")
    (tmp_path / CARD).write_bytes(encoded(text, encoding))

    assert find(str(tmp_path)).note == "não é ruído"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param("não é ruído".encode("cp1252"), "save it as UTF-8", id="cp1252"),
        pytest.param("шум".encode("cp1251"), "save it as UTF-8", id="cp1251"),
        pytest.param(b"\xff\xfea", "save it as UTF-8", id="half a character"),
        pytest.param("{}".encode("utf-16-le"), "without a byte order mark: save it as UTF-8", id="utf-16 le, no mark"),
        pytest.param("{}".encode("utf-16-be"), "without a byte order mark: save it as UTF-8", id="utf-16 be, no mark"),
        pytest.param("{}".encode("utf-32-le"), "without a byte order mark: save it as UTF-8", id="utf-32"),
        pytest.param(bytes(range(128, 256)), "save it as UTF-8", id="binary"),
    ],
)
def test_what_is_no_text_is_told_with_what_to_do(tmp_path: Path, data: bytes, said: str) -> None:
    """A card or vocabulary that is no text is refused with what to do, and never read as other characters."""
    (tmp_path / CARD).write_bytes(data)
    (tmp_path / "vocab.txt").write_bytes(data)

    with pytest.raises(NotText, match=said):
        decoded(data, 1000)
    with pytest.raises(CheckpointUnusable, match=said):
        find(str(tmp_path))
    with pytest.raises(CheckpointUnusable, match=said):
        vocabulary_size(tmp_path / "vocab.txt")


def test_a_file_is_read_only_up_to_its_bound(tmp_path: Path) -> None:
    """A file is read up to its limit only, however large it claims to be."""
    path = tmp_path / "vocab.txt"
    with path.open("wb") as file:
        file.truncate(10**12)

    with pytest.raises(NotText, match="more than 10 bytes"):
        read_text(path, 10)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Opening a pipe would wait for a writer that never comes, so it is refused."""
    os.mkfifo(tmp_path / "vocab.txt")

    with pytest.raises(NotText, match="not a file"):
        read_text(tmp_path / "vocab.txt", 10)


@pytest.mark.parametrize(
    "text",
    [
        '{"model": {"vocab": {"a": 1e999}}}',
        '{"model": {"vocab": {"a": NaN}}}',
        '{"model": {"vocab": {"a": 1.5}}}',
        '{"model": {"vocab": {"a": "1"}}}',
        '{"model": {"vocab": {}}}',
        '{"model": {"vocab": [1]}}',
        '{"model": {"vocab": {"a": 1}}, "added_tokens": [{}]}',
        '{"model": ' * 100_000,
        "[]",
        "",
    ],
    ids=lambda text: text[:60],
)
def test_a_vocab_json_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """A vocab.json with numbers that are none, or with endless nesting, is refused."""
    (tmp_path / "vocab.json").write_text(text)

    with pytest.raises(CheckpointUnusable, match=r"vocab\.json is not the one of an XTTS tokenizer"):
        xtts_vocabulary_size(tmp_path / "vocab.json")
