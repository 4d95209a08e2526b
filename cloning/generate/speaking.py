"""A job's plan, chunk by chunk, as one waveform."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloning.generate.chunk_store import ChunkStore, inputs_of
from cloning.generate.job_tasks import JobTasks
from cloning.generate.speaker import Speaker
from cloning.generate.synthesis import checked, cross_fade
from cloning.jobs.record import Job
from cloning.planning.f5 import Chunk, Plan
from cloning.ports import ObjectStore, Parameters, Reference, Samples


@dataclass
class Tally:
    """What became of the chunks of one attempt."""

    made: int = 0
    reused: int = 0
    frugal: int = 0


@dataclass(frozen=True)
class Speech:
    """What is to be spoken, with whose voice and which values, for which job."""

    job: Job
    reference: Reference
    parameters: Parameters
    plan: Plan


def chunk_by_chunk(
    speech: Speech,
    speaker: Speaker,
    tasks: JobTasks,
    store: ObjectStore,
    tally: Tally,
    before_chunk: Callable[[int, int], None],
) -> Samples:
    """
    The speech; what an earlier attempt finished is not made again, what this one finishes is kept for the next.

    `before_chunk` gets how many chunks of how many are done, and may raise to stop.
    """
    total, waves = len(speech.plan.chunks), dict[Chunk, Samples]()
    inputs = inputs_of(speaker.facts, speech.reference, speech.parameters)
    kept = ChunkStore(store, speech.job.job_id, attempt=speech.job.attempt, inputs=inputs)

    def deliver(done: Sequence[tuple[int, Samples]]) -> None:
        for index, wave in done:
            chunk = missing[index]
            waves[chunk] = checked(chunk, wave)
            tally.made += 1
            # With the last one the whole speech is there; one that was made frugally would not come out the same again.
            if len(waves) < total and chunk.index not in speaker.frugal:
                kept.keep(chunk, wave, speaker.sample_rate)
        if len(waves) < total:
            before_chunk(len(waves), total)

    finished = False
    try:
        for chunk in speech.plan.chunks:
            tasks.check()
            if (wave := kept.find(chunk)) is not None:
                waves[chunk] = wave
        missing = [chunk for chunk in speech.plan.chunks if chunk not in waves]
        before_chunk(len(waves), total)
        tasks.run("infer", [speaker.task(speech.reference, chunk, speech.parameters) for chunk in missing], deliver)
        finished = True
    finally:
        kept.close(needed=not finished)
        tally.reused, tally.frugal = kept.reused, len(speaker.frugal)
    overlap = int(speech.plan.cross_fade_duration * speaker.sample_rate)
    return cross_fade([waves[chunk] for chunk in speech.plan.chunks], overlap)
