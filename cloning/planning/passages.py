"""A text with pauses or several voices is planned passage by passage: each is one voice's, without a pause inside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cloning.planning.alphabet import NormalisedText
from cloning.planning.f5 import Chunk, Plan


@dataclass(frozen=True)
class Passage:
    """
    The words that one voice says without a pause, in characters that the engine knows, after `pause_s` seconds of silence.

    `turn` is the place of its turn in the request, `start` where it begins in the reading of that turn.
    """

    turn: int
    start: int
    text: NormalisedText
    pause_s: float


def with_speech(passages: Sequence[Passage], pause_s: float) -> tuple[tuple[Passage, ...], float]:
    """
    The passages with a letter or digit, if there are any, and the silence after the last one; `pause_s` comes after all of them.

    Of a passage without any, the silence stays, and its unknown characters count with a neighbour's.
    """
    kept: list[Passage] = []
    mute: list[NormalisedText] = []
    silence_s = 0.0
    for passage in passages:
        silence_s += passage.pause_s
        if any(map(str.isalnum, passage.text.text)):
            kept.append(replace(passage, pause_s=silence_s, text=_counting(passage.text, [*mute, passage.text])))
            mute, silence_s = [], 0.0
        else:
            mute.append(passage.text)
    if not kept:
        return tuple(passages), pause_s
    kept[-1] = replace(kept[-1], text=_counting(kept[-1].text, [kept[-1].text, *mute]))
    return tuple(kept), silence_s + pause_s


def joined(passages: Sequence[Passage]) -> NormalisedText:
    """All passages as one text, as it reaches the engine."""
    texts = [passage.text for passage in passages]
    whole = NormalisedText("\n".join(text.text for text in texts), (), 0, 0)
    return _counting(whole, texts)


def _counting(text: NormalisedText, counted: Sequence[NormalisedText]) -> NormalisedText:
    """The text with what is counted and unknown of several."""
    return replace(
        text,
        unspoken=tuple(dict.fromkeys(character for one in counted for character in one.unspoken)),
        letters=sum(one.letters for one in counted),
        lost=sum(one.lost for one in counted),
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
    Where in `text`, from `begin` on, each character of a chunk of it is; the last entry is where the chunk ends.

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
