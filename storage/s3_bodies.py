"""The bodies of the bucket's replies: complete, of the announced length, and within the caller's limit."""

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from cloning.ports import StoredObject, TooLarge
from storage.s3_errors import FOREIGN, BrokenBody, code_of
from storage.s3_replies import age_s, etag_of, is_proved

if TYPE_CHECKING:
    from botocore.response import StreamingBody

_STEP = 1 << 20  # bytes


def read_object(reply: Any, key: str, most: int | None) -> StoredObject:
    """Read the object from the reply to a GET. Raises BrokenBody, and TooLarge before a byte is read."""
    size, chunks = reply["ContentLength"], list[bytes]()
    with closing(reply["Body"]) as stream:
        if most is not None and size > most:
            raise TooLarge(key, size, etag_of(reply))
        pour(stream, size, chunks.append)
    body = b"".join(chunks)
    return StoredObject(body, etag_of(reply), age_s(reply), is_proved=is_proved(body, reply))


def pour(body: "StreamingBody", length: int, write: Callable[[bytes], object]) -> None:
    """Write exactly `length` bytes of a reply. Raises BrokenBody; a read timeout is raised unchanged."""
    try:
        while length and (chunk := body.read(min(length, _STEP))):
            write(chunk)
            length -= len(chunk)
    except FOREIGN as error:
        if code_of(error) == "ReadTimeoutError":
            raise
        raise BrokenBody from error
    if length:
        raise BrokenBody
