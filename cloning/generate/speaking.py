"""A job's pieces of work in turns with other jobs' pieces; and its plan, chunk by chunk, as one waveform."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cloning.clock import Stopwatch
from cloning.generate.chunk_store import ChunkStore, inputs_of
from cloning.generate.speaker import Speaker
from cloning.generate.synthesis import checked, cross_fade
from cloning.jobs.record import Job
from cloning.planning.f5 import Chunk, Plan
from cloning.ports import Parameters, Reference, Samples, Value
from cloning.ports.gpu import GpuTask, Span, covered
from cloning.service import Call, Service


@dataclass
class Tally:
    """What became of the chunks of one attempt."""

    made: int = 0
    reused: int = 0
    frugal: int = 0


@dataclass(frozen=True)
class Asker:
    """A job in the queue of pieces. `check` may raise to give up while others have their turns."""

    service: Service
    call: Call
    watch: Stopwatch
    check: Callable[[], None]
    tally: Tally = field(default_factory=Tally)

    def do(
        self,
        phase: str,
        pieces: Sequence[GpuTask[Value]],
        tell: Callable[[Sequence[tuple[int, Value]]], None] = lambda _: None,
    ) -> list[Value]:
        """
        What the pieces make. The time of their own turns is the phase's, what telling takes besides is `keep`, the rest `queue`.

        Raises as `Gpu.run_tasks`.
        """
        monotonic = self.watch.now
        begun, own, told = monotonic(), list[Span](), list[Span]()

        def timed(done: Sequence[tuple[int, Value]]) -> None:
            since = monotonic()
            try:
                tell(done)
            finally:
                told.append((since, monotonic()))

        try:
            return self.service.gpu.run_tasks(pieces, check=self.check, deliver=timed, spent=own.append)
        finally:
            busy = covered(own + told)
            self.watch.add(phase, covered(own))
            self.watch.add("keep", busy - covered(own))
            self.watch.add("queue", max(0.0, monotonic() - begun - busy))


@dataclass(frozen=True)
class Task:
    """What is to be spoken, with whose voice and which values, for which job."""

    job: Job
    reference: Reference
    parameters: Parameters
    plan: Plan


def chunk_by_chunk(asker: Asker, speaker: Speaker, task: Task, before_chunk: Callable[[int, int], None]) -> Samples:
    """
    The speech; what an earlier attempt finished is not made again, what this one finishes is kept for the next.

    `before_chunk` is told how many chunks of how many are done, and may raise to stop.
    """
    total, waves = len(task.plan.chunks), dict[Chunk, Samples]()
    inputs = inputs_of(speaker.facts, task.reference, task.parameters)
    store = ChunkStore(asker.service.store, task.job.job_id, attempt=task.job.attempt, inputs=inputs)

    def tell(done: Sequence[tuple[int, Samples]]) -> None:
        for index, wave in done:
            chunk = missing[index]
            waves[chunk] = checked(chunk, wave)
            asker.tally.made += 1
            # With the last one the whole speech is there; one that was made frugally would not come out the same again.
            if len(waves) < total and chunk.index not in speaker.frugal:
                store.keep(chunk, wave, speaker.sample_rate)
        if len(waves) < total:
            before_chunk(len(waves), total)

    finished = False
    try:
        for chunk in task.plan.chunks:
            asker.check()
            if (wave := store.find(chunk)) is not None:
                waves[chunk] = wave
        missing = [chunk for chunk in task.plan.chunks if chunk not in waves]
        before_chunk(len(waves), total)
        asker.do("infer", [speaker.piece(task.reference, chunk, task.parameters) for chunk in missing], tell)
        finished = True
    finally:
        store.close(needed=not finished)
        asker.tally.reused, asker.tally.frugal = store.reused, len(speaker.frugal)
    overlap = int(task.plan.cross_fade_duration * speaker.sample_rate)
    return cross_fade([waves[chunk] for chunk in task.plan.chunks], overlap)
