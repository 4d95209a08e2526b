"""Base64, in which JSON carries audio: bare, or in a data: URL as browsers make it."""

import base64
import re
from urllib.parse import unquote_to_bytes

from cloning.errors import InvalidAudio

_DATA_URL = re.compile(r"\s*data(:|%3A)", re.IGNORECASE)
# A head ends at the first comma outside quotes; if base64 is marked, at the comma after the mark.
_MARKED = re.compile(r"[^;,]*(?:;(?!\s*base64\s*,).*?)?;\s*base64\s*,", re.IGNORECASE | re.DOTALL)
_UNMARKED = re.compile(r'(?:"[^"]*"|[^",])*,')
_LONGEST_HEAD = 4096
_FOREIGN = re.compile(r"[^A-Za-z0-9+/]")
_ELSEWHERE = re.compile(r"(https?|s3|gs|ftp|file|blob):", re.IGNORECASE)
_PATH = re.compile(
    r"(~?/|\.{1,2}/|[A-Za-z]:\\)?[\w .()/\\-]+\.(wav|mp3|flac|ogg|oga|opus|m4a|mp4|aac|webm|aiff?|caf|amr)",
    re.IGNORECASE,
)


# A '+' may have become any of these, never a line break or a tab.
_SPACE = re.compile(r"[^\S\t-\r]")
_GAP = re.compile(r"\S+")
_WIDTHS = range(60, 81, 4)  # of lines: 64 in PEM, 76 in MIME
_REMEDY = "send the file's bytes in standard base64, on one line (in a form, with every '+' written as %2B)"


def decode_base64(text: str, max_bytes: int) -> bytes:
    """
    Decode a base64 string, in the standard or the URL-safe alphabet, padded or not; or a data: URL.

    Line breaks, and quotes around the whole, are skipped. Spaces are skipped only where no '+' can have been: an unescaped form
    turns each '+' into a space, and without them the bytes are noise. The size is checked before anything is decoded. Raises
    InvalidAudio with the fault.
    """
    size = (len(text) - 2 * text.count("%")) * 3 // 4
    if size > max_bytes * 1.05 + 100:
        raise _too_large(size, max_bytes)
    text = _unquoted(text)
    data = _of_data_url(text) if _DATA_URL.match(text) else _of_base64(text)
    if len(data) > max_bytes:
        raise _too_large(len(data), max_bytes)
    return data


def _unquoted(text: str) -> str:
    """The text inside its quotes; without quotes spaces stay, because one at the end may be a '+'."""
    bare = text.strip("\ufeff \t\r\n")
    is_quoted = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'"
    return bare[1:-1] if is_quoted else text.strip("\ufeff\t\r\n")


def _of_data_url(text: str) -> bytes:
    start = _DATA_URL.match(text)
    assert start is not None  # noqa: S101 - the only caller has checked it
    if start[1] != ":":  # all of it was encoded by encodeURIComponent
        return _of_data_url(_percent_decoded(text))
    rest = text[start.end() :]
    if marked := _MARKED.match(rest[:_LONGEST_HEAD]):
        return _of_base64(rest[marked.end() :])
    if unmarked := _UNMARKED.match(rest[:_LONGEST_HEAD]):
        return unquote_to_bytes(rest[unmarked.end() :])
    raise InvalidAudio(
        "audio is a data: URL without a comma; send data:audio/wav;base64,... or base64 alone", field="audio"
    )


def _percent_decoded(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", errors="replace")


def _of_base64(text: str) -> bytes:
    if _ELSEWHERE.match(text.lstrip()):
        raise _no_base64("it is an address", "send that as audio_url, or a key of the bucket as audio_key")
    if _PATH.fullmatch(text.strip()):
        raise _no_base64("it is the name of a file", "send the file's bytes")
    text = _percent_decoded(text) if "%" in text else text
    bare = "".join(text.split()).replace("-", "+").replace("_", "/")
    signs = bare.rstrip("=")
    if fault := _fault(bare, signs) or _fault_of_spaces(text, bare):
        raise _no_base64(fault, _REMEDY)
    return base64.b64decode(signs + "=" * (-len(signs) % 4), validate=True)


def _fault(bare: str, signs: str) -> str | None:
    padding = len(bare) - len(signs)
    if foreign := _FOREIGN.search(signs):
        where = f"{foreign[0]!a} stands at place {foreign.start() + 1} of {len(bare)}"
        return f"{where}, before the end: two strings one after the other?" if foreign[0] == "=" else where
    if len(signs) % 4 == 1:
        return f"{len(signs)} characters can't be all of it: the string was cut, or a '+' became a space and was lost"
    if padding and padding != -len(signs) % 4:
        return f"{len(signs)} characters don't end in {padding} '=': some are lost, or it was cut and padded again"
    return None


def _fault_of_spaces(text: str, bare: str) -> str | None:
    """The fault if a space may have been a '+'."""
    spaces = _SPACE.findall(text)
    if not spaces or (len(bare) % 4 == 0 and _are_layout(text, bare, len(spaces))):
        return None
    place = text.index(spaces[0]) + 1
    return f"a space stands at place {place} of {len(text)}, where a '+' may have been"


def _are_layout(text: str, bare: str, spaces: int) -> bool:
    """
    Whether no space was a '+': otherwise the length would be impossible in base64, or the spaces only separate lines.

    Lines, except the last, have a width usual in mails or PEM, and are all separated and indented in the same way.
    """
    would_be_too_long = spaces % 4 == 1 or (spaces % 4 != 0 and bare.endswith("="))
    if len(bare) == len(text.strip()):
        return would_be_too_long
    pieces, gaps = text.split(), _GAP.split(text)
    width, indent = len(pieces[0]), gaps[1].rpartition("\n")[2] if "\n" in gaps[1] else ""
    return (
        width in _WIDTHS
        and all(len(piece) == width for piece in pieces[1:-1])
        and len(pieces[-1]) <= width
        and len(set(gaps[1:-1])) == 1
        and gaps[0].rpartition("\n")[2] == indent
        and (would_be_too_long or len(pieces) > 2)  # noqa: PLR2004 - one such gap may be chance
        and not _SPACE.search(gaps[-1])
    )


def _no_base64(why: str, do: str = "send the file's bytes in standard base64") -> InvalidAudio:
    return InvalidAudio(f"audio is not base64: {why}; {do}", field="audio")


def _too_large(size: int, limit: int) -> InvalidAudio:
    return InvalidAudio(
        f"audio has about {size / 1e6:.1f} MB; this deployment takes {limit / 1e6:g} MB: send a shorter or compressed file",
        field="audio", bytes=size, limit=limit,
    )  # fmt: skip


def encode_base64(data: bytes) -> str:
    """Encode as standard base64, on one line."""
    return base64.b64encode(data).decode("ascii")
