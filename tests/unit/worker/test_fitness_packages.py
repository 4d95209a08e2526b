"""A worker's packages and their versions are checked before it takes jobs."""

import sys
import tomllib
from typing import Any

import pytest

from cloning.jobs.conditional_writes import Conditions
from cloning.settings import Settings
from cloning.versions import versions
from storage.folder_store import FolderStore
from tests.conftest import ROOT
from worker import fitness
from worker.fitness import Unfit, checks, versions_are_known


def test_the_versions_that_we_lean_on_are_the_pinned_ones() -> None:
    """fitness.EXACT and pyproject.toml have the same versions."""
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    needs = {need.split(";")[0].strip() for need in pinned["worker"]}

    assert {f"{name}=={version}" for name, version in fitness.EXACT.items()} <= needs


@pytest.mark.parametrize(
    ("changes", "python", "says"),
    [
        ({"torch": None, "vocos": None}, (3, 11), "torch, vocos not installed"),
        ({"runpod": "1.13.0"}, (3, 11), "runpod 1.13.0 is installed and 1.12.0"),
        ({}, (3, 13), "Python 3.13"),
    ],
)
def test_an_unknown_version_is_told(changes: dict[str, str | None], python: tuple[int, int], says: str) -> None:
    """An untested version is reported before a job meets what has changed."""
    versions_are_known(versions(), sys.version_info[:2])
    with pytest.raises(Unfit, match=says):
        versions_are_known({**versions(), **changes}, python)


def test_an_image_without_the_extra_is_fit(
    settings: Settings, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """XTTS is an extra: without it a worker starts, if no setting asks for XTTS."""
    monkeypatch.setattr(fitness, "versions", lambda: {**versions(), "coqui-tts": None})

    for check in checks(settings, store, Conditions(store, lambda: "w1").probe):
        check()


@pytest.mark.parametrize("chosen", [{"engine": "xtts"}, {"fallback": ("xtts",)}], ids=str)
def test_a_deployment_that_names_xtts_without_the_extra_is_told_how_to_get_it(
    chosen: dict[str, Any], store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment that names XTTS without the extra is told at its start how to get it, within RunPod's 256 characters."""
    monkeypatch.setattr(fitness, "versions", lambda: {**versions(), "coqui-tts": None})
    check_versions = checks(Settings(xtts_license_accepted=True, **chosen), store, lambda: None)[0]

    with pytest.raises(Unfit, match=r"coqui-tts.*requirements-xtts\.txt.*XTTS=1") as failure:
        check_versions()
    assert len(f"Unfit: {failure.value}") <= 256


@pytest.mark.parametrize(("model", "package"), [("resemblyzer", "resemblyzer"), ("wespeaker", "onnxruntime")])
def test_a_speaker_model_without_the_extra_is_told_how_to_get_it(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, model: str, package: str
) -> None:
    """A speaker model whose package is missing makes the worker unfit; the message says what to do."""
    check_versions = checks(Settings(speaker_model=model), store, lambda: None)[0]
    check_versions()
    monkeypatch.setattr(fitness, "find_spec", lambda name: None if name == package else object())

    with pytest.raises(
        Unfit, match=rf"SPEAKER_MODEL={model}: {package} .*SIMILARITY=1.*requirements-similarity\.txt"
    ) as failure:
        check_versions()
    assert len(f"Unfit: {failure.value}") <= 256


def test_a_missing_phone_model_is_told_with_both_ways_out(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """PHONE_CHECK without its package makes the worker unfit; the message says what to install and what to set."""
    check_versions = checks(Settings(), store, lambda: None)[0]
    check_versions()
    monkeypatch.setattr(fitness, "find_spec", lambda name: None if name == "pocketsphinx" else object())

    with pytest.raises(Unfit, match=r"PHONE_CHECK=pocketsphinx .*requirements\.txt.*PHONE_CHECK=off") as failure:
        check_versions()
    assert len(f"Unfit: {failure.value}") <= 256
    checks(Settings(phone_check="off"), store, lambda: None)[0]()
