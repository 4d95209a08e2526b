"""The HTTP servers of the real processes, and the real `openai` package as their client."""

import base64
import io
import json
import os
import select
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import numpy as np
import openai
from numpy.typing import NDArray

from tests.conftest import ROOT

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
RATE = 24_000


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def started(
    *arguments: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """Run one of our Python programs in its own process until the block ends."""
    surroundings = {**os.environ, "PYTHONPATH": f"{ROOT / 'client'}:{ROOT}", **(environment or {})}
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: "subprocess.Popen[str]", seconds: float = 120.0) -> str:
    """Read the first line that a process writes to stdout."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    assert ready, "nothing came"
    return process.stdout.readline()


def ping(url: str) -> int:
    """The status of /ping; 0 if nothing answers."""
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=30) as response:  # noqa: S310 - the loopback
            return int(response.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code
    except OSError:
        return 0


def wait_for_ping(url: str, status: int = 200, seconds: float = 120.0) -> list[int]:
    """Ask /ping until it gives that answer; return all its answers, each once."""
    seen, end = list[int](), time.monotonic() + seconds
    while not seen or seen[-1] != status:
        assert time.monotonic() < end, seen
        seen += [one for one in [ping(url)] if seen[-1:] != [one]]
        time.sleep(0.05)
    return seen


@contextmanager
def openai_client(url: str, key: str = "none") -> Iterator[openai.OpenAI]:
    """The real client, without retries."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=300) as client:
        yield client


def samples_of(data: bytes, form: str) -> NDArray[np.int16]:
    """Decode a whole file to samples."""
    if form == "pcm":
        return np.frombuffer(data, np.int16)
    with av.open(io.BytesIO(data), "r") as sound:
        resampler = av.AudioResampler("s16", "mono", RATE)
        frames = [one for frame in sound.decode(audio=0) for one in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in [*frames, *resampler.resample(None)]])


def speech(client: openai.OpenAI, text: str, voice: str, form: str = "mp3", **more: Any) -> bytes:
    """Ask for one speech by `audio.speech.create`; `more` are fields of ours."""
    kind: Any = form
    return client.audio.speech.create(
        model="tts-1", voice=voice, input=text, response_format=kind, extra_body=more
    ).content


def events(client: openai.OpenAI, voice: str, text: str, job_id: str, **own: Any) -> tuple[list[str], bytes]:
    """Ask with `stream_format: sse`; return the types of the events, repeated ones once, and their sound."""
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice=voice, input=text, response_format="pcm", stream_format="sse",
        extra_body={"job_id": job_id, **own},
    ) as response:  # fmt: skip
        told = [json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: {")]
    deltas = [base64.b64decode(one["audio"]) for one in told if one["type"] == "speech.audio.delta"]
    return [kind for kind, _ in groupby(one["type"] for one in told)], b"".join(deltas)
