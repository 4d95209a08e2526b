"""
Decoding of audio files: a container's bytes in, mono samples out.

The length is counted before decoding (frame_formats, chunk_formats, stream_formats) and after (decoders): all of a file is used,
or it is refused with both lengths. A part never passes for the whole.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cloning.audio.chunk_formats import chunked
from cloning.audio.containers import behind, opened, undecodable
from cloning.audio.decoders import LONGEST_S, SHORTEST_S, Decoded, counted, decoders
from cloning.audio.frame_formats import framed
from cloning.audio.lengths import Piece, Warnings
from cloning.audio.levels import mono
from cloning.audio.mp4_boxes import mp4
from cloning.audio.stream_formats import flac, matroska, ogg
from cloning.errors import InvalidAudio
from cloning.ports import Samples

__all__ = ["LONGEST_S", "LONGEST_SPEECH_S", "SHORTEST_S", "Recording", "decode", "decode_speech"]

LONGEST_SPEECH_S = 300.0
"""Of speech that is checked or subtitled; its words are told from 48 kHz as well as from more."""
_HIGHEST_SPEECH_RATE = 48_000

_MISSING_S = 0.1
# A codec's delay in samples, which a decoder removes and a header may count.
_SLACK = {"mp4": 3000, "matroska": 3000, "ogg": 4096, "aac": 3000}
_MOST_PIECES = 100


@dataclass(frozen=True)
class Recording:
    """
    Decoded reference audio: float32 mono samples, shape [n], and their rate in Hz.

    `warnings` are for the caller, each with `code` and `message`. `clipped_share` is of the file's own samples, if `samples` no
    longer show it.
    """

    samples: Samples
    sample_rate: int
    warnings: Warnings = ()
    clipped_share: float | None = None

    @property
    def duration(self) -> float:
        return len(self.samples) / self.sample_rate


def decode(data: bytes, longest_s: float = LONGEST_S) -> Recording:
    """Decode a whole recording, mixed to mono, of up to a little over `longest_s`. Raises InvalidAudio."""
    if not data:
        raise InvalidAudio(f"audio is empty (0 bytes); send a recording of {SHORTEST_S:g} to {longest_s:g} s")
    found = _recordings(data)
    pieces = [piece for _, piece in found]
    held = [piece.held for piece in pieces if piece.held is not None]
    if len(held) == len(pieces):
        _refuse_too_long(sum(held), longest_s)
    for piece in pieces:
        if piece.held is not None:
            _refuse_cut(piece.cut, piece.announced, piece.held, 0.0)
    return _joined(data, found, longest_s)


def decode_speech(data: bytes) -> Recording:
    """Decode a recording of up to 300 s for a recogniser, at 48 kHz at most. Raises InvalidAudio."""
    recording = decode(data, LONGEST_SPEECH_S)
    rate = min(recording.sample_rate, _HIGHEST_SPEECH_RATE)
    return replace(recording, samples=_resampled(recording, rate), sample_rate=rate)


def _recordings(data: bytes) -> list[tuple[str, Piece]]:
    """Find (container, piece) of every recording in a file: after the end of one another may follow, of any format."""
    container, rest = opened(data)
    first, found = container, []
    for _ in range(_MOST_PIECES):
        pieces, end = _pieces(container, rest)
        found += [(container, piece) for piece in pieces]
        following = behind(rest, max(end, 1))
        if following is None:
            break
        container, begin = following
        rest = rest[begin:]
    else:
        raise InvalidAudio(f"audio is made of over {_MOST_PIECES} files; send a single one")
    if not found:
        raise undecodable(data, f"it begins like {first.upper()}, but no sound follows")
    return found


def _pieces(container: str, data: bytes) -> tuple[list[Piece], int]:
    """Return the pieces of the recording at the start of the data, and its end."""
    if container in ("wav", "aiff", "caf"):
        return chunked(container, data)
    streams: dict[str, Callable[[bytes], tuple[list[Piece], int]]] = {
        "flac": flac, "ogg": ogg, "mp4": mp4, "matroska": matroska,
    }  # fmt: skip
    return streams[container](data) if container in streams else framed(container, data)


def _joined(data: bytes, found: list[tuple[str, Piece]], longest_s: float) -> Recording:
    if len(found) > _MOST_PIECES:
        raise InvalidAudio(f"audio is made of {len(found)} files; send a single one")
    parts: list[Recording] = []
    seconds = 0.0
    for container, one in found:
        # FLAC's frames have no lengths that could be added up without a parser.
        piece = replace(one, held=counted(container, one.data)) if container == "flac" else one
        decoded = _decoded(container, data, piece, longest_s)
        seconds += decoded.seconds
        _refuse_too_long(seconds, longest_s, is_exact=decoded.is_exact and one is found[-1][1])
        parts.append(_part(piece, decoded))
    if not sum(len(part.samples) for part in parts):
        raise undecodable(data, "it holds no sound")
    return _one(parts)


def _part(piece: Piece, decoded: Decoded) -> Recording:
    if not np.isfinite(decoded.frames).all():
        raise InvalidAudio("audio holds NaN or infinite samples; export it again as 16-bit WAV")
    one = mono(decoded.frames, decoded.rate, is_float=decoded.is_float)
    warnings = [*piece.warnings, *one.warnings]
    if decoded.tracks > 1:
        warnings.append({"code": "TRACKS", "message": f"the file has {decoded.tracks} audio tracks; the first is used"})
    if decoded.gap > _MISSING_S:
        whole, held = decoded.seconds + decoded.gap, decoded.seconds
        message = (
            f"by its time codes the recording lasts {whole:.2f} s, of which the file holds {held:.2f} s; they are used"
        )
        warnings.append({"code": "GAP", "message": message})
    if piece.announced and decoded.seconds - piece.announced > _MISSING_S + piece.slack:
        lengths = f"its header announces {piece.announced:.2f} s and the file holds {decoded.seconds:.2f} s"
        warnings.append({"code": "LENGTH", "message": f"{lengths}; all of it is used"})
    return Recording(one.samples, decoded.rate, tuple(warnings), one.clipped_share)


def _one(parts: list[Recording]) -> Recording:
    if len(parts) == 1:
        return parts[0]
    rate = parts[0].sample_rate
    whole = np.concatenate([_resampled(part, rate) for part in parts])
    message = f"the file is {len(parts)} recordings one after the other; all {len(whole) / rate:.2f} s of them are used"
    by_code = {one["code"]: one for part in parts for one in part.warnings}
    shares = [part.clipped_share for part in parts if part.clipped_share is not None]
    return Recording(
        whole, rate, ({"code": "PIECES", "message": message}, *by_code.values()), max(shares, default=None)
    )


def _resampled(recording: Recording, rate: int) -> Samples:
    import soxr

    if recording.sample_rate == rate:
        return recording.samples
    return np.asarray(soxr.resample(recording.samples, recording.sample_rate, rate), dtype=np.float32)


def _decoded(container: str, data: bytes, piece: Piece, longest_s: float) -> Decoded:
    """Decode a piece with the first decoder that gives all of it. Raises InvalidAudio, with both lengths if there are two."""
    best: Decoded | None = None
    for decode_one in decoders(container):
        found = decode_one(piece.data, longest_s)
        if found is not None and (best is None or found.seconds > best.seconds):
            best = found
        if best is not None and not _is_short(container, piece, best):
            break
    if best is None:
        raise undecodable(data, piece.cut or "it is damaged, has no sound, or has an unknown codec")
    if best.seconds <= longest_s:
        _refuse_part(container, piece, best)
    return best


def _is_short(container: str, piece: Piece, decoded: Decoded) -> bool:
    """Whether a decoder gave less than the file should hold; another may give more."""
    expected = max(piece.held or 0.0, piece.announced or 0.0 if decoded.is_alone else 0.0)
    return expected - decoded.seconds > _MISSING_S + _slack(container, piece, decoded.rate) or decoded.lost > _MISSING_S


def _slack(container: str, piece: Piece, rate: int) -> float:
    return piece.slack or _SLACK.get(container, 0) / rate


def _refuse_part(container: str, piece: Piece, decoded: Decoded) -> None:
    slack = _slack(container, piece, decoded.rate)
    # A Matroska header's duration is that of the longest track; an MP4's index is trusted if it covers the whole file.
    of_track = decoded.announced if container == "mp4" and not piece.is_open else None
    announced = piece.announced if piece.announced and (decoded.is_alone or piece.cut) else of_track
    _refuse_cut(piece.cut, announced, decoded.seconds, slack)
    expected = max(piece.held or 0.0, decoded.seconds + decoded.lost)
    if expected - decoded.seconds > _MISSING_S + slack or decoded.lost > _MISSING_S:
        raise InvalidAudio(
            f"audio is damaged: of {expected:.2f} s only {expected - max(decoded.lost, expected - decoded.seconds):.2f} s can be decoded; "
            "send it again, or export it as WAV", announced=round(expected, 3), arrived=round(decoded.seconds, 3),
        )  # fmt: skip


def _refuse_cut(cut: str | None, announced: float | None, arrived: float, slack: float) -> None:
    """Raise InvalidAudio if less arrived than was announced, or if the end is missing and its length is unknown."""
    if announced is not None and announced - arrived > _MISSING_S + slack:
        raise InvalidAudio(
            f"audio is cut: its header announces {announced:.2f} s and {arrived:.2f} s of them arrived; send the whole file",
            announced=round(announced, 3), arrived=round(arrived, 3),
        )  # fmt: skip
    if announced is None and cut:
        raise InvalidAudio(
            f"audio is cut: {cut}; {arrived:.2f} s arrived before; send the whole file", arrived=round(arrived, 3)
        )


def _refuse_too_long(seconds: float, longest_s: float, *, is_exact: bool = True) -> None:
    if seconds > longest_s:
        why = " (of a voice's recording 12 s are used)" if longest_s == LONGEST_S else ""
        raise InvalidAudio(
            f"the recording lasts {'' if is_exact else 'at least '}{seconds:.1f} s; send {SHORTEST_S:g} to {longest_s:g} s{why}",
            duration=round(seconds, 3), longest=longest_s,
        )  # fmt: skip
