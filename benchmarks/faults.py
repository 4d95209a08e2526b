"""Faults of synthetic speech, made by cutting recordings of people at their words' boundaries."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cloning.ports import Samples

RATE = 16_000
_FADE = RATE // 125  # samples of the cross-fade at a cut
_NEAR = RATE // 25  # how far from a boundary the quietest place may be
_NOISE_S = 0.5
_LEAST_FAULT = RATE * 12 // 100
_TRIES = 10  # for each case
_LENGTHEN = {"removed", "doubled", "extra", "own", "leaked", "loop"}


@dataclass(frozen=True)
class Clip:
    """
    A recording at 16 kHz, what it says, and each word's [start, end) in samples. `speaker` is the recording's origin.

    One that is good for its parts only, because something else can be heard in it, lends words to others.
    """

    name: str
    speaker: str
    samples: Samples
    text: str
    spans: tuple[tuple[int, int], ...]
    parts_only: bool = False

    @property
    def words(self) -> list[str]:
        """The words as written, with their punctuation."""
        return self.text.split()

    def cut(self, first: int, last: int) -> Samples:
        """The sound of these words, the last one included."""
        return self.samples[self.edge(first) : self.edge(last + 1)]

    def edge(self, place: int) -> int:
        """The quietest sample about where a word begins (behind the last one: ends)."""
        at = self.spans[place][0] if place < len(self.spans) else self.spans[-1][1]
        around = np.convolve(np.square(self.samples[max(at - _NEAR, 0) : at + _NEAR]), np.ones(_FADE) / _FADE, "same")
        return max(at - _NEAR, 0) + int(np.argmin(around)) if len(around) else at


@dataclass(frozen=True)
class Case:
    """Speech with one fault ('right': with none) and the text that it should say; `reference` is what the voice's recording says."""

    kind: str
    clip: str
    samples: Samples
    text: str
    reference: str = ""


def joined(*parts: Samples) -> Samples:
    """The parts one after another, cross-faded over 8 ms so that no cut clicks."""
    whole = parts[0]
    for part in parts[1:]:
        fade = min(_FADE, len(whole), len(part))
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        seam = whole[len(whole) - fade :] * (1 - ramp) + part[:fade] * ramp
        whole = np.concatenate((whole[: len(whole) - fade], seam, part[fade:]))
    return whole


def another_take(sound: Samples, chance: np.random.Generator) -> Samples:
    """The sound as if said again: up to 8 % faster or slower and 2 dB louder or softer, so that no copy is a copy."""
    factor = chance.choice((-1, 1)) * chance.uniform(0.03, 0.08) + 1
    places = np.arange(0, len(sound) - 1, factor)
    changed: Samples = (np.interp(places, np.arange(len(sound)), sound) * 10 ** chance.uniform(-0.1, 0.1)).astype("f4")
    return changed


def removed(clip: Clip, place: int) -> Samples:
    """Without one word."""
    return joined(clip.samples[: clip.edge(place)], clip.samples[clip.edge(place + 1) :])


def inserted(clip: Clip, place: int, sound: Samples) -> Samples:
    """With a sound between that word and the next."""
    return joined(clip.samples[: clip.edge(place + 1)], sound, clip.samples[clip.edge(place + 1) :])


def levelled(sound: Samples, like: Samples) -> Samples:
    """As loud as the other."""
    made: Samples = sound * np.float32(np.sqrt(np.square(like).mean() / max(np.square(sound).mean(), 1e-12)))
    return made


Made = tuple[Samples, str, str]
"""Sound, what it should say, and what the voice's recording says."""
Make = Callable[[Clip, Sequence[Clip], np.random.Generator], Made]


def cases_of(
    clip: Clip, clips: Sequence[Clip], each: int, chance: np.random.Generator, kinds: Mapping[str, Make] | None = None
) -> Iterator[Case]:
    """So many cases of each kind of fault, as far as there are so many different ones; which words is chance."""
    for kind, make in (kinds or KINDS).items():
        seen: set[bytes] = set()
        for _ in range(each * _TRIES):
            samples, text, reference = make(clip, clips, chance)
            if len(seen) < each and samples.tobytes() not in seen and _is_heard(kind, samples, clip):
                seen.add(samples.tobytes())
                yield Case(kind, clip.name, samples, text, reference)


def _is_heard(kind: str, samples: Samples, clip: Clip) -> bool:
    """Where hardly any sound came or went, there is no fault to hear."""
    return kind not in _LENGTHEN or abs(len(samples) - len(clip.samples)) >= _LEAST_FAULT


def _removed(clip: Clip, _: Sequence[Clip], chance: np.random.Generator) -> Made:
    return removed(clip, _place(clip, chance)), clip.text, ""


def _doubled(clip: Clip, _: Sequence[Clip], chance: np.random.Generator) -> Made:
    place = _place(clip, chance)
    return inserted(clip, place, another_take(clip.cut(place, place), chance)), clip.text, ""


def _exchanged(clip: Clip, clips: Sequence[Clip], chance: np.random.Generator) -> Made:
    place = _place(clip, chance)
    sound = _foreign_word(clip, clips, chance, clip.words[place])
    whole = joined(clip.samples[: clip.edge(place)], sound, clip.samples[clip.edge(place + 1) :])
    return whole, clip.text, ""


def _extra(clip: Clip, clips: Sequence[Clip], chance: np.random.Generator) -> Made:
    place = _place(clip, chance)
    return inserted(clip, place, _foreign_word(clip, clips, chance, clip.words[place])), clip.text, ""


def _own(clip: Clip, clips: Sequence[Clip], chance: np.random.Generator) -> Made:
    """A word that the same speaker says elsewhere, and neither of its new neighbours: as an engine adds words, in its one voice."""
    place = _place(clip, chance)
    neighbours = {_bare(word) for word in clip.words[place : place + 2]}
    others = [one for one in clips if one.speaker == clip.speaker]
    while True:
        other = others[int(chance.integers(len(others)))]
        at = _place(other, chance)
        if _bare(other.words[at]) not in neighbours:
            sound = another_take(levelled(other.cut(at, at), clip.samples), chance)
            return inserted(clip, place, sound), clip.text, ""


def _half(clip: Clip, _: Sequence[Clip], chance: np.random.Generator) -> Made:
    place = int(chance.integers(len(clip.words) // 2, len(clip.words)))
    start, end = clip.edge(place), clip.spans[place][1]
    text = " ".join(clip.words[: place + 1]).rstrip(".,") + "."
    return clip.samples[: (start + end) // 2], text, ""


def _leaked(clip: Clip, clips: Sequence[Clip], chance: np.random.Generator) -> Made:
    others = [one for one in clips if one.text != clip.text and one.speaker == clip.speaker] or [
        one for one in clips if one.text != clip.text
    ]
    other = others[int(chance.integers(len(others)))]
    count = int(chance.integers(1, 5))
    last = len(other.words) - 1
    sound = levelled(other.cut(max(last - count + 1, 0), last), clip.samples)
    return joined(sound, clip.samples), clip.text, other.text


def _noise(clip: Clip, _: Sequence[Clip], chance: np.random.Generator) -> Made:
    level = np.sqrt(np.square(clip.samples).mean()) * chance.uniform(0.3, 1)
    sound = (chance.standard_normal(int(_NOISE_S * RATE)) * level).astype("f4")
    return inserted(clip, _place(clip, chance), sound), clip.text, ""


def _loop(clip: Clip, _: Sequence[Clip], chance: np.random.Generator) -> Made:
    count = min(int(chance.integers(2, 5)), len(clip.words))
    first = int(chance.integers(0, len(clip.words) - count + 1))
    again = another_take(clip.cut(first, first + count - 1), chance)
    return inserted(clip, first + count - 1, again), clip.text, ""


def _place(clip: Clip, chance: np.random.Generator) -> int:
    """One of the words that can be heard."""
    return int(chance.choice([at for at in range(len(clip.words)) if len(clip.cut(at, at)) >= _LEAST_FAULT]))


def _foreign_word(clip: Clip, clips: Sequence[Clip], chance: np.random.Generator, unlike: str) -> Samples:
    """Another clip's word, as loud as this clip."""
    while True:
        other = clips[int(chance.integers(len(clips)))]
        place = _place(other, chance)
        if other is not clip and _bare(other.words[place]) != _bare(unlike):
            return levelled(other.cut(place, place), clip.samples)


def _bare(word: str) -> str:
    return word.strip(".,").lower()


KINDS: dict[str, Make] = {
    "removed": _removed,
    "doubled": _doubled,
    "exchanged": _exchanged,
    "extra": _extra,
    "leaked": _leaked,
    "loop": _loop,
    "half": _half,
    "noise": _noise,
}
# Drawn by chance of their own, so that the others stay as they are.
LATER_KINDS: dict[str, Make] = {"own": _own}
