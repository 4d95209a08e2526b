"""Where WeSpeaker's net comes from: files that may stand for it, the hub, and what is said if it can't be used."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from cloning.errors import CheckpointUnusable, HubUnavailable, ServiceError
from cloning.ports import Samples
from engines.speakers.wespeaker import HUB_FILE, Wespeaker
from tests.standins.fakes import ManualClock
from tests.unit.engines.speakers.wespeaker_net import RATE, net, wespeaker

NAME = "hbredin/wespeaker-voxceleb-resnet34-LM"


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
