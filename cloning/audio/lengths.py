"""The announced and the actual lengths of a file's recordings, before anything is decoded."""

from dataclasses import dataclass

Warnings = tuple[dict[str, str], ...]


@dataclass(frozen=True)
class Piece:
    """
    One recording of a file: bytes that a decoder reads as a whole.

    `held` and `announced` are seconds, counted in the bytes and read from the header; None if unknown. `cut` says where the bytes
    end too early, if they do; `slack` is how many seconds less a decoder may give (its delay). `is_open`: written in fragments, so
    that the duration in a decoder only counts what it found.
    """

    data: bytes
    held: float | None = None
    announced: float | None = None
    cut: str | None = None
    slack: float = 0.0
    warnings: Warnings = ()
    is_open: bool = False


def tag_end(data: bytes, at: int) -> int | None:
    """The end of the ID3 or APE tag that begins here; None if there is none, or it is longer than the file."""
    head = data[at : at + 32]
    if head.startswith(b"ID3") and len(head) >= 10 and all(one < 128 for one in head[6:10]):  # noqa: PLR2004 - of the format
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        end = at + 10 + size + (10 if head[5] & 0x10 else 0)
        return end if end <= len(data) else None
    if head.startswith(b"TAG") and at + 128 <= len(data):
        return at + 128
    if head.startswith(b"APETAGEX") and len(head) == 32:  # noqa: PLR2004 - of the format
        size = int.from_bytes(head[12:16], "little")
        end = at + (32 + size if head[23] & 0x20 else 32)
        return end if end <= len(data) else None
    return None
