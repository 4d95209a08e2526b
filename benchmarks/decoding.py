"""
What it costs to decode an upload in a process of its own: `python -m benchmarks.decoding`.

Milliseconds of a warm upload of the same recording, decoded in this process and in the child, interleaved in one run; medians. The
start of the child, which the first upload of a worker pays once, stands beside them.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import RESULTS, about, save
from benchmarks.worker import recording
from cloning.audio.canonical import check_and_make_canonical
from cloning.clock import SystemClock
from worker.audio_decoder import ChildDecoder

MOST_MS = 30
USUAL, LONGEST = "5.3 s, 24 kHz mono", "59 s, 48 kHz stereo"
IN_PROCESS, IN_CHILD, EXTRA = "in this process", "in the child", "the child's extra"


def minute() -> bytes:
    """The recording of 5.3 s again and again, up to a minute of 48 kHz stereo: about as much as anybody uploads."""
    import numpy as np
    import soundfile
    import soxr

    samples, rate = soundfile.read(recording(), dtype="float32")
    whole = np.tile(soxr.resample(samples, rate, 48_000), 12)[: 59 * 48_000]
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack([whole, whole], axis=1), 48_000, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def timed(work: Callable[[bytes], object], data: bytes) -> float:
    """Milliseconds."""
    begun = time.monotonic()
    work(data)
    return (time.monotonic() - begun) * 1000


def measured(decoder: ChildDecoder, data: bytes, rounds: int) -> dict[str, float]:
    """Medians of both ways, one after the other in each round, after one of each that doesn't count."""
    ways: dict[str, Callable[[bytes], object]] = {IN_PROCESS: check_and_make_canonical, IN_CHILD: decoder.canonical}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, work in ways.items():
            spent[name].append(timed(work, data))
    found = {name: round(statistics.median(values[1:]), 2) for name, values in spent.items()}
    return {**found, EXTRA: round(found[IN_CHILD] - found[IN_PROCESS], 2)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoding", description="Uploads, decoded in a child.")
    parser.add_argument("--rounds", type=int, default=20, help="uploads of each kind (default 20)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report")
    options = parser.parse_args()
    decoder = ChildDecoder(SystemClock())
    files = {USUAL: recording().read_bytes(), LONGEST: minute()}
    first_ms = round(timed(decoder.canonical, files[USUAL]), 1)
    found = {name: measured(decoder, data, options.rounds) for name, data in files.items()}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        report = {
            "what": "milliseconds to check an upload and make it canonical, in this process and in the child; medians",
            **about(Path(folder)),
            "rounds": options.rounds,
            "first_in_child_ms": first_ms,
            "upload_ms": found,
            "holds": {f"{USUAL}: extra <= {MOST_MS} ms": found[USUAL][EXTRA] <= MOST_MS},
        }
    rows = [{"upload": name, **{f"{way}, ms": value for way, value in one.items()}} for name, one in found.items()]
    save(report, options.results, "decoding", rows)


if __name__ == "__main__":
    main()
