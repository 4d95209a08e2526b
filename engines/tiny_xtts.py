"""
A small XTTS checkpoint for tests and machines that can't download a real one: the official class, random weights (92 MB).

Every part has its real form; the speech model is small, the decoder and the speaker encoder have coqui-tts's fixed size. It speaks
a second of noise. Its file has the official layout: weights beside a pickled configuration that the official loader would rewrite
in place, so that the preparation is used too. `python -m engines.tiny_xtts OUT` makes it.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.tiny import NOTE, make_lively
from engines.xtts import import_xtts

if TYPE_CHECKING:
    from torch import Tensor

TINY_ARGS: dict[str, Any] = {
    "gpt_layers": 2,
    "gpt_n_model_channels": 64,
    "gpt_n_heads": 4,
    "gpt_max_audio_tokens": 605,
    "gpt_max_text_tokens": 402,
    "gpt_max_prompt_tokens": 70,
    "gpt_num_audio_tokens": 66,
    "gpt_start_audio_token": 64,
    "gpt_stop_audio_token": 65,
    "gpt_code_stride_len": 1024,
    "gpt_use_perceiver_resampler": True,
    "decoder_input_dim": 64,
}
LANGUAGES = ("ar", "cs", "de", "en", "es", "fr", "hi", "hu", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "zh")
_STOP_BIAS = 3.0  # it ends after some ten tokens, half a second
_GAIN = 0.25  # so that the drawn tokens depend on the text


def make_xtts_checkpoint(out: Path, *, seed: int = 0) -> Path:
    """
    Write the folder `out` (checkpoint.json, model.pth, vocab.json) atomically and return it. Needs coqui-tts.

    The same seed gives the same weights; a folder with a checkpoint.json is left unchanged.
    """
    if (out / "checkpoint.json").is_file():
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as staging:
        folder = Path(staging) / out.name
        folder.mkdir()
        _write(folder, seed)
        (folder / "checkpoint.json").write_text(json.dumps(_card(seed), indent=2) + "\n", "utf-8")
        try:
            folder.rename(out)
        except OSError:
            if not (out / "checkpoint.json").is_file():  # else another process was faster, with the same weights
                raise
    return out


def _card(seed: int) -> dict[str, Any]:
    return {
        "name": f"tiny-xtts-random-{seed}",
        "config": "XTTS_v2",
        "architecture": {"backbone": "Xtts", "arch": TINY_ARGS},
        "model": "model.pth",
        "vocab": "vocab.json",
        "languages": LANGUAGES,
        "license": "MIT",
        "commercial": True,
        "note": NOTE,
    }


def _write(folder: Path, seed: int) -> None:
    import torch

    xtts = import_xtts()
    (folder / "vocab.json").write_text(json.dumps(vocabulary()), "utf-8")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config, weights = _weights(xtts, folder / "vocab.json")
    with xtts._legacy_safe_globals():  # noqa: SLF001 - the names that the classes had when the official file was made
        torch.save({"model": weights, "config": config}, folder / "model.pth")


def _weights(xtts: Any, vocab: Path) -> "tuple[Any, dict[str, Tensor]]":
    import torch

    config = xtts.XttsConfig(model_args=xtts.XttsArgs(**TINY_ARGS))
    model = xtts.Xtts(config)
    model.tokenizer = xtts.VoiceBpeTokenizer(vocab_file=vocab)
    model.init_models()
    with torch.no_grad():
        model.gpt.mel_head.weight.normal_(std=_GAIN)
        model.gpt.text_embedding.weight.normal_()
        make_lively(model.gpt.gpt, {"attn|mlp": 1.0})
        model.gpt.mel_head.bias[TINY_ARGS["gpt_stop_audio_token"]] += _STOP_BIAS
    return config, model.state_dict()


def vocabulary() -> dict[str, Any]:
    """A vocab.json with a token for each letter, as XTTS's tokenizer reads it."""
    tags = [f"[{'zh-cn' if language == 'zh' else language}]" for language in LANGUAGES]
    letters = [*"abcdefghijklmnopqrstuvwxyz", *".,!?'-:;\"()", *"0123456789"]
    entries = ["[STOP]", "[UNK]", "[SPACE]", *letters, *tags, "[START]"]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": index, "content": entry, **plain} for index, entry in enumerate(entries) if entry.startswith("[")]
    tokens = {entry: index for index, entry in enumerate(entries)}
    model = {"type": "BPE", "vocab": tokens, "merges": [], "unk_token": "[UNK]"}
    return {"version": "1.0", "added_tokens": added, "pre_tokenizer": {"type": "Whitespace"}, "model": model}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m engines.tiny_xtts", description="Make an XTTS checkpoint folder with random weights."
    )
    parser.add_argument("out", type=Path, help="folder to make; left unchanged if it holds a checkpoint already")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same weights (default 0)")
    arguments = parser.parse_args()
    make_xtts_checkpoint(arguments.out, seed=arguments.seed)


if __name__ == "__main__":
    main()
