"""What the tests of WeSpeaker's model share: a net and two recordings."""

from pathlib import Path

import pytest
import soundfile

from cloning.ports import Samples
from tests.conftest import examples
from tests.unit.engines.speakers.wespeaker_net import net


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return net(tmp_path / "net.onnx")


@pytest.fixture(scope="module")
def voices() -> tuple[Samples, Samples]:
    """Two voices at 24 kHz, five seconds each."""
    basic = examples() / "basic"
    english, chinese = (soundfile.read(basic / f"basic_ref_{one}.wav", dtype="float32")[0] for one in ("en", "zh"))
    return english, chinese
