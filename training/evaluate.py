"""
Let a checkpoint speak through f5_tts's own inference, and let Whisper write down what it said.

OUT gets evaluation.json (every transcript, seeds, versions, digests) and the prompts. Beside the model stand its ceilings on the
unseen sentences: flite itself, and flite's mel through the vocoder, timed naturally and as in training.
"""

import argparse
import hashlib
import json
import multiprocessing
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from local.whisper import make_whisper
from training import grammar, packed, runs
from training.judges import Likeness, Listener, Whisper
from training.speaking import Ceiling, Prompt, Speaker, Trained, load_vocoder, make_prompt
from training.words import errors, score, words_of

_PACKAGES = ("torch", "torchaudio", "f5-tts", "vocos", "transformers", "resemblyzer", "numpy")
_PROMPT_SEED, _PROMPT_CHOICE = "prompts", 200
UNSEEN = "unseen"


@dataclass(frozen=True)
class Utterance:
    """A text, who was to say it, what was heard; how alike it is to the right prompt, and to the most similar wrong one."""

    voice: str
    text: str
    heard: str
    errors: int
    words: int
    right: float | None = None
    wrong: float | None = None


class Examiner:
    """Lets speakers say texts, the voices in turn, and judges what comes."""

    def __init__(self, listener: Listener, likeness: Likeness | None, prompts: list[Prompt], seed: int) -> None:
        self._listener, self._likeness, self._prompts, self._seed = listener, likeness, prompts, seed
        self._voices: dict[str, NDArray[np.float32]] = {}
        if likeness:
            said = Ceiling()
            self._voices = {p.voice: likeness.voice_of(said(p, p.text, seed)) for p in prompts}

    def examine(self, speaker: Speaker, system: str, name: str, texts: list[str]) -> dict[str, Any]:
        """The figures of one system on one set, with every transcript."""
        told = list(self._utterances(speaker, texts))
        rate = score([(one.errors, one.words) for one in told], self._seed)
        print(f"{system} {name}: WER {rate.rate:.3f} ({rate.low:.3f} to {rate.high:.3f})", flush=True)
        figures = {"system": system, "set": name, "wer": asdict(rate), "likeness": likeness_of(told)}
        return figures | {"utterances": [asdict(one) for one in told]}

    def _utterances(self, speaker: Speaker, texts: list[str]) -> Iterator[Utterance]:
        for number, text in enumerate(texts):
            prompt = self._prompts[number % len(self._prompts)]
            sound = speaker(prompt, text, self._seed + number)
            heard = self._listener.hear(sound)
            print(f"{prompt.voice}: {text} -> {heard}", flush=True)
            said, meant = words_of(heard), words_of(text)
            alike = self._alike(sound)
            right = alike.pop(prompt.voice, None)
            wrong = max(alike.values(), default=None)
            yield Utterance(prompt.voice, text, heard, errors(said, meant), len(meant), right, wrong)

    def _alike(self, sound: NDArray[np.float32]) -> dict[str, float]:
        if self._likeness is None:
            return {}
        mine = self._likeness.voice_of(sound)
        return {voice: float(mine @ other) for voice, other in self._voices.items()}


def likeness_of(told: list[Utterance]) -> dict[str, float] | None:
    """Mean likeness to the right and to the wrong prompt, and the share of utterances that are more like the right one."""
    pairs = [(one.right, one.wrong) for one in told if one.right is not None and one.wrong is not None]
    if not pairs:
        return None
    right, wrong = np.array(pairs).T
    return {"right": float(right.mean()), "wrong": float(wrong.mean()), "right_wins": float((right > wrong).mean())}


def sets_of(corpus: packed.Corpus, voices: list[str], names: list[str], count: int, seed: int) -> dict[str, list[str]]:
    """`count` unseen sentences, and a quarter as many of each other set; seen ones by the voice whose turn it is."""
    every = {
        UNSEEN: corpus.unseen,
        "seen": _seen(corpus, voices, count, random.Random(seed)),
        "free": list(grammar.FREE),
        "demo": list(grammar.DEMO),
        "short": list(grammar.SHORT),
    }
    return {name: every[name][: count if name == UNSEEN else max(1, count // 4)] for name in names}


def _seen(corpus: packed.Corpus, voices: list[str], count: int, rng: random.Random) -> list[str]:
    said = list(zip(corpus.voices, corpus.texts, strict=True))
    texts = {voice: [text for one, text in said if one == voice and text not in grammar.SHORT] for voice in voices}
    turns = zip(*(rng.sample(texts[voice], min(count, len(texts[voice]))) for voice in voices), strict=False)
    return [text for turn in turns for text in turn]


def prompt_texts(corpus: packed.Corpus) -> list[str]:
    """Sentences of no set, from which each voice takes the one that it says at its average pace."""
    taken = {*corpus.texts, *corpus.unseen, *grammar.SHORT, *grammar.DEMO, *grammar.FREE}
    return grammar.sentences(random.Random(_PROMPT_SEED), _PROMPT_CHOICE, taken)


def provenance(acoustic: Path, vocoder: Path) -> dict[str, Any]:
    """What was measured, and with what."""
    state = torch.load(acoustic / "state.pt", map_location="cpu", weights_only=True, mmap=True)
    files = {"model": acoustic / "model.safetensors", "vocoder": vocoder / "pytorch_model.bin"}
    return {
        "trained": {"steps": state["step"], "frames": state["spoken"]},
        "arch": json.loads((acoustic / "arch.json").read_text("utf-8")),
        "sha256": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()},
        "versions": {package: _version(package) for package in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _likeness() -> Likeness | None:
    try:
        return Likeness()
    except ModuleNotFoundError as error:
        print(f"voices are not compared: {error.name} is not installed (`uv sync --group training`)")
        return None


@dataclass(frozen=True)
class System:
    """What speaks: the model with so many solver steps, else a ceiling (flite, or its mel through the vocoder)."""

    nfe: int | None = None
    ceiling: str = ""
    has_vocoder: bool = False
    even: float = 0.0

    def speaker(self, args: argparse.Namespace, device: str) -> tuple[str, Speaker]:
        """Its name, and the loaded speaker."""
        vocoder = load_vocoder(args.vocoder, device) if self.nfe or self.has_vocoder else None
        if self.nfe:
            return f"model, NFE {self.nfe}", Trained(args.acoustic, vocoder, device, self.nfe, args.cfg)
        return self.ceiling, Ceiling(vocoder, device, self.even)


def _ceilings(even: float) -> list[System]:
    return [
        System(ceiling="flite"),
        System(ceiling="flite's mel, our vocoder", has_vocoder=True),
        System(ceiling="the same, timed as in training", has_vocoder=True, even=even),
    ]


@dataclass(frozen=True)
class Task:
    """One system and one set: work for a process of its own."""

    args: argparse.Namespace
    prompts: list[Prompt]
    system: System
    name: str
    texts: list[str]


def _examine(task: Task) -> dict[str, Any]:
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name, speaker = task.system.speaker(task.args, device)
    examiner = Examiner(Whisper(task.args.whisper, device), _likeness(), task.prompts, task.args.seed)
    return examiner.examine(speaker, name, task.name, task.texts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("acoustic", type=Path, help="folder of training.acoustic")
    parser.add_argument("vocoder", type=Path, help="folder of training.vocoder")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--whisper", type=Path, default=Path(".cache/whisper-base"), help="made if it isn't there")
    parser.add_argument("--voices", default="slt,rms")
    parser.add_argument("--sets", default="unseen,seen,free", help="of unseen, seen, free, demo, short")
    parser.add_argument("--count", type=int, default=100, help="unseen sentences; a quarter of it in other sets")
    parser.add_argument("--nfe", default="32,16", help="solver steps (default 32,16)")
    parser.add_argument("--cfg", type=float, default=1.0, help="cfg_strength; 2.0 overshoots in so small a model")
    parser.add_argument("--even", type=float, default=0.9, help="what the data was made with")
    parser.add_argument(
        "--cores", type=int, default=1, help="systems and sets that are examined at once, on a thread each"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """The command line."""
    args = _arguments()
    begun = time.monotonic()
    corpus, voices = packed.load(args.data), args.voices.split(",")
    sets = sets_of(corpus, voices, args.sets.split(","), args.count, args.seed)
    prompts = [make_prompt(voice, prompt_texts(corpus), args.out) for voice in voices]
    make_whisper(args.whisper)
    tasks = [Task(args, prompts, System(int(nfe)), name, sets[name]) for nfe in args.nfe.split(",") for name in sets]
    if UNSEEN in sets:
        tasks += [Task(args, prompts, ceiling, UNSEEN, sets[UNSEEN]) for ceiling in _ceilings(args.even)]
    with ProcessPoolExecutor(args.cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = list(pool.map(_examine, tasks))
    report = {
        "settings": {name: str(value) for name, value in vars(args).items() if not isinstance(value, Path)},
        **provenance(args.acoustic, args.vocoder),
        "prompts": {prompt.voice: prompt.text for prompt in prompts},
        "results": results,
        "seconds": round(time.monotonic() - begun),
    }
    text = json.dumps(report, indent=1) + "\n"
    runs.write_whole(args.out / "evaluation.json", lambda path: path.write_text(text, "utf-8"))


if __name__ == "__main__":
    main()
