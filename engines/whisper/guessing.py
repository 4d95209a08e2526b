"""
Words that a Whisper would add to a text: what a recording may say between the text's words.

Whisper leaves out what it does not expect, and hears a short word in the wrong place as its neighbour. Asked at each place what may stand
there beside the text's own word, it knows better. The likeliest beginnings are gone on with to their words' ends.
"""

from collections.abc import Sequence
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from cloning.ports import Unaligned
from engines.whisper.alignment import Aligner, Text
from engines.whisper.rescoring import batched_log_probabilities

if TYPE_CHECKING:
    from torch import Tensor

_BEGUN, _AT_ONE_PLACE, _MOST = 16, 3, 6
_BY_TEXT = 0.4  # how much of what the text alone makes likely is taken off
_RAREST = -12.0
_LONGEST = 4  # tokens of a word
_NO_SPACES = "\u2e80"  # kana, hanzi and what else is written without spaces begin here


class _Guess(NamedTuple):
    """Tokens that may stand before the text's token `place`, and their `value`: how much likelier they and that token are than it alone."""

    place: int
    said: list[int]
    value: float


class Guesser:
    """Asks a Whisper. `aligner` is that of the same model."""

    def __init__(self, model: Any, tokenizer: Any, aligner: Aligner) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._aligner = aligner
        self._end = model.generation_config.eos_token_id

    def guess(self, states: Any, silence: Any, text: str, language: str | None) -> tuple[str, ...]:
        """As `Transcriber.guess`; `states` is the encoder's output for the recording, `silence` that for no sound."""
        asked = self._aligner.question(states, text, language)
        if isinstance(asked, Unaligned):
            return ()
        read = asked.read
        if len(asked.primed) + len(read.tokens) + _LONGEST > self._model.config.max_target_positions:
            return ()
        found = self._begun(states, silence, asked.primed, read)
        found = self._ended(states, asked.primed, read, found)
        best = sorted(found, key=lambda one: -one.value)[:_MOST]
        return tuple(self._written(read, one) for one in best)

    def _begun(self, states: Any, silence: Any, prompt: list[int], read: Text) -> list[_Guess]:
        """The likeliest first tokens of words, by the sound more than by the text."""
        heard, expected = (
            batched_log_probabilities(self._model, one, prompt, [read.tokens], self._end)[0]
            for one in (states, silence)
        )
        found: list[_Guess] = []
        for place in (*read.beginnings(), len(read.tokens)):
            own = [*read.tokens, self._end][place]
            fit = self._beginnings & (heard[place] > _RAREST)
            fit[own] = False
            values = heard[place] - _BY_TEXT * expected[place] - heard[place, own]
            values[~fit] = -inf
            best = values.topk(_AT_ONE_PLACE)
            told = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            found += [_Guess(place, [token], value) for token, value in told if value > -inf]
        return sorted(found, key=lambda one: -one.value)[:_BEGUN]

    def _ended(self, states: Any, prompt: list[int], read: Text, found: Sequence[_Guess]) -> list[_Guess]:
        """The guesses with what likeliest ends their words, valued by what then follows."""
        done: list[_Guess] = []
        going = list(found)
        while going:
            rows = [[*read.tokens[: one.place], *one.said] for one in going]
            heard = batched_log_probabilities(self._model, states, prompt, rows, self._end)
            nexts = [own[len(row)] for own, row in zip(heard, rows, strict=True)]
            going, asked = [], going
            for one, following in zip(asked, nexts, strict=True):
                token = int(following.argmax())
                if self._continuations[token] and len(one.said) < _LONGEST:
                    going.append(_Guess(one.place, [*one.said, token], one.value + float(following[token])))
                else:
                    own = [*read.tokens, self._end][one.place]
                    done.append(one._replace(value=one.value + float(following[own])))
        return done

    def _written(self, read: Text, one: _Guess) -> str:
        """The text with the guess in its place."""
        before, behind = read.tokens[: one.place], read.tokens[one.place :]
        written: str = self._tokenizer.decode([*before, *one.said, *behind])
        return written.strip()

    @cached_property
    def _pieces(self) -> list[str]:
        """What each token is as text."""
        pieces: list[str] = self._tokenizer.batch_decode([[token] for token in range(self._end)])
        return pieces + [""] * (self._model.config.vocab_size - self._end)

    @cached_property
    def _beginnings(self) -> "Tensor":
        """Which tokens begin a word."""
        return self._flags([(one[:1] == " " and one[1:2].isalnum()) or one[:1] >= _NO_SPACES for one in self._pieces])

    @cached_property
    def _continuations(self) -> "Tensor":
        """Which tokens go on with a word."""
        return self._flags([one[:1].isalnum() and one[:1] < _NO_SPACES for one in self._pieces])

    def _flags(self, flags: list[bool]) -> "Tensor":
        import torch

        return torch.tensor(flags, device=self._model.device)
