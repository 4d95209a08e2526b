"""
Whisper's likelihood of several texts in one recording, to rescore what was heard.

Whisper's prompt has the text's words, each twice, as if they had been said before. It then spells them as the text does, and leaves out
no word that is said twice. All texts are scored in one pass.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cloning.ports import LikelihoodRatio, Unaligned
from engines.whisper.alignment import Aligner

if TYPE_CHECKING:
    from torch import Tensor

_MORE = 16  # tokens that may be heard beyond those of the text: Whisper may repeat itself without end
_NEVER = -float("inf")


class Rescorer:
    """Asks a Whisper. `aligner` is that of the same model."""

    def __init__(self, model: Any, tokenizer: Any, aligner: Aligner) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._aligner = aligner
        self._end = model.generation_config.eos_token_id
        self._longest = model.config.max_target_positions

    def hear(self, states: Any, text: str, language: str | None, before_step: Callable[[], None]) -> str:
        """What is heard in what the encoder made of a recording, the text's words being known. '' if the text can't be asked for."""
        asked = self._aligner.question(states, text, language)
        if isinstance(asked, Unaligned):
            return ""
        most = min(len(asked.read.tokens) + _MORE, self._longest - len(asked.primed))
        heard: str = self._tokenizer.decode(self._greedy(states, asked.primed, most, before_step))
        return heard.strip()

    def rescore(
        self, states: Any, silence: Any, text: str, others: Sequence[str], language: str | None
    ) -> tuple[LikelihoodRatio, ...]:
        """As `Transcriber.rescore`; `states` is the encoder's output for the recording, `silence` that for no sound."""
        asked = self._aligner.question(states, text, language)
        if isinstance(asked, Unaligned):
            return tuple(LikelihoodRatio(_NEVER, 0.0) for _ in others)
        texts = [asked.read.tokens, *map(self._aligner.tokens, others)]
        sums = [self._likelihoods(one, asked.primed, texts) for one in (states, silence)]
        return tuple(LikelihoodRatio(*column) for column in np.stack([own[1:] - own[0] for own in sums]).T.tolist())

    def _greedy(self, states: Any, prompt: list[int], most: int, before_step: Callable[[], None]) -> list[int]:
        """The likeliest token each time, of those that are text."""
        import torch

        said: list[int] = []
        ids, cache = prompt, None
        while len(said) < most:
            before_step()
            asked = torch.tensor([ids], device=self._model.device)
            with torch.no_grad():
                answer = self._model(
                    decoder_input_ids=asked, encoder_outputs=states, past_key_values=cache, use_cache=True
                )
            cache = answer.past_key_values
            ids = [int(answer.logits[0, -1, : self._end + 1].argmax())]
            if ids[0] == self._end:
                break
            said += ids
        return said

    def _likelihoods(self, states: Any, prompt: list[int], texts: Sequence[list[int]]) -> NDArray[np.float64]:
        """The log-probability of each text with its end; those that are too long have none."""
        room = self._longest - len(prompt)
        fit = [tokens if len(tokens) <= room else [] for tokens in texts]
        found = batched_log_probabilities(self._model, states, prompt, fit, self._end)
        sums = [
            float(sum(rows[place, token] for place, token in enumerate([*own, self._end])))
            for rows, own in zip(found.cpu(), fit, strict=True)
        ]
        return np.array([one if len(own) <= room else _NEVER for one, own in zip(sums, texts, strict=True)])


def batched_log_probabilities(
    model: Any, states: Any, prompt: list[int], texts: Sequence[list[int]], end: int
) -> "Tensor":
    """What each token is worth at each place of the texts, and behind them, all in one pass: [text, place, token]."""
    import torch

    most = max(map(len, texts))
    rows = [[prompt[-1], *tokens, *[end] * (most - len(tokens))] for tokens in texts]
    ids = torch.tensor(rows, device=model.device)
    begun = torch.tensor([prompt[:-1]], device=model.device)
    with torch.no_grad():
        cache = model(decoder_input_ids=begun, encoder_outputs=states, use_cache=True).past_key_values
        cache.self_attention_cache.batch_repeat_interleave(len(rows))
        logits = model(decoder_input_ids=ids, encoder_outputs=states, past_key_values=cache, use_cache=True).logits
    return torch.log_softmax(logits.float(), -1)
