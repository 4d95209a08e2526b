"""
Worker processes around an engine without torch.

Their imports would take longer than the second between two strikes, so they are forked from a process that has imported everything
once; only the SDK's own modules are imported again in each, since they read their environment on import. The loop, the handler and
`handler.main` are the real ones; only the engine is another.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import boto3  # noqa: F401 - imported once, for all
import numpy as np
import runpod  # noqa: F401 - imported once, for all
import soundfile  # noqa: F401 - imported once, for all

import handler
from cloning.clock import SystemClock
from cloning.ports import Alphabet, EngineFacts, ObjectStore, Parameters, Reference, Samples, keep_going
from cloning.settings import Settings
from tests.standins.fakes import Always
from worker import assembly

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

_NURSERY = ["tests.chaos.light", "tests.chaos.run", "pytest"]
# Measures the processor for a second when it is imported, and reads nothing of the environment.
_KEPT = "runpod.serverless.utils.rp_debugger"
_STEPS = 8


class LightEngine:
    """A moment of noise for each chunk: a function of the arguments alone. `chunk_s` is the time that it takes, in seconds."""

    sample_rate = 24_000
    can_be_frugal = False
    facts = EngineFacts(
        engine="light", device="cpu", dtype="float32", sampler="none", checkpoint="light", checkpoint_sha256="0" * 64,
        checkpoint_license="none", checkpoint_note="a stand-in of the chaos runs", license_notice="none", vocoder="none",
    )  # fmt: skip

    def __init__(self, chunk_s: float) -> None:
        self._chunk_s = chunk_s

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,
    ) -> Samples:
        for _ in range(_STEPS):
            before_step()
            time.sleep(self._chunk_s / _STEPS)
        chance = np.random.default_rng(
            [seed, len(text), int(reference.sha256[:8], 16), getattr(parameters, "nfe_step", 0)]
        )
        return (chance.standard_normal(40 * len(text)) * 0.05).astype(np.float32)

    def alphabet(self, language: str | None) -> Alphabet:
        return Alphabet("light", (), lambda _: True)

    def memory(self) -> dict[str, object]:
        return {}


class LightWorker:
    """
    A worker process, used like `local.worker.WorkerProcess`. Its output is appended to the file `log`.

    Its clock is wrong by `skew_s` seconds.
    """

    def __init__(self, environment: Mapping[str, str], *, log: Path, cwd: Path, chunk_s: float, skew_s: float) -> None:
        context: ForkServerContext = get_context("forkserver")
        context.set_forkserver_preload(_NURSERY)
        # Not a daemon: the SDK starts a process of its own.
        self._process = context.Process(target=_work, args=(dict(environment), log, cwd, chunk_s, skew_s), daemon=False)
        self._process.start()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def pause(self) -> None:
        self._signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_group(signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL to the worker and its ping process."""
        self._signal_group(signal.SIGKILL)
        self._process.kill()
        self._process.join()

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError):  # not yet of a group of its own, or gone
            os.killpg(self._process.pid or 0, number)


class _WrongClock(SystemClock):
    def __init__(self, skew_s: float) -> None:
        self._skew = timedelta(seconds=skew_s)

    def now(self) -> datetime:
        return super().now() + self._skew


def _work(environment: dict[str, str], log: Path, cwd: Path, chunk_s: float, skew_s: float) -> None:
    """Run what `python handler.py` would, in the child."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as handler.main does, which is some lines away
    os.setsid()
    os.chdir(cwd)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["handler.py"]
    multiprocessing.set_start_method("fork", force=True)  # Linux's own, which the SDK would meet in `python handler.py`
    for name in [name for name in sys.modules if name.split(".")[0] == "runpod" and name != _KEPT]:
        del sys.modules[name]

    def make_engines(_: Settings, __: ObjectStore, ___: Callable[[], None]) -> Always[LightEngine]:
        return Always(LightEngine(chunk_s))

    vars(assembly).update(make_engines=make_engines)
    vars(handler).update(SystemClock=partial(_WrongClock, skew_s))
    handler.main()
