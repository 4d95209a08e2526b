"""The CPU speaks or hears for a GPU that can't, if the caller allows it, and everybody is told."""

import logging
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace

import pytest

from cloning.errors import DeviceUnavailable
from cloning.ports import Transcriber
from cloning.service import Call
from handler import answer
from tests.standins.fakes import EchoTranscriber, OnDemand
from tests.unit.cloning.generate.speaker.world import World, astray, oom


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([oom, oom, oom], "GPU_OUT_OF_MEMORY"),
        ([astray, astray], "DEVICE_MISMATCH"),
    ],
)
def test_the_cpu_speaks_only_where_the_caller_allows_it(
    world: World, failures: list[Callable[[], Exception]], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The CPU speaks only if the caller allows it; then all chunks are its own, and reply, record, manifest and log say so and why."""
    world.failures += [make() for make in failures]

    with caplog.at_level(logging.INFO):
        reply = world.generate(device_fallback=True)

    manifest = reply["manifest"]
    record = world.service.jobs.get("j").result
    assert record is not None
    (spoken,) = [vars(entry) for entry in caplog.records if entry.message == "job.spoken"]
    told = {name: value for name, value in manifest.items() if name.startswith("device_")}
    for place in (reply, record, spoken):
        assert {name: place.get(name) for name in told} == told
    assert {entry.__dict__["job"] for entry in caplog.records if entry.message == "device.failed"} == {"j"}
    assert (manifest["device_requested"], manifest["device_used"], manifest["device"]) == ("cuda", "cpu", "cpu")
    assert manifest["device_fallback"] is True
    assert manifest["device_fallback_reason"].startswith(f"{code}: ")
    assert world.loads[-1] == "cpu"
    assert len(world.engines[-1].history) == len(manifest["chunks"])


def test_a_missing_gpu_falls_back_only_where_the_caller_allows_it(world: World) -> None:
    """If DEVICE names a GPU that isn't there, the CPU speaks only if the caller allows it."""
    world.load_failures += [DeviceUnavailable("DEVICE is 'cuda' and this worker has no usable GPU") for _ in range(2)]

    refused = world.generate("refused")
    allowed = world.generate("allowed", device_fallback=True)

    assert (refused["code"], refused["retryable"]) == ("DEVICE_UNAVAILABLE", True)
    assert allowed["manifest"]["device_fallback_reason"].startswith("DEVICE_UNAVAILABLE: ")


def test_after_a_fallback_the_next_job_is_the_gpus_again(world: World) -> None:
    """After a fallback to the CPU the next job uses the GPU again."""
    world.failures += [astray(), astray()]
    world.generate("first", device_fallback=True)

    manifest = world.generate("second", device_fallback=True)["manifest"]

    assert (manifest["device_used"], manifest["device_fallback"], manifest["device_fallback_reason"]) == (
        "cuda",
        False,
        None,
    )


@pytest.mark.parametrize("allowed", [True, False])
def test_the_cpu_hears_too_only_where_the_caller_allows_it(world: World, human_wav: bytes, *, allowed: bool) -> None:
    """A voice without words is heard on the CPU only if the caller allows it; the manifest says so and why."""
    devices: list[str | None] = []

    def load(_: str, device: str | None) -> Transcriber:
        devices.append(device)
        if device != "cpu":
            raise DeviceUnavailable("DEVICE is 'cuda' and this worker has no usable GPU")
        return EchoTranscriber()

    deaf = OnDemand(load)
    world.service = replace(world.service, transcribers=deaf)
    upload = {"action": "upload", "voice": "bert", "audio": b64encode(human_wav).decode(), "consent": True}
    assert answer(world.service, upload, Call("u2"))["status"] == "STORED"

    reply = world.generate(voice="bert", device_fallback=allowed)

    if allowed:
        assert devices == [None, "cpu"]
        assert reply["manifest"]["transcript_device_fallback_reason"].startswith("DEVICE_UNAVAILABLE: ")
        assert (reply["device_used"], reply["device_fallback"]) == ("cuda", False)
    else:
        assert (reply["code"], devices) == ("DEVICE_UNAVAILABLE", [None])


def test_words_that_the_gpu_heard_are_told_of_as_ever(world: World) -> None:
    """If the GPU heard the words, no fallback is reported."""
    assert world.generate(device_fallback=True)["manifest"]["transcript_device_fallback_reason"] is None
