"""A job's plan, chunk by chunk, as waves; what a check refuses is drawn again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cloning.checking import Verdict
from cloning.generate.chunk_store import ChunkStore, inputs_of, inputs_of_voice
from cloning.generate.job_tasks import JobTasks
from cloning.generate.progress.parts import SpeechParts
from cloning.generate.proof.checks import ChunkChecker
from cloning.generate.speaker import Speaker
from cloning.generate.synthesis import checked
from cloning.jobs.record import Job
from cloning.planning.f5 import Chunk, Plan, draw_seed
from cloning.ports import ObjectStore, Parameters, Reference, Samples
from cloning.ports.gpu import GpuTask


@dataclass
class Tally:
    """What became of the chunks of one attempt."""

    made: int = 0
    reused: int = 0
    frugal: int = 0


@dataclass(frozen=True)
class Speech:
    """What is to be spoken, with whose voice by passage, and which values, for which job."""

    job: Job
    references: tuple[Reference, ...]
    parameters: Parameters
    plan: Plan


@dataclass(frozen=True)
class Take:
    """One chunk as it was spoken: at which draw (0: the first), its samples, and what the check says (None: none was asked for)."""

    draw: int
    samples: Samples
    verdict: Verdict | None = None
    heard: str | None = None

    @property
    def has_failed(self) -> bool:
        return self.verdict is not None and self.verdict.state == "failed"

    @property
    def is_worth_another(self) -> bool:
        """Whether another draw may be better: this one fails, or passes though not every word was heard as it is written."""
        return self.verdict is not None and (self.verdict.state == "failed" or bool(self.verdict.wer))

    @property
    def rank(self) -> tuple[int, float, bool, float]:
        """The lower the better: what was heard counts first, for whoever listens hears words."""
        if self.verdict is None:
            return 0, 0.0, False, 0.0
        one = self.verdict
        return one.worst_run or 0, one.wer or 0.0, self.has_failed, -one.score


class ChunkByChunk:
    """
    Speaks the chunks of one job; what an earlier attempt finished is not made again, what this one finishes is kept for the next.

    `before_chunk` gets how many chunks of how many are done, and may raise to stop. `parts` gets each chunk that is taken.
    """

    def __init__(
        self,
        speech: Speech,
        speaker: Speaker,
        tasks: JobTasks,
        store: ObjectStore,
        tally: Tally,
        before_chunk: Callable[[int, int], None],
        parts: SpeechParts | None = None,
    ) -> None:
        self._speech = speech
        self._speaker = speaker
        self._tasks = tasks
        self._tally = tally
        self._before_chunk = before_chunk
        self._parts = parts
        self._total = len(speech.plan.chunks)
        self._kept = ChunkStore(
            store,
            speech.job.job_id,
            attempt=speech.job.attempt,
            inputs=inputs_of(speaker.facts, speech.parameters),
            by_passage=[inputs_of_voice(reference) for reference in speech.references],
        )

    def takes(self, checker: ChunkChecker | None) -> dict[int, Take]:
        """The chunks by their places, each the first draw that nothing speaks against, else the best one."""
        finished = False
        try:
            takes = self._checked(checker) if checker else self._unchecked()
            finished = True
        finally:
            self._kept.close(needed=not finished)
            self._tally.reused, self._tally.frugal = self._kept.reused, len(self._speaker.frugal)
        return takes

    def _unchecked(self) -> dict[int, Take]:
        waves = self._speak(self._speech.plan.chunks, 0, keep_last=False, take=self._publish)
        return {index: Take(0, wave) for index, wave in waves.items()}

    def _checked(self, checker: ChunkChecker) -> dict[int, Take]:
        """With parts each chunk has all its draws before the next one is spoken; else each draw is of all that need it."""
        chunks = self._speech.plan.chunks
        takes: dict[int, Take] = {}
        for group in [[chunk] for chunk in chunks] if self._parts else [chunks]:
            self._draw(group, checker, takes)
            for chunk in group:
                take = takes[chunk.index]
                if not (take.has_failed and checker.fails):
                    self._publish(chunk.index, take.samples)
        return takes

    def _draw(self, group: Sequence[Chunk], checker: ChunkChecker, takes: dict[int, Take]) -> None:
        """Speak these chunks until the check has nothing against them or the draws are used up; the best of each goes into `takes`."""
        spoken = len(takes)
        pending = group
        for draw in range(checker.draws):
            if draw and not checker.has_time_for(len(pending)):
                break
            drawn = [_at_draw(chunk, draw, self._speech.job.seed) for chunk in pending]
            waves = self._speak(drawn, spoken + len(group) - len(pending), keep_last=True)
            for chunk in drawn:
                verdict, heard = checker.verdict(chunk, draw, waves[chunk.index], self._kept)
                take = Take(draw, waves[chunk.index], verdict, heard)
                takes[chunk.index] = min(takes.get(chunk.index, take), take, key=lambda one: one.rank)
            pending = [chunk for chunk in pending if takes[chunk.index].is_worth_another]
            if not pending:
                break

    def _publish(self, index: int, wave: Samples) -> None:
        if self._parts:
            self._parts.offer(index, wave)

    def _speak(
        self,
        chunks: Sequence[Chunk],
        before: int,
        *,
        keep_last: bool,
        take: Callable[[int, Samples], None] = lambda _index, _wave: None,
    ) -> Mapping[int, Samples]:
        """
        The waves of these chunks by their places; `take` gets each when it is there, and so many chunks were done `before`.

        Unless `keep_last` the last one is not kept: with it the whole speech is there.
        """
        waves: dict[int, Samples] = {}

        def deliver(done: Sequence[tuple[int, Samples]]) -> None:
            for place, wave in done:
                chunk = missing[place]
                waves[chunk.index] = checked(chunk, wave)
                self._tally.made += 1
                # One that was made frugally would not come out the same again.
                if (keep_last or len(waves) < len(chunks)) and chunk.index not in self._speaker.frugal:
                    self._kept.keep(chunk, wave, self._speaker.sample_rate)
                take(chunk.index, wave)
            if len(waves) < len(chunks):
                self._before_chunk(before + len(waves), self._total)

        for chunk in chunks:
            self._tasks.check()
            if (wave := self._kept.find(chunk)) is not None:
                waves[chunk.index] = wave
                take(chunk.index, wave)
        missing = [chunk for chunk in chunks if chunk.index not in waves]
        self._before_chunk(before + len(waves), self._total)
        self._tasks.run("infer", [self._task(chunk) for chunk in missing], deliver)
        return waves

    def _task(self, chunk: Chunk) -> GpuTask[Samples]:
        return self._speaker.task(self._speech.references[chunk.passage], chunk, self._speech.parameters)


def _at_draw(chunk: Chunk, draw: int, seed: int) -> Chunk:
    return replace(chunk, seed=draw_seed(seed, chunk.index, draw)) if draw else chunk
