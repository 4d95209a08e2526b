"""An engine that hums its texts and one that leaves a word out in given draws, recognisers that hear it, and a service of both."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cloning.planning.f5 import chunk_seed
from cloning.planning.redraws import draw_seed
from cloning.ports import Alignment, LikelihoodRatio, Parameters, Reference, Samples, Unaligned, keep_going
from cloning.service import Service
from cloning.settings import Settings
from storage.folder_store import FolderStore
from tests.conftest import SPOKEN, make_service
from tests.standins.fakes import EchoTranscriber, ManualClock, ToneEngine, evenly_spread, hummed
from tests.unit.cloning.generate.test_passages import upload

JOB_SEED = 7
TEXT = (
    "The quick brown fox jumps over the lazy dog and runs into the forest behind the old house. "
    "Nobody has ever seen it again since that long and cold winter of which the people still speak. "
) * 3
SPEAK: dict[str, Any] = {"voice": "anna", "seed": JOB_SEED, "text": TEXT, "check": "full", "draws": 3}


class Hummer(ToneEngine):
    """Hums syllables, so that a check finds nothing wrong with the sound; `says` changes what `Eavesdropper` hears of a text."""

    def __init__(self, says: Callable[[str], str] = lambda text: text) -> None:
        super().__init__()
        self.says = says
        self.said: dict[bytes, str] = {}

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,
    ) -> Samples:
        noise = super().speak(reference, text, seed=seed, parameters=parameters, before_step=before_step, frugal=frugal)
        hum = hummed(len(noise) / self.sample_rate, self.sample_rate, pitch=100 + seed % 100)
        self.said[hum.tobytes()] = self.says(text)
        return hum


class Eavesdropper(EchoTranscriber):
    """Hears what a `Hummer` says, word for word."""

    def __init__(self, engine: Hummer) -> None:
        super().__init__()
        self._engine = engine

    def hear(
        self,
        samples: Samples,
        sample_rate: int,
        *,
        language: str | None,
        knowing: str = "",
        before_step: Callable[[], None] = keep_going,
    ) -> str:
        before_step()
        return self._engine.said.get(samples.tobytes(), "")

    def align(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> Alignment | Unaligned:
        """Give words that were not said a low probability."""
        said = self.hear(samples, sample_rate, language=language, before_step=before_step).split()
        unsaid = {word for word in text.split() if word not in said}
        return evenly_spread(text, len(samples) / sample_rate, self.model, unsaid)

    def rescore(
        self,
        samples: Samples,
        sample_rate: int,
        text: str,
        others: Sequence[str],
        *,
        language: str | None,
        before_step: Callable[[], None] = keep_going,
    ) -> tuple[LikelihoodRatio, ...]:
        """Another text is likelier where the one that should be said was not."""
        said = self.hear(samples, sample_rate, language=language, before_step=before_step)
        gain = -20.0 if said.split() == text.split() else 20.0
        return tuple(LikelihoodRatio(gain, 0.0) for _ in others)


class Stammerer(Hummer):
    """Leaves out the second word in some draws of some chunks: `faults` has pairs of chunk and draw; the first draw is 0."""

    def __init__(self, *faults: tuple[int, int]) -> None:
        super().__init__()
        self._faulty = {
            draw_seed(JOB_SEED, chunk, draw) if draw else chunk_seed(JOB_SEED, chunk) for chunk, draw in faults
        }

    def speak(
        self,
        reference: Reference,
        text: str,
        *,
        seed: int,
        parameters: Parameters,
        before_step: Callable[[], None] = keep_going,
        frugal: bool = False,
    ) -> Samples:
        wave = super().speak(reference, text, seed=seed, parameters=parameters, before_step=before_step, frugal=frugal)
        words = text.split()
        self.said[wave.tobytes()] = " ".join(words[:1] + words[2:]) if seed in self._faulty else text
        return wave


class Listener(Eavesdropper):
    """Hears the voice's words in everything that the engine has not made, and counts what it is asked."""

    def __init__(self, engine: Hummer) -> None:
        super().__init__(engine)
        self.asked = 0

    def hear(self, samples: Samples, sample_rate: int, **how: Any) -> str:
        self.asked += 1
        return super().hear(samples, sample_rate, **how) or SPOKEN


def world(
    folder: Path, wav: bytes, *faults: tuple[int, int], store: FolderStore | None = None
) -> tuple[Service, Stammerer, Listener]:
    engine = Stammerer(*faults)
    listener = Listener(engine)
    service = serving(folder, engine, listener, store or FolderStore(folder / "bucket"))
    upload(service, wav, transcript=SPOKEN, language="en")
    return service, engine, listener


def serving(
    folder: Path,
    engine: Hummer,
    listener: Listener,
    store: FolderStore,
    clock: ManualClock | None = None,
    name: str = "w1",
) -> Service:
    (folder / "scratch").mkdir(parents=True, exist_ok=True)
    settings = Settings(data_dir=folder / "bucket", model_cache_dir=folder / "models")
    return make_service(settings, store, clock or ManualClock(), engine, listener, folder, worker=name)


def draws(reply: dict[str, Any]) -> list[int]:
    return [chunk["draw"] for chunk in reply["check"]["chunks"]]
