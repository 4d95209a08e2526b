"""Models of the settings that can't exist are reported at the worker's start and in health, before anything is fetched or loaded."""

import logging
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cloning.clock import SystemClock
from cloning.errors import StorageUnavailable
from cloning.model_problems import model_problems
from cloning.service import Call, Service
from cloning.settings import Settings
from handler import answer
from model_cache.catalog import CARD
from worker.assembly import build
from worker.fitness import checks, tell_unusable_models

Deploy = Callable[..., Service]


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    """The worker of some settings as it is built at its start; '{here}' in a setting is this test's folder."""

    def start(**chosen: Any) -> Service:
        (tmp_path / "scratch").mkdir(exist_ok=True)
        here: dict[str, Any] = {
            name: value.format(here=tmp_path) if isinstance(value, str) else value for name, value in chosen.items()
        }
        places: dict[str, Any] = {"data_dir": tmp_path / "bucket", "model_cache_dir": tmp_path / "models"}
        return build(Settings(device="cpu", **places, **here), SystemClock(), tmp_path / "scratch")

    return start


@pytest.fixture
def here(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    """Folders that are no checkpoint, no vocoder and no recogniser, each in its own way."""
    shutil.copytree(tiny_checkpoint, tmp_path / "good")
    shutil.copytree(tiny_checkpoint, tmp_path / "cut")
    lines = (tmp_path / "cut" / "vocab.txt").read_bytes().splitlines(keepends=True)
    (tmp_path / "cut" / "vocab.txt").write_bytes(b"".join(lines[:100]))
    shutil.copytree(tiny_checkpoint, tmp_path / "page")
    (tmp_path / "page" / "model.safetensors").write_text("<html>Sign in</html>")
    shutil.copytree(tiny_checkpoint, tmp_path / "no-model")
    (tmp_path / "no-model" / "model.safetensors").unlink()
    shutil.copytree(tiny_checkpoint, tmp_path / "no-card")
    (tmp_path / "no-card" / CARD).unlink()
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    return tmp_path


CHECKPOINTS = {
    "F5TTS_v1_base": "unknown checkpoint 'F5TTS_v1_base': choose one of F5TTS_v1_Base",
    "SWivid/F5-TTS": "there is no checkpoint folder 'F5-TTS'",
    "{here}/nowhere": "there is no checkpoint folder 'nowhere'",
    "{here}/empty": f"has no {CARD}",
    "{here}/no-card": f"has no {CARD}",
    "{here}/file": "'file' is a file: name the folder",
    "{here}/good/model.safetensors": "'model.safetensors' is a file: name the folder",
    "{here}/no-model": "no file model.safetensors",
    "{here}/page": "it is a web page",
    "{here}/cut": "a vocabulary of 2545 entries, vocab.txt has 100",
    "a b": "unknown checkpoint 'a b'",
    "F5-TTS-Arabic-SILMA-Small": "not known which configuration",
    "XTTS_v2": "is for the engine 'xtts'",
}
CASES = [("CHECKPOINT", {"checkpoint": name}, said) for name, said in CHECKPOINTS.items()]
CASES += [
    ("VOCODER_PATH", {"checkpoint": "{here}/good", "vocoder_path": f"{{here}}/{name}"}, said)
    for name, said in (("nowhere", "no file config.yaml"), ("empty", "no file config.yaml"))
]
CASES += [
    ("ASR_MODEL", {"asr_model": name}, said)
    for name, said in (
        ("{here}/nowhere", "there is no such folder"),
        ("{here}/empty", "no config.json"),
        ("{here}/file", "there is no such folder"),
        ("openai/whisper large", "not a name on the hub"),
        ("a/b/c", "not a name on the hub"),
        ("~/whisper", "there is no such folder"),
    )
]


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("checkpoint", "hf://SWivid/F5-TTS", "is a URL"),
        ("vocoder_path", "{here}/file", "is a file, and a folder is needed"),
        ("asr_model", "https://huggingface.co/openai/whisper-base", "is a URL"),
    ],
)
def test_what_no_model_can_be_is_refused_with_the_settings(
    setting: str, value: str, said: str, deploy: Deploy, here: Path
) -> None:
    """A value that can't name a model is refused with the settings, by the setting's name, before anything is built."""
    with pytest.raises(ValidationError, match=said) as refused:
        deploy(**{setting: value})

    assert [error["loc"] for error in refused.value.errors()] == [(setting,)]


@pytest.mark.parametrize(("setting", "chosen", "said"), CASES, ids=lambda value: str(value)[:60])
def test_a_model_that_cannot_be_is_told_at_the_start_and_in_health(
    setting: str, chosen: dict[str, str], said: str, deploy: Deploy, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A model that can't be used is logged at the start and degrades health, by its setting and as not retryable; nothing is loaded."""
    service = deploy(**chosen)
    problems = model_problems(service.settings, service.engines, service.transcribers)

    health = answer(service, {"action": "health"}, Call("health"))
    tell_unusable_models(problems)

    assert list(problems) == [setting]
    assert (health["status"], health["engine"], health["transcriber"]) == ("degraded", None, None)
    assert [problem["details"]["setting"] for problem in health["problems"]] == [setting]
    assert not any(problem["retryable"] for problem in health["problems"])
    for told in (health["problems"][0]["message"], caplog.records[-1].__dict__["reason"]):
        assert told.startswith(f"this deployment's {setting} can't be used")
        assert said in told
        assert str(here) not in told
    assert caplog.records[-1].levelno == logging.WARNING


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"checkpoint": "{here}/good", "vocoder_path": "{here}/good/vocoder"},
        {"checkpoint": "F5-TTS-pt-br", "asr_model": "openai/whisper-large-v3"},
        {"asr_model": "whisper"},
        {"engine": "xtts", "xtts_license_accepted": True, "checkpoint": "{here}/nowhere"},
    ],
    ids=str,
)
def test_what_can_be_is_no_problem(chosen: dict[str, Any], deploy: Deploy, here: Path) -> None:
    """A model that may exist is no problem: nothing is fetched to find out, and unused engines' checkpoints aren't checked."""
    service = deploy(**chosen)

    assert here.is_dir()
    assert model_problems(service.settings, service.engines, service.transcribers) == {}
    assert answer(service, {"action": "health"}, Call("health"))["problems"] == []


def test_such_a_worker_goes_on(deploy: Deploy, caplog: pytest.LogCaptureFixture) -> None:
    """The last fitness check reports the problem without ending the worker, because other actions and checkpoints still work."""
    service = deploy(checkpoint="F5TTS_v1_base")
    problems = partial(model_problems, service.settings, service.engines, service.transcribers)

    checks(service.settings, service.store, lambda: None, problems)[-1]()

    assert [record.message for record in caplog.records] == ["setting.unusable"]
    assert "unknown checkpoint 'F5TTS_v1_base'" in caplog.records[0].__dict__["reason"]


def test_every_engine_that_may_speak_is_looked_at(deploy: Deploy, here: Path) -> None:
    """The checkpoints of all engines that may speak are checked, the fallback's too."""
    service = deploy(
        checkpoint=f"{here}/nowhere", xtts_checkpoint=f"{here}/empty", fallback=("xtts",), xtts_license_accepted=True
    )

    assert list(model_problems(service.settings, service.engines, service.transcribers)) == [
        "CHECKPOINT",
        "XTTS_CHECKPOINT",
    ]


def test_a_bucket_that_is_away_is_no_problem_of_the_models(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the bucket is down, a checkpoint that may be in it is no problem: it neither ends the worker nor is asked for by health."""
    service = deploy(checkpoint="mine")
    asked = []

    def away(*what: object) -> None:
        asked.append(what)
        raise StorageUnavailable("the bucket does not answer")

    monkeypatch.setattr(type(service.store), "check", away)
    monkeypatch.setattr(type(service.store), "get", away)

    assert model_problems(service.settings, service.engines, service.transcribers) == {}
    asked.clear()
    health = answer(service, {"action": "health"}, Call("health"))

    assert (health["problems"], health["store"]["reachable"], len(asked)) == ([], False, 1)


def test_a_checkpoint_of_the_bucket_is_known_by_its_card(deploy: Deploy, tiny_checkpoint: Path) -> None:
    """A checkpoint in the bucket is recognised by its card, without its weights."""
    service = deploy(checkpoint="mine")
    card = (tiny_checkpoint / CARD).read_text().replace("tiny-random-0", "mine")
    before = model_problems(service.settings, service.engines, service.transcribers)
    service.store.put("checkpoints/mine/checkpoint.json", card.encode(), content_type="application/json")

    assert list(before) == ["CHECKPOINT"]
    assert model_problems(service.settings, service.engines, service.transcribers) == {}
