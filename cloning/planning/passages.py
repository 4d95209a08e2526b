"""A text with pauses or several voices is planned passage by passage: each is one voice's, without a pause inside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cloning.planning.alphabet import NormalisedText
from cloning.planning.f5 import Chunk, Plan


@dataclass(frozen=True)
class Passage:
    """
    What one voice says without a pause, in characters that the engine knows, after `pause_s` seconds of silence.

    `turn` is the place of its turn in the request, `start` where it begins in what is read of that turn.
    """

    turn: int
    start: int
    text: NormalisedText
    pause_s: float


def joined(passages: Sequence[Passage]) -> NormalisedText:
    """All passages as one text: what of it reaches the engine."""
    texts = [passage.text for passage in passages]
    return NormalisedText(
        "\n".join(text.text for text in texts),
        tuple(dict.fromkeys(character for text in texts for character in text.unspoken)),
        sum(text.letters for text in texts),
        sum(text.lost for text in texts),
    )


def one_plan(passages: Sequence[Passage], plans: Sequence[Plan], pause_s: float) -> Plan:
    """The plans of the passages, one after another, with `pause_s` seconds of silence at the end."""
    chunks = tuple(_numbered(passages, plans))
    return replace(plans[0], chunks=chunks, pause_s=pause_s)


def _numbered(passages: Sequence[Passage], plans: Sequence[Plan]) -> Iterator[Chunk]:
    index = 0
    for place, (passage, plan) in enumerate(zip(passages, plans, strict=True)):
        for first, chunk in enumerate(plan.chunks):
            yield replace(chunk, index=index, passage=place, pause_s=0.0 if first else passage.pause_s)
            index += 1


def places(chunk: str, text: str, begin: int = 0) -> list[int]:
    """
    Where in `text`, from `begin` on, each character of a chunk of it stands; the last entry is where the chunk ends.

    A chunk leaves out and exchanges nothing but white space, and shortens runs of one sign (cloning.planning.split).
    """
    found: list[int] = []
    at = begin
    for character in chunk:
        if not character.isspace():
            at = text.index(character, at)
            found.append(at)
            at += 1
        else:
            found.append(at)
    return [*found, at]
