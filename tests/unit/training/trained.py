"""Trainings of a few steps, at a size that takes a second."""

import random
from collections.abc import Callable
from pathlib import Path

from tests.unit.training.corpora import LEVELS, corpus
from training import acoustic, runs, vocoder
from training.batches import Chains, Choices
from training.mels import at_model_rate


def ticking(seconds: float = 20.0) -> Callable[[], float]:
    """A clock that is so much later each time it is read."""
    now = [0.0]

    def clock() -> float:
        now[0] += seconds
        return now[0]

    return clock


def acoustic_training() -> acoustic.Training:
    chains = Chains(corpus(), Choices(tuple(LEVELS), lengths=(384,)), random.Random(0))
    settings = acoustic.Settings(frames=768)
    return acoustic.Training(acoustic.arch_of(dim=64, depth=1, text_dim=32), chains, settings, "cpu")


def train_acoustic(out: Path) -> acoustic.Training:
    """Train for minutes of a fast clock: a few steps."""
    training = acoustic_training()
    acoustic.train(training, random.Random(0), runs.Run(3, ticking()), out)
    return training


def train_vocoder(out: Path) -> vocoder.Training:
    training = vocoder.Training(out, vocoder.config_of(dim=32, layers=1), "cpu", seed=0)
    vocoder.train(training, [at_model_rate(wave.numpy()) for wave in corpus().waves], runs.Run(3, ticking()))
    return training
