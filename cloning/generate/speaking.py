"""A job's chunks spoken: what an earlier attempt finished is not made again, what this one finishes is kept for the next."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloning.generate.chunk_store import ChunkStore
from cloning.generate.job_tasks import JobTasks
from cloning.generate.progress.reports import Reports
from cloning.generate.speaker import Speaker
from cloning.generate.synthesis import Tally, checked
from cloning.planning.f5 import Chunk, Plan
from cloning.ports import Parameters, Reference, Samples


@dataclass(frozen=True)
class ChunkByChunk:
    """Speaks the chunks of a plan with one engine; `references` are the voices by passage."""

    plan: Plan
    references: Sequence[Reference]
    parameters: Parameters
    speaker: Speaker
    tasks: JobTasks
    kept: ChunkStore
    tally: Tally
    reports: Reports

    def speak(self, chunks: Sequence[Chunk], before: int = 0, *, is_draft: bool = False) -> dict[int, Samples]:
        """The waves of these chunks by their places, after `before` others. A draft may be spoken again: it is no part of the speech yet."""
        waves: dict[int, Samples] = {}

        def deliver(done: Sequence[tuple[int, Samples]]) -> None:
            for place, wave in done:
                chunk = missing[place]
                waves[chunk.index] = checked(chunk, wave)
                self.tally.made += 1
                # The last one completes the speech, unless it is a draft; one made frugally would not come out the same again.
                if (is_draft or len(waves) < len(chunks)) and chunk.index not in self.speaker.frugal:
                    self.kept.keep(chunk, wave, self.speaker.sample_rate)
                if not is_draft:
                    self.reports.offer(chunk.index, wave)
            if len(waves) < len(chunks):
                self.reports.before_chunk(before + len(waves), len(self.plan.chunks))

        for chunk in chunks:
            self.tasks.check()
            if (wave := self.kept.find(chunk)) is not None:
                waves[chunk.index] = wave
                if not is_draft:
                    self.reports.offer(chunk.index, wave)
            self.tally.reused = self.kept.reused
        missing = [chunk for chunk in chunks if chunk.index not in waves]
        self.reports.before_chunk(before + len(waves), len(self.plan.chunks))
        tasks = [self.speaker.task(self.references[chunk.passage], chunk, self.parameters) for chunk in missing]
        self.tasks.run("infer", tasks, deliver)
        self.tally.frugal = len(self.speaker.frugal)
        return waves
