"""Small text files that people write on any system: UTF-8 with or without a byte order mark, and UTF-16 with one."""

import codecs
import io
from collections.abc import Mapping
from pathlib import Path

MAX_VOCABULARY = 16_000_000
"""Bytes of a vocab.txt; f5_tts's own has 13 kB."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NotText(ValueError):
    """The bytes are not text in an encoding that is known; the message says what to do."""


def decoded(data: bytes, most: int) -> str:
    """The text without its byte order mark; ends of lines stay as they are. Raises NotText, also for more than `most` bytes."""
    if len(data) > most:
        raise NotText(f"it has more than {most} bytes")
    try:
        if data.startswith(_UTF16):
            return data.decode("utf-16")
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotText("it is not UTF-8 text: save it as UTF-8") from None
    if "\0" in text[:4]:
        raise NotText("it is UTF-16 without a byte order mark: save it as UTF-8")
    return text


def read_text(path: Path, most: int) -> str:
    """A file's text. Raises NotText (also for more than `most` bytes, and for what is no file), OSError."""
    if path.exists() and not path.is_file():
        raise NotText("it is no file")
    with path.open("rb") as file:
        return decoded(file.read(most + 1), most)


def vocabulary(path: Path) -> Mapping[str, int]:
    """
    The entries of a vocab.txt and their numbers, as f5_tts's `get_tokenizer` reads a plain UTF-8 file.

    One entry a line. A line's end is one character, whatever system wrote it; f5_tts cuts each line's last character, so it cuts
    one from a last line that has no end, too. Of equal lines the last one's number counts. Raises NotText, OSError.
    """
    lines = io.StringIO(read_text(path, MAX_VOCABULARY), newline=None)
    return {line[:-1]: number for number, line in enumerate(lines)}


def is_plain(path: Path) -> bool:
    """Whether the file is UTF-8 without a byte order mark: what foreign code reads as it is."""
    with path.open("rb") as file:
        return not file.read(3).startswith((*_UTF16, codecs.BOM_UTF8))
