"""
Recordings of people that packages ship, as clips: what each says, and when.

`speech.json` has them: the package, the file and its sha256, the part, the text (heard by Whisper, corrected by hand) and its words' times
(pocketsphinx's alignment). f5-tts is installed; the others are fetched and unpacked by whoever measures (benchmarks/README.md).
"""

import hashlib
import io
import json
import sysconfig
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import soxr

from benchmarks.faults import RATE, Case, Clip, joined, levelled
from cloning.ports import Samples

TABLE = Path(__file__).parent / "speech.json"
_HISS = 1e-4
_SOFT = 80  # samples
_QUIET = np.float32(0.1)  # 20 dB less
_SPEEDS = (0.9, 0.95, 1.05, 1.1)
_PAUSE_S, _LEAST_WORDS = 0.15, 2


def clips_in(folders: Sequence[Path]) -> list[Clip]:
    """The table's clips. Raises ValueError if one is missing, or its file is another than the table's."""
    places = [*folders, Path(sysconfig.get_path("purelib"))]
    rows = json.loads(TABLE.read_text("utf-8"))
    found = [
        (row, next((place / row["path"] for place in places if (place / row["path"]).is_file()), None)) for row in rows
    ]
    clips = [_clip(row, path) for row, path in found if path]
    missing = sorted({row["package"] for row, path in found if path is None})
    if missing:
        raise ValueError(
            f"no recordings of {', '.join(missing)}: fetch them (benchmarks/README.md), and name their folder (--speech, or SPEECH= of make)"
        )
    return clips


def _clip(row: dict[str, Any], path: Path) -> Clip:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != row["sha256"]:
        raise ValueError(f"{path} is not the file of {row['package']}: fetch that version")
    samples = _decoded(data, raw=path.suffix == ".raw")[int(row["start"] * RATE) : int(row["end"] * RATE)]
    spans = tuple((int(start * RATE), int(end * RATE)) for start, end in row["words"])
    return Clip(row["clip"], row["path"].split("_0")[0], samples, row["text"], spans, row.get("parts_only", False))


def _decoded(data: bytes, *, raw: bool) -> Samples:
    if raw:
        return np.frombuffer(data, np.int16).astype(np.float32) / np.float32(32768)
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    made: Samples = soxr.resample(samples.mean(1), rate, RATE)
    return made


def right_cases(clip: Clip) -> Iterator[Case]:
    """Nothing is wrong with these: as recorded, at other paces, 20 dB quieter, through MP3, and in parts."""
    yield Case("right", clip.name, clip.samples, clip.text)
    for speed in _SPEEDS:
        yield Case("right: at another pace", clip.name, _at_speed(clip.samples, speed), clip.text)
    yield Case("right: quiet", clip.name, clip.samples * _QUIET, clip.text)
    yield Case("right: mp3", clip.name, _through_mp3(clip.samples), clip.text)
    yield from _parts(clip)


def _parts(clip: Clip) -> Iterator[Case]:
    """What stands before and behind each pause, if it is two words at least."""
    for place, ((_, end), (start, _)) in enumerate(pairwise(clip.spans), start=1):
        if start - end >= _PAUSE_S * RATE:
            cut = (start + end) // 2
            if place >= _LEAST_WORDS:
                yield Case("right: part", clip.name, clip.samples[:cut], _ended(" ".join(clip.words[:place])))
            if len(clip.words) - place >= _LEAST_WORDS:
                yield Case("right: part", clip.name, clip.samples[cut:], " ".join(clip.words[place:]))


def _ended(text: str) -> str:
    return text.rstrip(".,") + "."


def right_pairs(clips: Sequence[Clip]) -> Iterator[Case]:
    """Two clips of the same recording and the same half, one after the other: longer speech."""
    for one, other in zip(clips, clips[2:], strict=False):
        if one.speaker == other.speaker and not (one.parts_only or other.parts_only):
            sound = joined(one.samples, levelled(other.samples, one.samples))
            yield Case("right: longer", one.name, sound, f"{one.text} {other.text}")


def spaced(clip: Clip, chance: np.random.Generator) -> tuple[Samples, list[tuple[int, float, bool]]]:
    """
    The clip's words in groups of one to three with silences of 0.15 to 0.5 s between them.

    Returns the sound and the edges that are known by it: a word's place, its time in seconds, and whether it begins there (else ends).
    """
    parts: list[Samples] = []
    edges: list[tuple[int, float, bool]] = []
    first = length = 0
    while first < len(clip.spans):
        last = min(first + int(chance.integers(1, 4)), len(clip.spans)) - 1
        piece = clip.samples[clip.spans[first][0] : clip.spans[last][1]]
        gap = np.zeros(int(chance.uniform(0.15, 0.5) * RATE), np.float32)
        begin = length + len(gap)
        length = begin + len(piece)
        edges += [(first, begin / RATE, True), (last, length / RATE, False)]
        parts += [gap, _with_soft_edges(piece)]
        first = last + 1
    sound = np.concatenate([*parts, np.zeros(RATE // 5, np.float32)])
    hiss = (np.random.default_rng(0).standard_normal(len(sound)) * _HISS).astype(np.float32)
    return sound + hiss, edges


def _with_soft_edges(piece: Samples) -> Samples:
    ramp = np.minimum(1, np.arange(len(piece), dtype=np.float32) / _SOFT)
    return piece * ramp * ramp[::-1]


def _at_speed(samples: Samples, speed: float) -> Samples:
    """The same voice, faster or slower."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=RATE, format="flt", layout="mono", time_base=Fraction(1, RATE))
    tempo, sink = graph.add("atempo", str(speed)), graph.add("abuffersink")
    source.link_to(tempo)
    tempo.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts = RATE, 0
    graph.push(frame)
    graph.push(None)
    return np.concatenate(list(_pulled(graph)))


def _pulled(graph: av.filter.Graph) -> Iterator[Samples]:
    while True:
        try:
            yield graph.pull().to_ndarray()[0]
        except (av.error.EOFError, av.error.BlockingIOError):
            return


def _through_mp3(samples: Samples) -> Samples:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="MP3", subtype="MPEG_LAYER_III")
    file.seek(0)
    back: Samples = soundfile.read(file, dtype="float32")[0]
    return back
