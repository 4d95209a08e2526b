"""
What the recogniser would ask of a GPU, seen without one: its load, and its tokens, of which there are as many as the voice says.

Whisper's own loop looks at the card once after each token, to see whether it was the last.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.device.placement import tensors_of
from engines.imports.transformers import import_transformers
from engines.whisper.transcriber import WhisperTranscriber
from tests.standins.fake_gpu import CUDA, Operations, fake_gpu

UP, DOWN = ("cpu", CUDA), (CUDA, "cpu")
RATE = 16_000
SOUND = np.zeros(3 * RATE, np.float32)
SOMETHING_TO_HEAR = True  # the answer to Whisper's first question
# Operations of one more token with six layers and a cache. More is a step back: a token is far shorter than the launch of its kernels.
A_TOKEN = 160


class Enough(Exception):
    """So many tokens were heard."""


@pytest.fixture
def whisper(small_whisper: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[WhisperTranscriber, Operations]]:
    """Whisper-base, its numbers left out, and what its load asked."""
    import_transformers()
    monkeypatch.setattr(torch.backends.cuda, "enable_cudnn_sdp", lambda _: None)
    with fake_gpu(monkeypatch, may_be_real=True):
        operations = Operations(is_answering=True)
        with operations:
            loaded = WhisperTranscriber.load(str(small_whisper), "cuda")
        yield loaded, operations


def heard(whisper: WhisperTranscriber, tokens: int) -> Operations:
    """What so many tokens ask; then the listener is stopped."""
    left = iter(range(tokens + 1))  # it is asked once before the first

    def before_step() -> None:
        if next(left, None) is None:
            raise Enough

    operations = Operations(SOMETHING_TO_HEAR)
    with pytest.raises(Enough), operations:
        whisper.hear(SOUND, RATE, language="en", before_step=before_step)
    return operations


def test_a_load_puts_all_tensors_on_the_card(whisper: tuple[WhisperTranscriber, Operations]) -> None:
    """In half precision; each tensor comes over once, and nothing waits."""
    loaded, asked = whisper
    tensors = [tensor for _, tensor in tensors_of(loaded._pipeline.model)]

    assert {(str(one.device), one.dtype) for one in tensors} == {(CUDA, torch.float16)}
    assert asked.copies == {UP: len(tensors)}
    assert asked.waits == {}


def test_sound_goes_to_the_card_once(whisper: tuple[WhisperTranscriber, Operations]) -> None:
    """The encoder needs one copy and no wait; what it made is kept there for the next question about the same sound."""
    loaded, _ = whisper
    first, again = Operations(), Operations()

    with first:
        loaded._encoded(SOUND, RATE)
    with again:
        states = loaded._encoded(SOUND, RATE)

    assert first.copies == {UP: 1}
    assert str(states.last_hidden_state.device) == CUDA
    assert again.counts == {}


def test_a_token_copies_nothing_and_waits_once(whisper: tuple[WhisperTranscriber, Operations]) -> None:
    """Counted, over what more tokens ask for more; the wait is the loop's own, and our callback adds none."""
    loaded, _ = whisper
    heard(loaded, 1)

    few, many = heard(loaded, 3), heard(loaded, 7)

    assert many.copies == few.copies
    assert many.waits - few.waits == {"utils.py": 4}
    assert (many.counts.total() - few.counts.total()) / 4 == A_TOKEN


def test_an_alignment_waits_for_its_results_alone(whisper: tuple[WhisperTranscriber, Operations]) -> None:
    """Chances and attention, with the sound and without, plainly and primed; a long text asks for no more waits than a short one."""
    loaded, _ = whisper
    loaded.align(SOUND, RATE, "so", language="en")
    short, long = Operations(), Operations()

    with short:
        loaded.align(SOUND, RATE, "hello", language="en")
    with long:
        loaded.align(SOUND, RATE, "hello there, how is the river today", language="en")

    assert short.copies[DOWN] == long.copies[DOWN] == 12
    assert short.copies[UP] == long.copies[UP]
