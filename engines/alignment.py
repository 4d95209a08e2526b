"""
A known text laid over a recording by Whisper itself.

One pass of the decoder over the whole text gives each token's probability; the heads of its attention that follow the sound (OpenAI
published which) give each token's place, as OpenAI's own word times do, but for the text being known. What the heads attend to is
read from their queries and keys: the attention itself stays as transcription has it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cloning.ports import Alignment, Token, Unaligned

if TYPE_CHECKING:
    from torch import Tensor

Matrix = NDArray[np.floating[Any]]

FRAME_S = 0.02  # of the encoder's output
_MEDIAN = 7  # frames
_NEVER = -20.0
_RARE = -8.0  # a return that is less likely is none, however little the text alone makes of it
_NO_SPACES = 0x2E80  # kana, hanzi and what else is written without spaces begin here


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
        if self.unable:
            return Unaligned(self.unable, self._name)
        tokens, spans = self._tokens(text)
        prompt = self._prompt(states, language)
        if not (prompt and tokens):
            return Unaligned("no_text" if prompt else "language", self._name)
        if len(prompt) + len(tokens) > self._model.config.max_target_positions:
            return Unaligned("text_too_long", self._name)
        read = Text(text, tokens, spans, self._config.eos_token_id)
        expected, _ = self._forced(silence, prompt, read, frames=1)
        chances, attention = self._forced(states, prompt, read, frames=max(1, round(seconds / FRAME_S)))
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


def token_starts(attention: Matrix) -> list[int]:
    """
    The frame at which each token begins, and at last the one where the end token does.

    As OpenAI's word times: each head normalised over the tokens, smoothed by a median over time, the mean of them walked through.
    """
    spread = attention.std(axis=1, keepdims=True)
    normal = (attention - attention.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    return warp(-_smoothed(normal).mean(axis=0))


def _smoothed(heads: Matrix) -> Matrix:
    """A median filter along time, mirrored at the edges; recordings shorter than it stay as they are."""
    half = _MEDIAN // 2
    if heads.shape[-1] <= half:
        return heads
    padded = np.pad(heads, [(0, 0), (0, 0), (half, half)], mode="reflect")
    smooth: Matrix = np.median(np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN, axis=-1), axis=-1)
    return smooth


def warp(cost: Matrix) -> list[int]:
    """
    The column at which each row of the cheapest monotone path begins (dynamic time warping).

    A row's costs are sums along it, so that each row is one pass of numpy: the best way to reach column j is the best entry from the
    row above, plus what lies between.
    """
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    for row in range(rows):
        along = np.concatenate(([0.0], np.cumsum(cost[row])))
        enter = np.minimum(total[row, 1:], total[row, :-1])
        total[row + 1, 1:] = along[1:] + np.minimum.accumulate(enter - along[:-1])
    return _way_back(total, cost)


def _way_back(total: Matrix, cost: Matrix) -> list[int]:
    row, column = (size - 1 for size in cost.shape)
    starts = [0] * cost.shape[0]
    while row >= 0:
        starts[row] = column
        above = min(total[row, column], total[row, column + 1])
        if column and total[row + 1, column] < above:
            column -= 1
        else:
            column -= int(total[row, column] <= total[row, column + 1])
            row -= 1
    return starts
