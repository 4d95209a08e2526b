"""The requests to the workers, and the results of an undisturbed run."""

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from cloning.clock import SystemClock
from cloning.planning.f5 import plan_speech
from cloning.ports import F5Parameters
from cloning.service import Call, Service
from cloning.settings import Settings
from handler import answer
from tests.chaos.light import LightEngine
from tests.conftest import SPOKEN, examples
from tests.standins.fakes import Always
from worker.assembly import build
from worker.logs import configure

VOICE = "nature"
VOICE_S = 4.963  # what is left of the recording once its silent ends are clipped
MOST_CHUNKS = 6
WORDS = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "and",
    "sleeps",
    "until",
    "evening",
    "comes",
)

Request = dict[str, Any]


def requests_of(count: int, *, seed: int, nfe_step: int) -> list[Request]:
    """Jobs of 1 to 6 chunks, as many of each, in an order and with words that the seed decides."""
    chance = np.random.default_rng(seed)
    sizes = chance.permutation([1 + n % MOST_CHUNKS for n in range(count)])
    return [
        {
            "action": "generate",
            "text": _text(int(size), chance),
            "voice": VOICE,
            "seed": int(chance.integers(2**32)),
            "nfe_step": nfe_step,
            "job_id": f"job-{number:03d}",
        }
        for number, size in enumerate(sizes)
    ]


def chunks_of(request: Request) -> int:
    """The number of chunks of the request's text."""
    return _chunks(request["text"])


def _text(chunks: int, chance: np.random.Generator) -> str:
    text = ""
    while _chunks(longer := f"{text} {_sentence(chance)}".strip()) <= chunks:
        text = longer
    return text


def _sentence(chance: np.random.Generator) -> str:
    return " ".join(str(word) for word in chance.choice(WORDS, 8)).capitalize() + "."


def _chunks(text: str) -> int:
    plan = plan_speech(text, reference_text=SPOKEN, reference_s=VOICE_S, seed=0, parameters=F5Parameters())
    return len(plan.chunks)


def upload_voice(service: Service) -> None:
    """Upload the voice of all jobs, with its transcript."""
    recording = (examples() / "basic" / "basic_ref_en.wav").read_bytes()
    upload = {"action": "upload", "voice": VOICE, "audio": b64encode(recording).decode(), "consent": True}
    reply = answer(service, {**upload, "transcript": SPOKEN}, Call("upload"))
    if reply.get("status") != "STORED" or abs(reply["duration"] - VOICE_S) > 0.01:
        raise AssertionError(f"the voice was not stored as expected: {reply}")


def calm_digests(requests: Sequence[Request], folder: Path, checkpoint: Path | None, processes: int) -> dict[str, str]:
    """
    The sha256 of each job's audio, made on a folder, without a queue and without faults.

    Without a checkpoint the light engine speaks.
    """
    if checkpoint is None:
        return _calm(requests, folder / "calm", None)
    shares = [requests[start::processes] for start in range(processes)]
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_prepare) as pool:
        answers = [
            pool.submit(_calm, share, folder / f"calm-{number}", checkpoint) for number, share in enumerate(shares)
        ]
        return {job: digest for one in answers for job, digest in one.result().items()}


def _prepare() -> None:
    """Set as many threads as the workers have, before torch is imported, and silence the log."""
    os.environ |= ONE_THREAD
    configure("WARNING")


ONE_THREAD: Mapping[str, str] = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def _calm(requests: Sequence[Request], folder: Path, checkpoint: Path | None) -> dict[str, str]:
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    settings = Settings(
        s3_bucket=None, data_dir=folder / "bucket", model_cache_dir=folder / "models", checkpoint=str(checkpoint)
    )
    service = build(settings, SystemClock(), scratch)
    if checkpoint is None:
        service = replace(service, engines=Always(LightEngine(chunk_s=0.0)))
    upload_voice(service)
    replies = {request["job_id"]: answer(service, request, Call(request["job_id"])) for request in requests}
    return {job: str(reply["audio"]["sha256"]) for job, reply in replies.items()}
