"""
A known text laid over a recording by Whisper itself.

One pass of the decoder over the whole text gives each token's probability; the heads of its attention that follow the sound (OpenAI
published which) give each token's place, as OpenAI's own word times do, but for the text being known. What the heads attend to is
read from their queries and keys: the attention itself stays as transcription has it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from cloning.ports import Alignment, Token, Unaligned
from engines.whisper.warping import Matrix, token_starts

if TYPE_CHECKING:
    from torch import Tensor

FRAME_S = 0.02  # of the encoder's output
_NEVER = -20.0
_RARE = -8.0  # a return that is less likely is none, however little the text alone makes of it
_NO_SPACES = 0x2E80  # kana, hanzi and what else is written without spaces begin here
_PREVIOUS, _TRAILING_OFF = "<|startofprev|>", "..."
_LONGEST_PRIMER = 223  # tokens: what stands before, in training


@dataclass(frozen=True)
class Text:
    """A text in tokens, the end token's number, and the code points of each token."""

    text: str
    tokens: list[int]
    spans: list[tuple[int, int]]
    end: int

    def beginnings(self) -> list[int]:
        """The tokens with which a word begins, or a sign of a script without spaces."""
        return [place for place, (start, _) in enumerate(self.spans) if _begins_word(self.text, start)]

    def words(self) -> list[list[int]]:
        """The tokens of each word, without those that are punctuation alone."""
        places = self.beginnings()
        return [
            [self.tokens[at] for at in range(first, last) if any(map(str.isalnum, self.text[slice(*self.spans[at])]))]
            for first, last in pairwise([*places, len(self.tokens)])
        ]


@dataclass(frozen=True)
class Question:
    """A text, and what stands before it: the model's own prompt, and one that begins with the text's words."""

    read: Text
    plain: list[int]
    primed: list[int]


@dataclass(frozen=True)
class Chances:
    """Natural logarithms: `wanted[row, place]` that the text's token `place` (the last one: its end) comes at a row, `best[row]` of any."""

    wanted: Matrix
    best: Matrix


class Aligner:
    """Lays texts over what a Whisper's encoder made of a recording. `unable` says why it can't, if so."""

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._name = name
        self._config = model.generation_config
        self._heads: list[list[int]] = getattr(self._config, "alignment_heads", None) or []
        self._is_multilingual = getattr(self._config, "is_multilingual", True)
        self._expected: dict[tuple[tuple[int, ...], str], Chances] = {}
        self.unable = self._unable()

    def _unable(self) -> str | None:
        known = self._tokenizer.convert_tokens_to_ids("Ġthe")  # a vocabulary without its merges would spell the text
        if self._tokenizer.encode(" the", add_special_tokens=False) != [known]:
            return "tokenizer"
        if not _are_heads(self._heads, self._model.config):
            return "alignment_heads"
        needed = ["decoder_start_token_id", "no_timestamps_token_id", "eos_token_id"]
        needed += ["lang_to_id", "task_to_id"] if self._is_multilingual else []
        return "generation_config" if any(getattr(self._config, name, None) is None for name in needed) else None

    def align(
        self, states: Any, silence: Any, seconds: float, text: str, language: str | None
    ) -> Alignment | Unaligned:
        """
        As `Transcriber.align`; `states` is the encoder's output for those seconds, `silence` that for no sound.

        What the text alone makes likely is asked of the silence.
        """
        if isinstance(asked := self.question(states, text, language), Unaligned):
            return asked
        frames = max(1, round(seconds / FRAME_S))
        plain, primed = (
            self._laid(states, silence, frames, asked.read, prompt) for prompt in (asked.plain, asked.primed)
        )
        return replace(plain, primed=primed)

    def question(self, states: Any, text: str, language: str | None) -> "Question | Unaligned":
        """The text in tokens, and what stands before it."""
        if self.unable:
            return Unaligned(self.unable, self._name)
        tokens, spans = self._tokens(text)
        prompt = self._prompt(states, language)
        if not (prompt and tokens):
            return Unaligned("no_text" if prompt else "language", self._name)
        room = self._model.config.max_target_positions - len(prompt) - len(tokens)
        if room < 0:
            return Unaligned("text_too_long", self._name)
        read = Text(text, tokens, spans, self._config.eos_token_id)
        return Question(read, prompt, [*self._primer(read, room), *prompt])

    def tokens(self, text: str) -> list[int]:
        """As the model reads it."""
        return self._tokens(text)[0]

    def _primer(self, read: Text, room: int) -> list[int]:
        """The text's words, each twice, the even ones before the odd ones, as if they had been said before."""
        words = read.words()
        said = [token for word in (*words[1::2], *words[::2]) for token in (*word, *word)]
        said += self._tokenizer.encode(_TRAILING_OFF, add_special_tokens=False)
        return [self._tokenizer.convert_tokens_to_ids(_PREVIOUS), *said][: min(room, _LONGEST_PRIMER)]

    def _laid(self, states: Any, silence: Any, frames: int, read: Text, prompt: list[int]) -> Alignment:
        asked = (tuple(prompt), read.text)
        if asked not in self._expected:  # the same text is often checked in several draws
            self._expected = dict(
                [*self._expected.items(), (asked, self._forced(silence, prompt, read, frames=1)[0])][-2:]
            )
        expected = self._expected[asked]
        chances, attention = self._forced(states, prompt, read, frames=frames)
        return laid_over(read, chances, expected, attention, self._name)

    def _forced(self, states: Any, prompt: list[int], read: Text, *, frames: int) -> tuple[Chances, Matrix]:
        """One pass of the decoder over the text: its chances, and the attention, by head, row and frame."""
        import torch

        ids = torch.tensor([[*prompt, *read.tokens]], device=self._model.device)
        first = len(prompt) - 1  # the row whose output is the first token
        with torch.no_grad(), _queries_and_keys(self._model, self._heads) as seen:
            logits = self._model(decoder_input_ids=ids, encoder_outputs=states, use_cache=False).logits[0, first:]
        chances = torch.log_softmax(logits.float(), -1)
        wanted = chances[:, [*read.tokens, read.end]].cpu().numpy()
        attention = _attention(self._model, self._heads, seen, frames=frames)
        return Chances(wanted, chances.max(-1).values.cpu().numpy()), attention[:, first:]

    def _tokens(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The text's tokens and their code points, after the space with which Whisper begins; what looks like a special one is text."""
        if not text.strip():
            return [], []
        found = self._tokenizer(
            " " + text.strip(), add_special_tokens=False, return_offsets_mapping=True, split_special_tokens=True
        )
        shift = len(text) - len(text.lstrip()) - 1
        spans = [_trimmed(text, max(start + shift, 0), end + shift) for start, end in found["offset_mapping"]]
        return found["input_ids"], spans

    def _prompt(self, states: Any, language: str | None) -> list[int] | None:
        """What stands before a transcript without times; None if the language is unknown."""
        config = self._config
        start, plain = config.decoder_start_token_id, config.no_timestamps_token_id
        if not self._is_multilingual:
            return [start, plain]
        if language is None:
            spoken = int(self._model.detect_language(encoder_outputs=states)[0])
        else:
            spoken = config.lang_to_id.get(f"<|{language.split('-')[0]}|>")
        return None if spoken is None else [start, spoken, config.task_to_id["transcribe"], plain]


def laid_over(read: Text, heard: Chances, expected: Chances, attention: Matrix, name: str) -> Alignment:
    """The alignment from what was heard, what is expected without sound, and where the heads look: [head, row, frame]."""
    starts = [start * FRAME_S for start in token_starts(attention)]
    ends = [*starts[1:], attention.shape[-1] * FRAME_S]
    spans = [*read.spans, (len(read.text), len(read.text))]
    ids = [*read.tokens, read.end]
    beginnings = read.beginnings()
    rows = []
    for row, wanted in enumerate(ids):
        before = [place for place in beginnings if place < row and ids[place] != wanted]
        last = next((place for place in reversed(beginnings) if place < row), None)
        here, without = heard.wanted[row], expected.wanted[row]
        again = (here[last], without[last]) if last in before else (_NEVER, _NEVER)
        returns = [here[place] - without[place] for place in before if place != last and here[place] > _RARE]
        back = max([0.0, *returns])
        rows.append(Token(*spans[row], starts[row], ends[row], *map(float, (here[row], heard.best[row], *again, back))))
    attended = (attention / attention.sum(-1, keepdims=True)).mean(0).sum(0)
    return Alignment(tuple(rows[:-1]), rows[-1], attended.astype(np.float32), name)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end - 1 and text[start].isspace():
        start += 1
    return start, end


def _begins_word(text: str, start: int) -> bool:
    """Whether a word, or a sign of a script without spaces, begins at this code point."""
    return text[start].isalnum() and (start == 0 or not text[start - 1].isalnum() or ord(text[start]) >= _NO_SPACES)


def _are_heads(heads: Any, config: Any) -> bool:
    """Whether these are pairs of a layer and a head that the model has."""
    most = (config.decoder_layers, config.decoder_attention_heads)
    return bool(heads) and all(
        len(pair) == len(most) and all(0 <= number < bound for number, bound in zip(pair, most, strict=True))
        for pair in heads
    )


@contextmanager
def _queries_and_keys(model: Any, heads: list[list[int]]) -> Iterator[dict[tuple[int, str], "Tensor"]]:
    """Within the block, what the layers of those heads ask and are offered, by layer and 'q' or 'k'."""
    seen: dict[tuple[int, str], Tensor] = {}
    hooks = []
    for layer in {layer for layer, _ in heads}:
        attention = model.model.decoder.layers[layer].encoder_attn
        for part, module in (("q", attention.q_proj), ("k", attention.k_proj)):
            hooks.append(module.register_forward_hook(lambda _, __, out, key=(layer, part): seen.__setitem__(key, out)))
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _attention(model: Any, heads: list[list[int]], seen: dict[tuple[int, str], "Tensor"], *, frames: int) -> Matrix:
    """How much each head of each row looks at each frame of the recording, not at the padding behind it: [head, row, frame]."""
    import torch

    width = model.config.d_model // model.config.decoder_attention_heads
    rows = []
    for layer, head in heads:
        own = slice(head * width, (head + 1) * width)
        queries, keys = seen[layer, "q"][0, :, own].float(), seen[layer, "k"][0, :frames, own].float()
        rows.append(torch.softmax(queries @ keys.T * width**-0.5, -1))
    found: Matrix = torch.stack(rows).cpu().numpy()
    return found
