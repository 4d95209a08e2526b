"""The draws of a job's chunks: what the check doubts is spoken again, slower and with another seed, and of each chunk the best draw is taken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloning.checking import Verdict
from cloning.generate.proof.checks import ChunkChecker
from cloning.generate.speaking import ChunkByChunk
from cloning.planning.f5 import Chunk
from cloning.planning.redraws import draw_seed, slowed
from cloning.ports import F5Parameters, Samples

_STATES = ("passed", "failed", "unavailable")  # the best first


@dataclass(frozen=True)
class Take:
    """A chunk as it was spoken: at which draw (0: the first), its samples, and what the check says (None: none was asked for)."""

    chunk: Chunk
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
    def rank(self) -> tuple[int, int, float, float]:
        """
        The lower the better: draws that pass, then those that fail, then those that can't be judged.

        Of one kind what was heard counts first, because whoever listens hears words.
        """
        if self.verdict is None:
            return 0, 0, 0.0, 0.0
        one = self.verdict
        return _STATES.index(one.state), one.worst_run or 0, one.wer or 0.0, -one.score


def drawn(speech: ChunkByChunk, checker: ChunkChecker, seed: int) -> dict[int, Take]:
    """
    The chunks by their places, each the first draw that nothing speaks against, else the best one. `seed` is the job's.

    With parts each chunk has all its draws before the next one is spoken; else each draw is of all that need it.
    """
    chunks, parts = speech.plan.chunks, speech.reports.parts
    takes: dict[int, Take] = {}
    for group in [[chunk] for chunk in chunks] if parts else [chunks]:
        _draw(speech, group, checker, takes, seed)
        for chunk in group:
            take = takes[chunk.index]
            if parts and not (take.has_failed and checker.fails):
                parts.offer(chunk.index, take.samples)
    return takes


def _draw(
    speech: ChunkByChunk, group: Sequence[Chunk], checker: ChunkChecker, takes: dict[int, Take], seed: int
) -> None:
    """Speak these chunks until the check has nothing against them or the draws are used up; the best of each goes into `takes`."""
    spoken = len(takes)
    pending = group
    for draw in range(checker.draws):
        if draw and not checker.has_time_for(len(pending)):
            break
        again = [_at_draw(speech, chunk, draw, seed, checker.redraw_speed) for chunk in pending] if draw else pending
        waves = speech.speak(again, spoken + len(group) - len(pending), is_draft=True)
        for chunk in again:
            verdict, heard = checker.verdict(chunk, draw, waves[chunk.index], speech.kept)
            take = Take(chunk, draw, waves[chunk.index], verdict, heard)
            takes[chunk.index] = min(takes.get(chunk.index, take), take, key=lambda one: one.rank)
        pending = [chunk for chunk in pending if takes[chunk.index].is_worth_another]
        if not pending:
            break


def _at_draw(speech: ChunkByChunk, chunk: Chunk, draw: int, seed: int, redraw_speed: float) -> Chunk:
    """The chunk at draw 1, 2 or 3. XTTS keeps its pace: it doesn't set the length beforehand."""
    again = replace(chunk, seed=draw_seed(seed, chunk.index, draw))
    if not isinstance(speech.parameters, F5Parameters):
        return again
    return slowed(again, redraw_speed, reference_s=speech.references[chunk.passage].duration)
