"""WeSpeaker's model: its features, the files that may stand for it, the hub it comes from. The nets are small, with random weights."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper, numpy_helper

from cloning.errors import CheckpointUnusable, HubUnavailable, ServiceError
from cloning.ports import Samples
from engines.speaker_model import Resemblyzer
from engines.wespeaker import HUB_FILE, Wespeaker, excerpt, features
from tests.conftest import examples
from tests.fakes import ManualClock

RATE = 24_000
NAME = "hbredin/wespeaker-voxceleb-resnet34-LM"


def wespeaker(model: Path | str) -> Wespeaker:
    return Wespeaker(str(model), ManualClock())


def net(
    path: Path, takes: Sequence[int | str] = ("B", "T", 80), gives: int = 256, outputs: int = 1, of: str = "FLOAT"
) -> Path:
    """A net with random weights and names of its own: a convolution over time, mean over time, a projection."""
    draw, weights = np.random.default_rng(0), {"kernel": (32, int(takes[-1]), 5), "projection": (32, gives)}
    kind, voices = TensorProto.DataType.Value(of), [f"voice{number}" for number in range(outputs)]
    nodes = [
        helper.make_node("Cast", ["sound"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["turned", "kernel"], ["heard"]),
        helper.make_node("Relu", ["heard"], ["positive"]),
        helper.make_node("ReduceMean", ["positive"], ["pooled"], axes=[2], keepdims=0),
        *(helper.make_node("MatMul", ["pooled", "projection"], [voice]) for voice in voices),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("sound", kind, takes)],
        [helper.make_tensor_value_info(voice, TensorProto.FLOAT, ["B", gives]) for voice in voices],
        [numpy_helper.from_array(draw.normal(size=size).astype(np.float32), key) for key, size in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return net(tmp_path / "net.onnx")


@pytest.fixture(scope="module")
def voices() -> tuple[Samples, Samples]:
    """Two voices at 24 kHz, five seconds each."""
    basic = examples() / "basic"
    english, chinese = (soundfile.read(basic / f"basic_ref_{one}.wav", dtype="float32")[0] for one in ("en", "zh"))
    return english, chinese


def mel(hertz: Any) -> Any:
    return 1127 * np.log(1 + hertz / 700)


def one_frame(samples: Samples) -> Samples:
    """The 80 logarithms of one frame's filter banks, computed from Kaldi's definition in double precision."""
    frame = samples[:400].astype(np.float64) * 32768
    frame -= frame.mean()
    frame -= 0.97 * np.concatenate([frame[:1], frame[:-1]])
    power = np.abs(np.fft.rfft(frame * np.hamming(400), 512)) ** 2
    edges = np.linspace(mel(20.0), mel(8000.0), 82)
    bins = mel(np.arange(256) * 16_000 / 512)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    banks = np.maximum(0, np.minimum(rising, falling)) @ power[:256]
    return np.log(np.maximum(banks, np.finfo(np.float32).eps))  # type: ignore[no-any-return]


def test_the_features_are_kaldis(voices: tuple[Samples, Samples]) -> None:
    """Each frame of 25 ms has the logarithms of Kaldi's 80 mel banks, less their mean over the recording."""
    import soxr

    sound = soxr.resample(voices[0], RATE, 16_000)

    found = features(sound)

    frames = [one_frame(sound[start : start + 400]) for start in range(0, len(sound) - 399, 160)]
    wanted = np.array(frames) - np.mean(frames, axis=0)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found[100], wanted[100], atol=1e-3)
    np.testing.assert_allclose(found, wanted, atol=2e-2)


def test_a_recording_is_as_alike_to_itself_as_can_be(model: Path, voices: tuple[Samples, Samples]) -> None:
    """The same recording has the figure 1, at any level; two voices have the same lower one in either order."""
    one, other = voices
    speaker = wespeaker(model)

    assert speaker.similarity(one, one, RATE) == pytest.approx(1)
    assert speaker.similarity(one, one * 0.5, RATE) == pytest.approx(1, abs=1e-3)
    assert speaker.similarity(one, other, RATE) == pytest.approx(speaker.similarity(other, one, RATE))
    assert abs(speaker.similarity(one, other, RATE) or 1) < 0.999


def test_the_rate_of_a_recording_does_not_matter(model: Path, voices: tuple[Samples, Samples]) -> None:
    """Recordings are resampled to 16 kHz: one at 48 kHz has the figures of that at 24 kHz."""
    import soxr

    one, other = (soxr.resample(voice, RATE, 48_000) for voice in voices)
    speaker = wespeaker(model)

    assert speaker.similarity(one, other, 48_000) == pytest.approx(speaker.similarity(*voices, RATE), abs=1e-2)


@pytest.mark.parametrize(
    "speaker", [Wespeaker("there/is-none", ManualClock()), Resemblyzer()], ids=lambda one: one.name
)
@pytest.mark.parametrize(
    "nothing",
    [np.zeros(RATE), np.full(RATE, 1e-4), np.full(599, 0.5), np.zeros(0)],
    ids=["zeros", "hush", "short", "empty"],
)
def test_silence_and_less_than_a_frame_have_no_figure(
    speaker: Wespeaker | Resemblyzer, nothing: Samples, voices: tuple[Samples, Samples]
) -> None:
    """Nothing is said of silence and of less than 25 ms, on either side; the model isn't even loaded."""
    sound = nothing.astype(np.float32)

    figures = [speaker.similarity(sound, voices[0], RATE), speaker.similarity(voices[0], sound, RATE)]

    assert figures == [None, None]
    assert "_loaded" not in vars(speaker)


def test_25_ms_are_enough(model: Path) -> None:
    """One frame is enough, if the net takes it."""
    sound = np.random.default_rng(1).normal(0, 0.1, RATE // 10).astype(np.float32)

    assert features(np.zeros(400, np.float32)).shape == (1, 80)
    assert wespeaker(model).similarity(sound, sound, RATE) == pytest.approx(1)


def test_of_a_long_recording_a_minute_is_compared() -> None:
    """Of a long recording ten seconds of each sixth are compared, so that an hour costs no more than a minute; a minute is whole."""
    hour, minute = np.arange(3600 * 10, dtype=np.float32), np.zeros(60 * 10, np.float32)

    parts = excerpt(hour, 10).reshape(6, 100)

    assert [(part[0], part[-1]) for part in parts] == [(start, start + 99) for start in range(0, 36_000, 6000)]
    assert excerpt(minute, 10) is minute


def test_the_net_runs_in_one_thread_on_the_cpu(model: Path, voices: tuple[Samples, Samples]) -> None:
    """The session is made at the first use, once, for one thread of the CPU."""
    speaker = wespeaker(model)
    speaker.similarity(*voices, RATE)
    session, *names = speaker._loaded
    options = session.get_session_options()

    speaker.similarity(*voices, RATE)

    assert speaker._loaded[0] is session
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert (session.get_providers(), names) == (["CPUExecutionProvider"], ["sound", "voice0"])


@pytest.mark.parametrize(
    "shape",
    [
        {"takes": ("B", "T", 40)},
        {"takes": ("B", 200, 80)},
        {"takes": (4, "T", 80)},
        {"gives": 192},
        {"outputs": 2},
        {"of": "DOUBLE"},
    ],
    ids=str,
)
def test_a_net_of_another_shape_is_refused(
    tmp_path: Path, voices: tuple[Samples, Samples], shape: dict[str, Any]
) -> None:
    """A net that takes or gives anything else is refused, with what is needed and what it has."""
    speaker = wespeaker(net(tmp_path / "other.onnx", **shape))

    with pytest.raises(
        CheckpointUnusable, match=r"'other.onnx'.*\[1, frames, 80\].*\[1, 256\].*it has sound \[.*WESPEAKER_MODEL"
    ):
        speaker.similarity(*voices, RATE)


def test_a_file_that_is_missing_or_no_net_is_named(tmp_path: Path, voices: tuple[Samples, Samples]) -> None:
    """The failure names the file without this machine's path, and what to set."""
    (tmp_path / "text.onnx").write_text("version https://git-lfs.github.com/spec/v1")
    said = {"text.onnx": "does not load as ONNX", "none.onnx": "there is no such file"}

    for name, why in said.items():
        with pytest.raises(CheckpointUnusable, match=f"'{name}' can't be used: .*{why}.*WESPEAKER_MODEL") as caught:
            wespeaker(tmp_path / name).similarity(*voices, RATE)
        assert str(tmp_path) not in caught.value.message


def test_without_onnxruntime_it_is_said_what_to_install(
    model: Path, voices: tuple[Samples, Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing onnxruntime is named, with the ways to get it."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    with pytest.raises(
        CheckpointUnusable, match=r"onnxruntime is not installed.*SIMILARITY=1.*requirements-similarity\.txt"
    ):
        wespeaker(model).similarity(*voices, RATE)


@contextmanager
def hub(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """A hub on the loopback that answers everything alike; yields its address, and the paths that it is asked for."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"abc"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Write nothing to stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def hub_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Point the hub's client, which read HF_ENDPOINT and HF_HOME when it was imported, at an address and an empty cache."""
    import huggingface_hub
    from huggingface_hub.utils import _http

    def point(address: str) -> None:
        constants, template = huggingface_hub.constants, "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=lambda _: None))  # retries at once

    return point


def test_the_model_comes_from_the_hub_once(
    model: Path, voices: tuple[Samples, Samples], hub_at: Callable[[str], None]
) -> None:
    """A name is fetched from the hub at the first use, and never asked for again."""
    speaker = wespeaker(NAME)

    with hub(200, model.read_bytes()) as (address, asked):
        hub_at(address)
        figure = speaker.similarity(*voices, RATE)
    again = speaker.similarity(*voices, RATE)

    assert figure == again == wespeaker(model).similarity(*voices, RATE)
    assert [one for one in asked if NAME in one] == [
        f"{how} /{NAME}/resolve/main/{HUB_FILE}" for how in ("HEAD", "GET")
    ]


@pytest.mark.parametrize(
    ("status", "kind", "says"), [(404, CheckpointUnusable, "spelling"), (503, HubUnavailable, "could not be reached")]
)
def test_the_hubs_failures_are_told_apart(
    status: int,
    kind: type[ServiceError],
    says: str,
    voices: tuple[Samples, Samples],
    hub_at: Callable[[str], None],
) -> None:
    """A name that the hub doesn't have must be corrected; a hub that is down may work later. Both name the setting."""
    with hub(status, b"no") as (address, _):
        hub_at(address)
        with pytest.raises(kind, match=f"{NAME}.*WESPEAKER_MODEL.*{says}"):
            wespeaker(NAME).similarity(*voices, RATE)


def test_a_hub_that_failed_is_left_alone_for_ten_minutes(
    model: Path, voices: tuple[Samples, Samples], hub_at: Callable[[str], None]
) -> None:
    """The GPU waits while the hub is asked, so that a failure is raised again for ten minutes; then the hub is tried again."""
    clock = ManualClock()
    speaker = Wespeaker(NAME, clock)
    with hub(503, b"no") as (address, asked):
        hub_at(address)
        with pytest.raises(HubUnavailable):
            speaker.similarity(*voices, RATE)
        before = len(asked)

        with pytest.raises(HubUnavailable):
            speaker.similarity(*voices, RATE)

        assert len(asked) == before
    clock.advance(600)
    with hub(200, model.read_bytes()) as (address, _):
        hub_at(address)
        assert speaker.similarity(*voices, RATE) == wespeaker(model).similarity(*voices, RATE)
