"""A recogniser and a phone model whose answers are kept, so that constants are tried in seconds."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults import RATE
from cloning.checking import SLOWER
from cloning.ports import AddedPhones, Alignment, LikelihoodRatio, PhoneModel, Samples, Token, Transcriber
from engines.phones.pocketsphinx import Pocketsphinx
from engines.whisper.transcriber import WhisperTranscriber


@dataclass
class Listener:
    """A recogniser whose answers are kept in a file: a second run costs nothing."""

    transcriber: Transcriber
    phones: PhoneModel
    file: Path | None
    answers: dict[str, Any]

    @classmethod
    def open(cls, whisper: Path, file: Path | None) -> "Listener":
        """Load the recogniser, and what is in the file."""
        known = json.loads(file.read_text("utf-8")) if file and file.exists() else {}
        return cls(WhisperTranscriber.load(str(whisper), "cpu"), Pocketsphinx(), file, known)

    def align(self, samples: Samples, text: str) -> Alignment:
        """The alignment."""
        own = self._answers_of(samples, text)
        if "alignment" not in own:
            alignment = self.transcriber.align(samples, RATE, text, language="en")
            assert isinstance(alignment, Alignment), alignment
            own["alignment"] = as_json(alignment)
        return as_alignment(own["alignment"])

    def hear(self, samples: Samples, text: str) -> list[str]:
        """What is heard, and what by who knows the text, at its pace and slower."""
        own = self._answers_of(samples, text)
        asked = (("heard", RATE, ""), ("known", RATE, text), ("slower", round(RATE * SLOWER), text))
        for name, rate, knowing in asked:
            if name not in own:
                own[name] = self.transcriber.hear(samples, rate, language="en", knowing=knowing)
        return [own[name] for name, _, _ in asked]

    def guess(self, samples: Samples, text: str) -> list[str]:
        """The text with words that may have been added."""
        own = self._answers_of(samples, text)
        if "guessed" not in own:
            own["guessed"] = list(self.transcriber.guess(samples, RATE, text, language="en"))
        guessed: list[str] = own["guessed"]
        return guessed

    def rescore(self, samples: Samples, text: str, others: Sequence[str]) -> list[LikelihoodRatio]:
        """How much the sound speaks for the other texts."""
        weights = self._answers_of(samples, text).setdefault("weights", {})
        if new := [other for other in others if other not in weights]:
            told = self.transcriber.rescore(samples, RATE, text, new, language="en")
            weights |= {other: astuple(weight) for other, weight in zip(new, told, strict=True)}
        return [LikelihoodRatio(*weights[other]) for other in others]

    def added(self, samples: Samples, text: str) -> AddedPhones | None:
        """What the phone model says."""
        own = self._answers_of(samples, text)
        if "added" not in own:
            found = self.phones.added(samples, RATE, text, language="en")
            own["added"] = found and astuple(found)
        return AddedPhones(*own["added"]) if own["added"] else None

    def _answers_of(self, samples: Samples, text: str) -> dict[str, Any]:
        key = hashlib.sha256(samples.tobytes() + text.encode()).hexdigest()[:24]
        own: dict[str, Any] = self.answers.setdefault(key, {})
        return own

    def close(self) -> None:
        """Write the file."""
        if self.file:
            self.file.write_text(json.dumps(self.answers), "utf-8")


def as_json(alignment: Alignment) -> dict[str, Any]:
    """The alignment as plain values."""
    primed = as_json(alignment.primed) if alignment.primed else None
    attended = [round(float(one), 5) for one in alignment.attended]
    return asdict(alignment) | {"attended": attended, "primed": primed}


def as_alignment(told: dict[str, Any]) -> Alignment:
    """What `as_json` was given."""
    tokens = tuple(Token(**token) for token in (*told["tokens"], told["end"]))
    primed = as_alignment(told["primed"]) if told["primed"] else None
    return Alignment(tokens[:-1], tokens[-1], np.array(told["attended"], np.float32), told["model"], primed)
