"""Byte ranges of a file, for players that seek (RFC 9110; one range only)."""

import re

from fastapi import Response

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def ranged(data: bytes, asked: str | None, media: str, headers: dict[str, str]) -> Response:
    """The bytes that a Range header asks for; all bytes if there is no such header, or if it isn't understood."""
    headers = {**headers, "accept-ranges": "bytes"}
    found = _RANGE.fullmatch(asked or "")
    if found is None or found.groups() == ("", ""):
        return Response(data, media_type=media, headers=headers)
    start, stop = _bounds(found[1], found[2], len(data))
    if start >= stop:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{len(data)}"})
    told = {**headers, "content-range": f"bytes {start}-{stop - 1}/{len(data)}"}
    return Response(data[start:stop], 206, told, media)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size
