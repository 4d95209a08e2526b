"""Every hostile file costs its own upload and nobody else's: it is decoded or refused within the limits, and the next file is decoded."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from cloning.clock import SystemClock
from cloning.errors import InvalidAudio
from tests.bombs import BOMBS
from tests.conftest import ROOT
from tests.unit.cloning.audio.test_canonical import tone, wav
from worker.audio_decoder import ChildDecoder, DecodingLimits

GOOD = wav(tone(2.0))


@pytest.fixture(scope="module")
def decoder() -> ChildDecoder:
    return ChildDecoder(SystemClock(), DecodingLimits(cpu_s=2))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_decoded_or_refused(decoder: ChildDecoder, name: str) -> None:
    """A bomb ends as InvalidAudio or as a voice of at most 12 s; the process stays the same and doesn't grow."""
    decoder.canonical(GOOD)
    before = decoder._idle[-1].pid
    data = BOMBS[name]()

    with suppress(InvalidAudio):
        assert decoder.canonical(data)[0].duration <= 12.1

    assert decoder.canonical(GOOD)
    assert decoder._idle[-1].pid == before
    assert resident_mb(before) < 200


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


NOISY = """
import sys
sys.path.insert(0, {root!r})
from worker.audio_decoder import ChildDecoder, DecodingLimits
from cloning.clock import SystemClock
from cloning.errors import InvalidAudio
from tests.bombs import BOMBS
decoder = ChildDecoder(SystemClock(), DecodingLimits(cpu_s=1))
for name in sorted(BOMBS):
    if not name.startswith("mkv one-sample"):
        try:
            decoder.canonical(BOMBS[name]())
        except InvalidAudio:
            pass
"""


def test_no_decoder_writes_to_the_workers_outputs() -> None:
    """No decoder library writes to stdout, which belongs to the SDK, or to stderr, which belongs to the log."""
    done = subprocess.run(
        [sys.executable, "-c", NOISY.format(root=str(ROOT))], cwd=ROOT, capture_output=True, timeout=300, check=True
    )

    assert (done.stdout, done.stderr) == (b"", b"")
