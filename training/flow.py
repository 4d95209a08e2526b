"""The flow-matching loss of f5_tts.model.CFM.forward, with moments that are mostly early."""

import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.batches import Batch

_NO_PROMPT, _NO_TEXT_NOR_PROMPT = 0.12, 0.1  # shares: of rows; of batches, for classifier-free guidance


def loss_of(model: nn.Module, batch: Batch, lean: float, rng: random.Random, *, bf16: bool) -> Tensor:
    """
    The mean squared error of the flow on the frames to be spoken, at moments u ** lean that spread over the batch.

    A mel is so redundant that from t = 0.2 on it can be read through the noise, text or no text (error 0.23 with the right text,
    0.24 with a wrong one, 2.5 at t = 0). What the letters say is learned before t = 0.1 only, and moments drawn evenly spend nine
    tenths of the work elsewhere.
    """
    mel, text, hidden = batch
    size, device = len(mel), mel.device
    moments = (torch.rand(1, device=device) + torch.arange(size, device=device) / size) % 1
    moments = moments[torch.randperm(size, device=device)] ** lean
    noise, t = torch.randn_like(mel), moments[:, None, None]
    unheard = hidden | (torch.rand(size, 1, device=device) < _NO_PROMPT)
    cond = mel.masked_fill(unheard[..., None], 0.0)
    drop = rng.random() < _NO_TEXT_NOR_PROMPT
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        flow = model(
            x=(1 - t) * noise + t * mel, cond=cond, text=text, time=moments, drop_audio_cond=drop, drop_text=drop
        )
    loss: Tensor = (flow.float() - (mel - noise)).pow(2)[hidden].mean()
    return loss


@contextmanager
def fastest_attention(device: str) -> Iterator[None]:
    """Within the block, and on a CPU, attention is written out: compiled, that is faster than torch's own fused backward."""
    with patch.object(functional, "scaled_dot_product_attention", _attention) if device == "cpu" else nullcontext():
        yield


def _attention(q: Tensor, k: Tensor, v: Tensor, **_nothing: Any) -> Tensor:
    """No mask: chains have none."""
    weights = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
    mixed: Tensor = weights.softmax(-1, dtype=torch.float32).to(v.dtype) @ v
    return mixed
