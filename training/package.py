"""
Make the checkpoint folder that `CHECKPOINT=<folder>` names, from a training's folders and its evaluation.

Its weights lie as the trainer's EMA object has them, `ema.ema_model.*` beside two counters: as some published files do, so that
a worker repairs them (f5_tts's own loader refuses the file as it is).
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

MOST_BYTES = 20_000_000
_NOTE = "trained on a speech synthesiser's voices, for tests and demos: it says sentences of a small English grammar"


def package(acoustic: Path, vocoder: Path, evaluation: Path, out: Path, name: str) -> Path:
    """Write the folder `out`, whole or not at all; returns it. Raises FileExistsError if it is there, ValueError over MOST_BYTES."""
    if out.exists():
        raise FileExistsError(f"{out} is there already: remove it or choose another folder")
    report = json.loads(evaluation.read_text("utf-8"))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as staging:
        folder = Path(staging) / out.name
        (folder / "vocoder").mkdir(parents=True)
        _write_weights(acoustic / "model.safetensors", folder / "model.safetensors")
        shutil.copyfile(acoustic / "vocab.txt", folder / "vocab.txt")
        for file in ("config.yaml", "pytorch_model.bin"):
            shutil.copyfile(vocoder / file, folder / "vocoder" / file)
        _write_evaluation(evaluation, report, folder)
        record = record_of(name, json.loads((acoustic / "arch.json").read_text("utf-8")))
        (folder / "checkpoint.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        (folder / "MODEL_CARD.md").write_text(card(name, report), "utf-8")
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if size > MOST_BYTES:
            raise ValueError(
                f"the folder has {size} bytes, more than {MOST_BYTES}: train with a smaller --dim or --depth"
            )
        folder.rename(out)
    return out


def _write_evaluation(evaluation: Path, report: dict[str, Any], folder: Path) -> None:
    """evaluation.json, the prompts that it used, and their words."""
    shutil.copyfile(evaluation, folder / "evaluation.json")
    (folder / "voices.json").write_text(json.dumps(report["prompts"], indent=2) + "\n", "utf-8")
    (folder / "voices").mkdir()
    for voice in report["prompts"]:
        shutil.copyfile(evaluation.with_name(f"prompt-{voice}.wav"), folder / "voices" / f"{voice}.wav")


def _write_weights(source: Path, target: Path) -> None:
    scalars = {"ema.initted": torch.tensor(True), "ema.step": torch.tensor(0)}
    save_file({f"ema.{name}": tensor for name, tensor in load_file(source).items()} | scalars, target)
    target.chmod(0o644)  # safetensors makes it readable by its owner only


def record_of(name: str, arch: dict[str, Any]) -> dict[str, Any]:
    """checkpoint.json."""
    return {
        "name": name,
        "config": "F5TTS_v1",
        "architecture": {"backbone": "DiT", "arch": arch},
        "mel_spec_type": "vocos",
        "model": "model.safetensors",
        "vocab": "vocab.txt",
        "vocoder": "vocoder",
        "languages": ["en"],
        "license": "MIT",
        "commercial": True,
        "note": _NOTE,
    }


def card(name: str, report: dict[str, Any]) -> str:
    """MODEL_CARD.md, from the evaluation's JSON."""
    trained, settings = report["trained"], report["settings"]
    hours = trained["frames"] * 256 / 24_000 / 3600
    rows = "\n".join(_row(result) for result in report["results"])
    return f"""# {name}

A small F5-TTS (DiT, {report["arch"]["depth"]} layers of {report["arch"]["dim"]}) with its own Vocos, for tests and demos. It says sentences of a small
English grammar in the voice of a prompt. It is not for people's ears, nor for voices of people: it has heard {settings["voices"]} alone,
voices of the speech synthesiser flite. How it was made: `training/README.md`.

Trained for {trained["steps"]} steps, {hours:.1f} hours of speech heard. cfg_strength {settings["cfg"]}; prompts are sentences in no set, at the voice's average pace.

| what speaks | sentences | WER by whisper-base (95 % interval) | n | like the right prompt | like the wrong one | right above wrong |
|---|---|---|---|---|---|---|
{rows}

`unseen` sentences are of the grammar and were never trained on, `seen` ones were, `free` ones hold words outside it. WER counts words
added, dropped and changed, and can be above 1. Likeness is resemblyzer's. Every transcript is in `evaluation.json`; the prompts are in `voices/`, their words in `voices.json`.

## Licence

The weights are MIT, like this project. flite and its voices are free to use with their notices kept: `training/README.md`.
"""


def _row(result: dict[str, Any]) -> str:
    wer, alike = result["wer"], result["likeness"]
    rate = f"{wer['rate']:.3f} ({wer['low']:.3f} to {wer['high']:.3f})"
    voices = [f"{alike[key]:.3f}" for key in ("right", "wrong", "right_wins")] if alike else ["not measured"] * 3
    return f"| {' | '.join([result['system'], result['set'], rate, str(len(result['utterances'])), *voices])} |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.package", description=__doc__)
    parser.add_argument("acoustic", type=Path)
    parser.add_argument("vocoder", type=Path)
    parser.add_argument("evaluation", type=Path, help="evaluation.json of training.evaluate")
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--name", default="small-english")
    args = parser.parse_args()
    try:
        print(package(args.acoustic, args.vocoder, args.evaluation, args.out, args.name))
    except (FileExistsError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
