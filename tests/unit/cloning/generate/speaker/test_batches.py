"""Chunks that are made together: how many, of which checkpoint, and what a failure of all of them means."""

import gc
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cloning.errors import Interrupted
from cloning.generate.speaker import Speaker
from cloning.planning.f5 import Chunk
from cloning.ports import F5Parameters, Reference, Samples, Utterance
from engines.device.errors import translated
from engines.device.gpu_thread import GpuThread
from engines.device.scheduler import Bounds
from tests.conftest import with_settings
from tests.standins.fakes import ToneEngine
from tests.unit.cloning.generate.speaker.world import FailingEngine, World, astray, fatal, oom

REFERENCE = Reference(Path("nowhere.wav"), "words", "0" * 64, 5.0)
CHUNK = Chunk(0, "Hello there.", 1, 1.0, None, 2.0)


class Gathering(FailingEngine):
    """Solves several at once, as the fast path does; `failures` meet calls for one and for several."""

    def __init__(self, failures: list[Exception | None], device: str) -> None:
        super().__init__(failures, device)
        self.facts = replace(self.facts, sampler="fast")
        self.batches: list[int] = []

    def speak_many(self, utterances: Sequence[Utterance]) -> list[Samples | Exception]:
        self.batches.append(len(utterances))
        with translated(self.facts.device):
            if self.failures and (failure := self.failures.pop(0)) is not None:
                raise failure
        return [
            ToneEngine.speak(self, one.reference, one.text, seed=one.seed, parameters=one.parameters)
            for one in utterances
        ]


@pytest.mark.parametrize("failure", [oom, astray])
def test_what_fails_together_is_made_one_by_one(world: World, failure: Callable[[], Exception]) -> None:
    """If a batch fails for memory or a misplaced model, its chunks are made one by one, with the same samples."""
    plain = world.generate("plain")
    world.kind = Gathering
    world.service.engines.unload(forget=True)
    world.service = replace(
        with_settings(world.service, batch_chunks=3),
        gpu=GpuThread(world.service.clock, Bounds(chunks=3, seconds=66.0), breaker=world.service.breaker),
    )
    world.failures += [failure(), failure()]

    helped = world.generate("helped")

    engine = world.engines[1]
    assert isinstance(engine, Gathering)
    assert engine.batches[0] > 1
    assert helped["audio"]["sha256"] == plain["audio"]["sha256"]
    assert (len(engine.calls) >= engine.batches[0], helped["manifest"]["chunks_frugal"]) == (failure is oom, 0)


@pytest.mark.parametrize(("setting", "expected"), [(None, 1), (4, 4), (1, 1)], ids=str)
def test_the_setting_says_how_many_go_together(world: World, setting: int | None, expected: int) -> None:
    """The setting decides how many chunks go together; unset, each goes alone."""
    world.kind = Gathering
    service = with_settings(world.service, batch_chunks=setting)

    task = Speaker(service, service.settings.checkpoint, None).task(REFERENCE, CHUNK, F5Parameters())

    assert (task.batch_size, task.utterance is None) == (expected, expected == 1)


def test_a_chunk_in_a_batch_has_its_own_values(world: World) -> None:
    """A draw's own speed, and its share of a fixed duration, as alone; the job's other values stay."""
    world.kind = Gathering
    service = with_settings(world.service, batch_chunks=4)
    slower = replace(CHUNK, speed=0.9, fix_duration=7.0)

    task = Speaker(service, service.settings.checkpoint, None).task(REFERENCE, slower, F5Parameters(nfe_step=8))

    assert task.utterance is not None
    assert task.utterance.parameters == F5Parameters(nfe_step=8, speed=0.9, fix_duration=7.0)


def test_a_speaker_holds_no_model(world: World) -> None:
    """Nothing of a job keeps the weights between two chunks, since they may be unloaded for another job or loaded again."""
    speaker = Speaker(world.service, "one", None, language="en")
    engine = weakref.ref(world.engines.pop())

    world.service.engines.unload(forget=True)
    gc.collect()

    assert engine() is None
    assert speaker.alphabet.knows("a")


def test_a_batch_is_of_one_checkpoints_files(world: World) -> None:
    """A batch uses one version of a checkpoint: if its files were replaced, the newer engine doesn't speak for the older speaker."""
    world.kind = Gathering
    older = Speaker(world.service, "one", None)
    world.service.engines.unload(forget=True)
    newer = Speaker(world.service, "one", None)
    world.engines[1].facts = newer.facts = replace(newer.facts, checkpoint_sha256="1" * 64)
    tasks = [one.task(REFERENCE, CHUNK, F5Parameters()) for one in (newer, older)]

    with pytest.raises(Interrupted, match="replaced"):
        GpuThread(world.service.clock, Bounds(chunks=2, seconds=44.0)).run_tasks(tasks)

    assert len(world.engines[1].history) == 1


def test_a_fatal_failure_of_a_batch_makes_the_worker_unfit(world: World) -> None:
    """A fatal failure in a batch opens the breaker, whoever's turn it was, and nothing is tried again."""
    world.kind = Gathering
    world.service = replace(
        with_settings(world.service, batch_chunks=3),
        gpu=GpuThread(world.service.clock, Bounds(chunks=3, seconds=66.0), breaker=world.service.breaker),
    )
    world.failures += [fatal()]

    first, second = world.generate("first"), world.generate("second")

    assert [reply["code"] for reply in (first, second)] == ["WORKER_UNFIT"] * 2
    assert world.engines[0].calls == []
    assert world.service.breaker.failure is not None
