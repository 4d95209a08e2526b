"""
Make the training data: sentences of the grammar, spoken by flite, as one packed file.

The same arguments give the same data. On one core a sentence takes about 0.04 s.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from training import grammar, packed
from training.flite import PACE, Flite
from training.mels import Mel, Mels, evenly

_BATCH = 100  # utterances


class Job(NamedTuple):
    """One utterance to make; `heard` keeps its wave."""

    voice: str
    text: str
    even: float
    heard: bool


def jobs(seed: int, voices: list[str], sentences: int, even: float, audio: int) -> Iterator[Job]:
    """Each voice's sentences, the first `audio` of which keep their waves, and the short texts in their natural timing."""
    for voice in voices:
        for number, text in enumerate(grammar.training(seed, voice, sentences)):
            yield Job(voice, text, even, heard=number < audio)
        for text in grammar.SHORT:
            yield Job(voice, text, 0.0, heard=False)


def speak(work: list[Job]) -> list[tuple[Mel, NDArray[np.int16] | None]]:
    """The mel of each job, and its wave if it is to be heard."""
    torch.set_num_threads(1)
    voices, mels, done = {job.voice: Flite(job.voice) for job in work}, Mels(), []
    for voice, text, even, heard in work:
        speech = voices[voice].speak(text)
        mel = evenly(mels.of(speech.samples), text, speech.begins, even, PACE[voice])
        done.append((mel, speech.samples if heard else None))
    return done


def make_data(out: Path, work: list[Job], unseen: list[str], cores: int) -> packed.Corpus:
    """Write the packed file."""
    batches = [work[at : at + _BATCH] for at in range(0, len(work), _BATCH)]
    with ProcessPoolExecutor(cores) as pool:
        done = [one for batch in pool.map(speak, batches) for one in batch]
    mels, waves = [mel for mel, _ in done], [wave for _, wave in done if wave is not None]
    packed.save(out, [job.text for job in work], [job.voice for job in work], mels, waves, unseen)
    return packed.load(out)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.data", description=__doc__)
    parser.add_argument("out", type=Path, help="the file to make (.npz)")
    parser.add_argument("--voices", default="slt,rms", help=f"of {', '.join(PACE)} (default slt,rms)")
    parser.add_argument("--sentences", type=int, default=6000, help="for each voice (default 6000)")
    parser.add_argument("--audio", type=int, default=400, help="waves of each voice, for the vocoder (default 400)")
    parser.add_argument("--even", type=float, default=0.9, help="how far words move to where their letters lie, 0..1")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    work = list(jobs(args.seed, args.voices.split(","), args.sentences, args.even, args.audio))
    corpus = make_data(args.out, work, grammar.unseen(args.seed), args.cores)
    print(f"{len(work)} utterances, {corpus.hours:.2f} h, {args.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
