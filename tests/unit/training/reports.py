"""What an evaluation writes, by hand."""

from typing import Any


def report(*, likeness: bool = True) -> dict[str, Any]:
    alike = {"right": 0.8, "wrong": 0.55, "right_wins": 0.99} if likeness else None
    wer = {"rate": 0.25, "low": 0.2, "high": 0.3, "errors": 25, "words": 100}
    return {
        "settings": {"voices": "slt,rms", "cfg": "1.0"},
        "arch": {"dim": 64, "depth": 1},
        "prompts": {"slt": "The king slept."},
        "trained": {"steps": 1000, "frames": 3_375_000},
        "results": [
            {"system": "model, NFE 32", "set": "unseen", "wer": wer, "likeness": alike, "utterances": [{}] * 20}
        ],
    }
