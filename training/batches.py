"""
Batches of chains: whole utterances of one voice, one after the other, stretched in time to fill the frames exactly.

A few fixed lengths mean no padding, no mask and few compiled shapes. At inference f5_tts guesses the duration from the prompt's
pace, so paces vary; and the prompt comes first, so mostly the beginning of a chain is heard and the rest is to be spoken.
"""

import random
from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from engines.imports.f5 import import_f5
from training.grammar import SHORT
from training.mels import BINS, restored
from training.packed import Corpus

VOCAB = " !\"'(),-.0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # f5_tts: index 0 is the space

_PACES = (0.87, 1.2)  # of a chain
_TURNS = (0.68, 1.5)  # of what is to be spoken, against what is heard: `speed` in f5_tts
_TURN_SHARE, _SHORT_SHARE = 0.2, 0.05
_SHORT_FRAMES = 5.6 / 0.3  # a letter of a very short text, which f5_tts speaks at a speed of 0.3
_MOST_SILENCE = 200  # frames
_NOISE = 4  # of a silence, in 8-bit steps
_TRIES = 200


class Piece(NamedTuple):
    """An utterance in a chain: its number, the frames that it is stretched to, and the frames of silence behind it."""

    number: int
    frames: int
    silence: int = 0


class Chain(NamedTuple):
    """Pieces of one voice. Those from `unheard` on are to be spoken; None leaves the choice open."""

    pieces: list[Piece]
    unheard: int | None


class Batch(NamedTuple):
    """`mel` [size, length, BINS], `text` [size, letters] (-1 fills up), `hidden` [size, length]: the frames to be spoken."""

    mel: Tensor
    text: Tensor
    hidden: Tensor


@dataclass(frozen=True)
class Choices:
    """How chains are drawn."""

    voices: tuple[str, ...]
    lengths: tuple[int, ...] = (384, 704)  # frames
    silence: float = 0.1  # the share of chains that end in silence
    shares: tuple[float, ...] | None = None  # how often each voice is drawn
    weights: tuple[float, ...] | None = None  # how often each length is drawn


class Chains:
    """Draws chains from a corpus. Raises ValueError if a voice has no sentences there."""

    def __init__(self, corpus: Corpus, choices: Choices, rng: random.Random, device: str = "cpu") -> None:
        self._choices, self._rng, self._device = choices, rng, device
        self._mels = [mel.to(device) for mel in corpus.mels]
        self._letters = letters_of(corpus.texts)
        self._long: dict[str, list[Piece]] = {voice: [] for voice in choices.voices}
        self._short: dict[str, list[Piece]] = {voice: [] for voice in choices.voices}
        for number, (text, voice) in enumerate(zip(corpus.texts, corpus.voices, strict=True)):
            if voice in choices.voices:
                kind = self._short if text in SHORT else self._long
                kind[voice].append(Piece(number, len(corpus.mels[number])))
        for voice, pieces in self._long.items():
            pieces.sort(key=lambda piece: (piece.frames, piece.number))
            if not pieces:
                raise ValueError(f"the data has no sentences of the voice {voice!r}: make it with --voices {voice}")

    def mean(self) -> Tensor:
        """The mean mel, of a sample."""
        return restored(torch.cat(self._mels[:: max(1, len(self._mels) // 500)])).mean(0)

    def length(self) -> int:
        """One of the lengths."""
        [length] = self._rng.choices(self._choices.lengths, self._choices.weights)
        return length

    def batch(self, size: int, length: int) -> Batch:
        """So many chains of one length."""
        rows = [self._row(length) for _ in range(size)]
        mel, letters, hidden = (list(column) for column in zip(*rows, strict=True))
        text = pad_sequence([torch.tensor(row) for row in letters], batch_first=True, padding_value=-1)
        return Batch(restored(torch.stack(mel)), text.to(self._device), torch.stack(hidden).to(self._device))

    def chain(self, length: int) -> Chain:
        """Utterances of one voice that fill `length` frames. Raises ValueError if there are too few to find any that do."""
        for _ in range(_TRIES):
            if chain := self._drawn(length):
                return chain
        raise ValueError(f"no utterances fill {length} frames: use longer --lengths, or data with more --sentences")

    def _drawn(self, length: int) -> Chain | None:
        [voice] = self._rng.choices(self._choices.voices, self._choices.shares)
        pace, kind = self._rng.uniform(*_PACES), self._rng.random()
        if kind > 1 - _SHORT_SHARE and self._short[voice]:
            short = self._short_piece(voice, pace)
            before = self._filled(voice, length - short.frames - short.silence, pace, pace)
            return Chain([*before, short], len(before)) if before else None
        turns = kind < _TURN_SHARE
        pieces = self._filled(voice, length, pace, pace * self._rng.uniform(*_TURNS) if turns else pace)
        return Chain(pieces, 1 if turns and len(pieces) > 1 else None) if pieces else None

    def _short_piece(self, voice: str, pace: float) -> Piece:
        """A very short text in the frames that f5_tts gives it, most of them silent."""
        number, natural, _ = self._rng.choice(self._short[voice])
        frames = round(natural * pace)
        guess = (len(self._letters[number]) + 1) * _SHORT_FRAMES * pace * self._rng.uniform(0.85, 1.15)
        return Piece(number, frames, round(max(frames * 1.1, guess)) - frames)

    def _filled(self, voice: str, length: int, pace: float, turn: float) -> list[Piece]:
        """Utterances at `pace`, those behind the first at `turn`; the last is stretched by 7 % more or less to fit. [] if none fit."""
        utterances = self._long[voice]
        for _ in range(_TRIES):
            chosen: list[Piece] = []
            left, rate = length, pace
            while left > 0:
                low, high = (bisect_left(utterances, left / rate * slack, key=_frames) for slack in (0.93, 1.07))
                if low < high and (chosen or self._rng.random() < 0.5):
                    return [*chosen, Piece(utterances[self._rng.randrange(low, high)].number, left)]
                number, natural, _ = self._rng.choice(utterances)
                chosen.append(Piece(number, round(natural * rate * self._rng.uniform(0.95, 1.05))))
                left, rate = left - chosen[-1].frames, turn
        return []

    def _row(self, length: int) -> tuple[Tensor, list[int], Tensor]:
        """The 8-bit mel, the letters and the hidden frames of one chain; some chains end in silence."""
        silent = self._rng.random() < self._choices.silence
        rest = int(min(_MOST_SILENCE, length * self._rng.uniform(0.05, 0.25))) if silent else 0
        chain = self.chain(length - rest)
        parts: list[Tensor] = []
        letters: list[int] = []
        joints: list[int] = []
        for piece in chain.pieces:
            parts.append(self._stretched(piece))
            joints.append(sum(map(len, parts)))
            spaces = 2 if self._rng.random() < 0.7 else 1  # f5_tts joins with two
            letters += self._letters[piece.number] + [0] * spaces
        mel = torch.cat([*parts, self._quiet(parts[-1], rest)])
        return mel, _without_end_spaces(letters), self._hidden(chain, joints, length)

    def _stretched(self, piece: Piece) -> Tensor:
        mel = self._mels[piece.number].float().T[None]
        spoken = functional.interpolate(mel, size=piece.frames, mode="linear")[0].T
        return torch.cat([spoken, self._quiet(spoken, piece.silence)])

    def _quiet(self, before: Tensor, frames: int) -> Tensor:
        """The last frame before it, held, with some noise."""
        return before[-1] + torch.randn(frames, BINS, device=self._device) * _NOISE

    def _hidden(self, chain: Chain, joints: list[int], length: int) -> Tensor:
        """As at inference a chain's end, or as in F5's own training a span of 70 to 100 %."""
        start, end = 0, length
        if chain.unheard is not None:
            start = joints[chain.unheard - 1]
        elif len(joints) > 1 and self._rng.random() < 0.5:
            start = self._rng.choice(joints[:-1])
        else:
            span = int(length * self._rng.uniform(0.7, 1.0))
            start = self._rng.randint(0, length - span)
            end = start + span
        frames = torch.arange(length)
        return (start <= frames) & (frames < end)


def letters_of(texts: list[str]) -> list[list[int]]:
    """The places of f5_tts's characters in VOCAB; 0 for those that aren't there."""
    import_f5()
    from f5_tts.model.utils import convert_char_to_pinyin

    place = {char: number for number, char in enumerate(VOCAB)}
    return [[place.get(char, 0) for char in chars] for chars in convert_char_to_pinyin(texts)]


def _frames(piece: Piece) -> int:
    return piece.frames


def _without_end_spaces(letters: list[int]) -> list[int]:
    end = len(letters)
    while letters[end - 1] == 0:
        end -= 1
    return letters[:end]
