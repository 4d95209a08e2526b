"""Small text files that people write on any system: UTF-8 with or without a byte order mark, and UTF-16 with one."""

import codecs
import io
from collections.abc import Mapping
from pathlib import Path

MAX_VOCABULARY = 16_000_000
"""Bytes of a vocab.txt; f5_tts's own has 13 kB."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NotText(ValueError):
    """The bytes are not text in a known encoding; the message says what to do."""


def decoded(data: bytes, most: int) -> str:
    """Decode text without its byte order mark; line ends stay unchanged. Raises NotText, also for more than `most` bytes."""
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
    """Read a file's text. Raises NotText (also for more than `most` bytes, or if it is not a file), OSError."""
    if path.exists() and not path.is_file():
        raise NotText("it is not a file")
    with path.open("rb") as file:
        return decoded(file.read(most + 1), most)


def vocabulary(path: Path) -> Mapping[str, int]:
    """
    The entries of a vocab.txt and their numbers, as f5_tts's `get_tokenizer` reads a plain UTF-8 file.

    One entry per line. Any system's line end counts as one character. f5_tts cuts each line's last character, even of a last line
    without an end. Of equal lines the last one's number counts. Raises NotText, OSError.
    """
    lines = io.StringIO(read_text(path, MAX_VOCABULARY), newline=None)
    return {line[:-1]: number for number, line in enumerate(lines)}


def is_plain(path: Path) -> bool:
    """Whether the file has no byte order mark, so that foreign code can read it as UTF-8."""
    with path.open("rb") as file:
        return not file.read(3).startswith((*_UTF16, codecs.BOM_UTF8))
