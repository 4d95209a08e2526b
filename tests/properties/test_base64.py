"""Base64 that went through forms, mails and editors arrives as exactly the bytes that were sent, or is refused."""

import base64
import textwrap
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloning.errors import InvalidAudio
from cloning.requests.encoding import decode_base64

LIMIT = 1_000_000
LONG = st.binary(min_size=120, max_size=400)
# With many a '+' in its base64, too.
DATA = st.binary(min_size=1, max_size=400) | st.text("++A/z", min_size=4, max_size=400).map(
    lambda text: base64.b64decode(text[: len(text) // 4 * 4])
)
Blemish = Callable[[str], str]

HARMLESS: dict[str, Blemish] = {
    "none": str,
    "wrapped as in a mail": lambda text: "\r\n".join(textwrap.wrap(text, 76)),
    "wrapped as in PEM": lambda text: "\n".join(textwrap.wrap(text, 64)),
    "line breaks made spaces": lambda text: " ".join(textwrap.wrap(text, 76)),
    "line breaks made pairs of spaces": lambda text: "  ".join(textwrap.wrap(text, 64)),
    "indented": lambda text: textwrap.indent("\n".join(textwrap.wrap(text, 76)), "    "),
    "a line break behind it": lambda text: f"{text}\n",
    "a space before it": lambda text: f" {text}",
    "a space behind it": lambda text: f"{text} ",
    "quoted": lambda text: f' "{text}" ',
    "the alphabet of URLs": lambda text: text.replace("+", "-").replace("/", "_"),
    "escaped": lambda text: text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
    "no padding": lambda text: text.rstrip("="),
    "a data: URL": lambda text: f"data:audio/wav;base64,{text}",
}
SPOILING: dict[str, Blemish] = {
    "a form": lambda text: text.replace("+", " "),
    "a form, without padding": lambda text: text.rstrip("=").replace("+", " "),
    "a form, wrapped": lambda text: "\n".join(textwrap.wrap(text, 76)).replace("+", " "),
    "a form, in a data: URL": lambda text: f"data:audio/wav;base64,{text}".replace("+", " "),
    "a form, with spaces that don't break": lambda text: text.replace("+", "\u00a0"),
    "a character lost before the padding": lambda text: text[1:] if text.endswith("=") else text,
    "one '=' too many": lambda text: f"{text}=",
    "twice": lambda text: text + text,
}


@pytest.mark.parametrize("blemish", HARMLESS)
@given(data=LONG)
def test_what_loses_nothing_is_read(blemish: str, data: bytes) -> None:
    """Line breaks, escapes and the URL-safe alphabet change no byte."""
    text = HARMLESS[blemish](base64.b64encode(data).decode())

    assert decode_base64(text, LIMIT) == data


@pytest.mark.parametrize("blemish", SPOILING)
@given(data=DATA)
def test_what_loses_something_is_told(blemish: str, data: bytes) -> None:
    """Base64 that has lost something is refused or still read correctly; a voice of pure noise would be worse."""
    sent = base64.b64encode(data).decode()
    arrived = SPOILING[blemish](sent)

    try:
        read = decode_base64(arrived, LIMIT)
    except InvalidAudio:
        return
    assert read in (data, data * 2)  # two whole strings are one


@pytest.mark.parametrize(
    "text", ["A B=", "+AAA AAA", "AAAA AAAA+AAAAAAAAAAA", "YQ=", "YWI==", "YWJj=", "YWJjZGVmZw===="]
)
def test_a_doubtful_string_is_refused(text: str) -> None:
    """A space where a '+' may have been is refused, and so is padding that doesn't fit the length."""
    with pytest.raises(InvalidAudio, match="not base64"):
        decode_base64(text, LIMIT)


def test_the_lost_plus_is_named() -> None:
    """The message says where the '+' was lost, and how a form must send it."""
    with pytest.raises(InvalidAudio, match=r"space stands at place 4 of 8, .* '\+' .*%2B"):
        decode_base64("YWJ YWJj", LIMIT)
