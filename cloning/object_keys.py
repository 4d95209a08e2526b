"""
The rules for object keys, and media types by name: the same in every object store.

A key must also be safe as a path, because one of the stores is a folder and because trees are mirrored to disk.
"""

import unicodedata
from pathlib import PurePosixPath

MAX_KEY_BYTES = 1024  # S3's limit
MAX_SEGMENT_BYTES = 255  # the limit of a file name on Linux

_CONTENT_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".txt": "text/plain; charset=utf-8",
}


def check_key(key: str) -> str:
    """
    Return the key if it may be stored.

    Raises ValueError for a key that is empty or absolute, has empty, '.' or '..' segments, a backslash, a control character
    or half a surrogate pair, or is longer than S3 (1024 bytes) or a file system (255 bytes a segment) allows.
    """
    segments = key.split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise ValueError(f"{key!r} is not an object key: it is empty or absolute, or a segment is empty, '.' or '..'")
    if "\\" in key or any(unicodedata.category(character) in ("Cc", "Cs") for character in key):
        raise ValueError(f"{key!r} is not an object key: it holds a backslash or a control character")
    if len(key.encode()) > MAX_KEY_BYTES or any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        raise ValueError(f"{key!r} is not an object key: longer than 1024 bytes, or a segment longer than 255")
    return key


def is_key(key: str) -> bool:
    """Whether `check_key` accepts the key."""
    try:
        check_key(key)
    except ValueError:
        return False
    return True


def content_type(key: str) -> str:
    """The media type by the name's ending; a general one for endings that the service doesn't write."""
    return _CONTENT_TYPES.get(PurePosixPath(key).suffix.lower(), "application/octet-stream")
