"""The folder of the small checkpoint that says words."""

import json
from pathlib import Path

import pytest

from local.talker import FILES, find_talker


def make_folder(folder: Path) -> Path:
    """Make all files of the folder, with contents in those that are read."""
    for name in (*FILES, "voices/slt.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "voices.json").write_text(json.dumps({"slt": "Some words."}), "utf-8")
    said = [{"voice": "slt", "errors": 1, "words": 6}, {"voice": "slt", "errors": 2, "words": 6}]
    results = [
        {"system": "model, NFE 32", "set": "unseen", "utterances": []},
        {"system": "model, NFE 16", "set": "unseen", "utterances": said},
    ]
    (folder / "evaluation.json").write_text(json.dumps({"results": results}), "utf-8")
    return folder


def test_prompts_have_their_words_and_voices_their_measured_rates(tmp_path: Path) -> None:
    """A prompt has its words, and its voice the rate that was measured at the used number of steps."""
    talker = find_talker(make_folder(tmp_path))

    assert talker.prompts["slt"].words == "Some words."
    assert talker.prompts["slt"].recording.is_file()
    assert talker.error_rates == {"slt": 0.25}


@pytest.mark.parametrize("name", ["model.safetensors", "vocoder/config.yaml", "voices/slt.wav"])
def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    """A missing file is named with what to do, so no worker gets an incomplete folder."""
    folder = make_folder(tmp_path)
    (folder / name).unlink()

    with pytest.raises(FileNotFoundError, match=rf"has no {name}\..*git restore"):
        find_talker(folder)


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    """All missing files are named in one message, as in a clone without the folder."""
    with pytest.raises(FileNotFoundError, match=r"has no checkpoint\.json, model\.safetensors, .*evaluation\.json"):
        find_talker(tmp_path / "talker")
