"""Base64, the only way in which JSON carries audio."""

import base64
import binascii
import re

from cloning.errors import InvalidAudio

_DATA_URL = re.compile(r"\Adata:[\w.+/;=-]*;base64,")
_WHITE_SPACE = re.compile(r"\s+")


def decode_base64(text: str, max_bytes: int) -> bytes:
    """
    The bytes of a base64 string (a data: URL's head and white space are skipped).

    The size is checked before anything is decoded. Raises InvalidAudio.
    """
    if len(text) * 3 // 4 > max_bytes * 1.05 + 100:
        raise _too_large(len(text) * 3 // 4, max_bytes)
    bare = _WHITE_SPACE.sub("", _DATA_URL.sub("", text, count=1))
    try:
        data = base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidAudio(
            f"audio is not base64 ({error}); send the file's bytes in standard base64, with padding", field="audio"
        ) from None
    if len(data) > max_bytes:
        raise _too_large(len(data), max_bytes)
    return data


def _too_large(size: int, limit: int) -> InvalidAudio:
    return InvalidAudio(
        f"audio has about {size / 1e6:.1f} MB; this deployment takes {limit / 1e6:g} MB: send a shorter or compressed file",
        field="audio", bytes=size, limit=limit,
    )  # fmt: skip


def encode_base64(data: bytes) -> str:
    """Standard base64, on one line."""
    return base64.b64encode(data).decode("ascii")
