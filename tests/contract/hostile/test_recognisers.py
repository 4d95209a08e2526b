"""Recogniser folders made with malice: no code in them runs; each is refused by name, or hears as usual."""

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloning.audio.decoding import Recording, decode
from cloning.errors import TranscriptionFailed
from engines.whisper.files import check_asr_model
from engines.whisper.transcriber import WhisperTranscriber
from tests.conftest import SPOKEN


class Folder:
    """A copy of the small Whisper, its weights a link; `canary` must never appear."""

    def __init__(self, path: Path, source: Path, canary: Path) -> None:
        self.path, self.canary = path, canary
        path.mkdir()
        for file in source.iterdir():
            os.link(file, path / file.name) if file.suffix == ".safetensors" else (path / file.name).write_bytes(
                file.read_bytes()
            )

    @property
    def code(self) -> str:
        return f"import pathlib; pathlib.Path({str(self.canary)!r}).touch()\n"

    def json(self, name: str, **changes: object) -> None:
        path = self.path / name
        path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | changes))

    def evil(self, name: str = "evil.py") -> None:
        (self.path / name).parent.mkdir(exist_ok=True)
        (self.path / name).write_text(self.code + "class Evil: pass\ndef generate(*_, **__): pass\n")


class Runs:
    """Pickled, it asks to run the command."""

    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> Any:
        return os.system, (self._command,)


def config_of_code(folder: Folder) -> None:
    folder.evil()
    folder.json("config.json", auto_map={"AutoConfig": "evil.Evil", "AutoModelForSpeechSeq2Seq": "evil.Evil"})


def unknown_type_of_code(folder: Folder) -> None:
    folder.evil()
    folder.json("config.json", model_type="evil", auto_map={"AutoConfig": "evil.Evil"})


def custom_pipeline(folder: Folder) -> None:
    folder.evil()
    pipeline = {"impl": "evil.Evil", "pt": ["AutoModel"], "type": "audio"}
    folder.json("config.json", custom_pipelines={"automatic-speech-recognition": pipeline})


def kernel(folder: Folder) -> None:
    folder.json("config.json", attn_implementation="somebody/kernels")


def quantised(folder: Folder) -> None:
    folder.json("config.json", quantization_config={"quant_method": "custom", "modules": "evil"})


def huge(folder: Folder) -> None:
    folder.json("config.json", d_model=10**9)


def endless(folder: Folder) -> None:
    folder.json("config.json", encoder_layers=float("inf"))


def of_another_kind(folder: Folder) -> None:
    folder.json("config.json", model_type="wav2vec2")


def deep(folder: Folder) -> None:
    (folder.path / "config.json").write_text('{"a":' * 100_000)


def binary(folder: Folder) -> None:
    (folder.path / "config.json").write_bytes(bytes(range(256)))


def a_list(folder: Folder) -> None:
    (folder.path / "config.json").write_text("[]")


def pipe(folder: Folder) -> None:
    os.mkfifo(folder.path / "added_tokens.json")


def pickled_weights(folder: Folder) -> None:
    (folder.path / "model.safetensors").unlink()
    (folder.path / "pytorch_model.bin").write_bytes(pickle.dumps(Runs(f"touch {folder.canary}")))


def foreign_shards(folder: Folder) -> None:
    (folder.path / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"model.encoder.conv1.bias": "../../../../../../etc/passwd"}}
    (folder.path / "model.safetensors.index.json").write_text(json.dumps(index))


def web_page(folder: Folder) -> None:
    (folder.path / "model.safetensors").unlink()
    (folder.path / "model.safetensors").write_text("<html>")


def tokenizer_of_code(folder: Folder) -> None:
    folder.evil()
    folder.json("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", "evil.Evil"]})


def unknown_tokenizer_of_code(folder: Folder) -> None:
    folder.evil()
    folder.json("tokenizer_config.json", tokenizer_class="Evil", auto_map={"AutoTokenizer": ["evil.Evil", None]})


def features_of_code(folder: Folder) -> None:
    folder.evil()
    folder.json(
        "preprocessor_config.json", feature_extractor_type="Evil", auto_map={"AutoFeatureExtractor": "evil.Evil"}
    )


def processor_of_code(folder: Folder) -> None:
    folder.evil()
    folder.json("processor_config.json", processor_class="Evil", auto_map={"AutoProcessor": "evil.Evil"})


def generation_of_code(folder: Folder) -> None:
    folder.evil("custom_generate/generate.py")
    folder.json("generation_config.json", custom_generate="custom_generate")


def adapter(folder: Folder) -> None:
    folder.json("adapter_config.json", base_model_name_or_path="/etc", auto_mapping={"base_model_class": "Evil"})


def modules_beside(folder: Folder) -> None:
    for name in ("__init__.py", "config.py", "sitecustomize.py", "torch.py", "transformers.py"):
        folder.evil(name)


BY_NAME = [
    config_of_code, unknown_type_of_code, custom_pipeline, kernel, quantised, huge, endless, of_another_kind, deep, binary, a_list, pipe,
]  # fmt: skip
AT_LOAD = [
    pickled_weights, foreign_shards, web_page, tokenizer_of_code, unknown_tokenizer_of_code, features_of_code, processor_of_code,
    generation_of_code, adapter, modules_beside,
]  # fmt: skip


@pytest.fixture
def folder(small_whisper: Path, tmp_path: Path) -> Folder:
    return Folder(tmp_path / "whisper", small_whisper, tmp_path / "canary")


@pytest.mark.parametrize("spoil", BY_NAME, ids=lambda spoil: spoil.__name__)
def test_a_configuration_that_asks_for_more_is_refused_before_anything_is_loaded(
    spoil: Callable[[Folder], None], folder: Folder
) -> None:
    """A configuration that asks for more is refused at the worker's start, before the library that would load it is imported."""
    spoil(folder)

    with pytest.raises(TranscriptionFailed, match="can't be loaded") as caught:
        check_asr_model(str(folder.path))
    with pytest.raises(TranscriptionFailed) as again:
        WhisperTranscriber.load(str(folder.path), "cpu")

    assert caught.value.message == again.value.message
    assert str(folder.path) not in caught.value.message
    assert not folder.canary.exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("spoil", AT_LOAD, ids=lambda spoil: spoil.__name__)
def test_no_other_file_of_the_folder_runs(
    spoil: Callable[[Folder], None], folder: Folder, human_wav: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is refused by name, or every word is heard; nobody is asked on stdin whether code may run."""
    spoil(folder)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on stdin"))

    told = outcome(folder, decode(human_wav))

    assert told == SPOKEN or told.startswith("the speech recogniser 'whisper' can't be loaded")
    assert str(folder.path) not in told
    assert not folder.canary.exists()


def outcome(folder: Folder, recording: Recording) -> str:
    """SPOKEN if every word is heard; otherwise what is heard, or the refusal's message."""
    try:
        whisper = WhisperTranscriber.load(str(folder.path), "cpu")
    except TranscriptionFailed as error:
        return error.message
    heard = whisper.transcribe(recording.samples.astype(np.float32), recording.sample_rate, language="en").text
    same = re.findall(r"\w+", heard.lower()) == re.findall(r"\w+", SPOKEN.lower())
    return SPOKEN if same else heard
