"""`python -m model_cache`: its exit codes and its JSON, which scripts rely on."""

import json
import os
import pty
import shutil
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from model_cache.__main__ import main
from tests.conftest import ROOT
from tests.machines import same_weights

FIELDS = {"verdict", "layout", "architecture", "tensors", "bytes", "changes", "drops", "lossless", "reason"}


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint folder for one test; its bucket and cache are folders beside it."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "bucket"))
    monkeypatch.setenv("MODEL_CACHE_DIR", str(tmp_path / "models"))
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "folder"))


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any]:
    """(exit code, the JSON that was printed)"""
    code = main([*map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_exit_code_is_the_verdict(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 is ready, 3 repairable, 4 refused, 2 usage; the JSON has the same fields each time."""
    model, ready, refused = folder / "model.safetensors", tmp_path / "ready.safetensors", tmp_path / "r.safetensors"
    code, report = run(capsys, "inspect", model)
    assert (code, report["verdict"], report.keys()) == (3, "repairable", FIELDS)

    code, report = run(capsys, "repair", model, ready)
    assert (code, report["use"]) == (0, str(ready))
    assert same_weights(model, ready)

    code, report = run(capsys, "inspect", ready)
    assert (code, report["verdict"], report.keys()) == (0, "ready", FIELDS)

    weights = load_file(model)
    del weights["ema.transformer.proj_out.bias"]
    save_file(weights, refused)
    for command in (("inspect", refused), ("repair", refused, tmp_path / "new.safetensors")):
        code, report = run(capsys, *command)
        assert (code, report["verdict"], report.keys()) == (4, "refused", FIELDS)
        assert "transformer.proj_out.bias" in report["reason"]
    assert not (tmp_path / "new.safetensors").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "nowhere"),
        ("inspect", "{model}", "--config", "F5TTS_v9"),
        ("inspect", "{model}", "--vocab", "nowhere"),
        ("repair", "{model}", "{model}"),
        ("repair", "{model}", "out.bin"),
        ("pull", "nobody"),
        ("pull", "../somewhere.json"),
        ("evict",),
    ],
    ids=" ".join,
)
def test_wrong_words_are_usage(
    folder: Path, tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Wrong arguments give exit code 2 (4 for a folder that is no checkpoint) and a reason, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))

    code, report = run(capsys, *(word.format(model=folder / "model.safetensors") for word in words))

    assert code == (4 if "../" in words[-1] else 2)
    assert report["reason"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_ready_file_is_not_written_again(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a ready file the report says which file to use, and no copy is made."""
    run(capsys, "repair", folder / "model.safetensors", tmp_path / "ready.safetensors")

    code, report = run(capsys, "repair", tmp_path / "ready.safetensors", tmp_path / "again.safetensors")

    assert (code, report["bytes_written"], report["use"]) == (0, 0, str(tmp_path / "ready.safetensors"))
    assert not (tmp_path / "again.safetensors").exists()


def test_a_checkpoint_is_pulled_pushed_verified_and_evicted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """pull, push, verify and evict each say what they did, and do nothing the second time."""
    name = "tiny-random-0"
    code, pulled = run(capsys, "pull", folder)
    assert (code, pulled["came_from"], pulled["repaired"]) == (0, "folder", True)
    assert same_weights(folder / "model.safetensors", Path(pulled["path"]))
    assert run(capsys, "pull", folder)[1]["came_from"] == "local"
    assert run(capsys, "push", folder)[1]["sent"] is False
    (tmp_path / "bucket/checkpoints" / name / Path(pulled["path"]).parent.name / "vocab.txt").unlink()
    code, report = run(capsys, "verify")
    assert (code, [each["damaged"] for each in report["copies"]]) == (4, [[], ["vocab.txt"]])
    assert run(capsys, "push", folder)[1]["sent"] is True
    assert run(capsys, "verify")[0] == 0
    assert [copy["name"] for copy in run(capsys, "list")[1]["copies"]] == [name]

    code, report = run(capsys, "evict", "--max-gb", "0")

    assert (code, [copy["name"] for copy in report["evicted"]], report["left"]) == (0, [name], 0)
    assert run(capsys, "evict", "--max-gb", "0")[1]["evicted"] == []


def test_a_flipped_bit_on_this_disk_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`verify` digests every byte, even of files with unchanged times."""
    path = Path(run(capsys, "pull", folder)[1]["path"])
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    code, report = run(capsys, "verify")

    assert (code, report["copies"][0]["damaged"]) == (4, ["model.safetensors"])


def test_evict_by_name_leaves_the_others(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Evicting by name removes that checkpoint and no other."""
    run(capsys, "pull", folder)
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    card = json.loads((other / "checkpoint.json").read_text()) | {"name": "other"}
    (other / "checkpoint.json").write_text(json.dumps(card))
    run(capsys, "pull", other)

    run(capsys, "evict", "other")

    assert [copy["name"] for copy in run(capsys, "list")[1]["copies"]] == ["tiny-random-0"]


def test_the_list_names_what_can_not_be_used_and_why(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list has the catalogue's names, then the bucket's own; a broken card is listed with its problem."""
    for name, text in (
        ("broken", "{"),
        ("mine", (folder / "checkpoint.json").read_text().replace("tiny-random-0", "mine")),
    ):
        (tmp_path / "bucket/checkpoints" / name).mkdir(parents=True)
        (tmp_path / "bucket/checkpoints" / name / "checkpoint.json").write_text(text)

    code, report = run(capsys, "list")

    listed = {each["name"]: each for each in report["checkpoints"]}
    assert code == 0
    assert listed["F5TTS_Base"]["commercial"] is False
    assert "not usable" in listed["broken"]["problem"]
    assert (listed["mine"]["license"], listed["mine"]["problem"]) == ("MIT", "")


@pytest.mark.parametrize("words", [("--max-gb", "nan"), ("--max-gb", "-1"), ("--max-gb", "inf"), ("nobody",)])
def test_an_eviction_that_makes_no_sense_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """An eviction by a senseless value is refused with the value and no traceback; a known name without a local copy is fine."""
    code, report = run(capsys, "evict", *words)

    assert (code, report["error"]) == (2, "INVALID_REQUEST")
    assert words[-1] in report["reason"]
    assert run(capsys, "evict", "F5TTS_v1_Base")[0] == 0


def test_settings_that_make_no_sense_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad setting is named, without a traceback."""
    monkeypatch.setenv("MODEL_CACHE_MAX_GB", "much")

    code, report = run(capsys, "list")

    assert (code, report["error"]) == (2, "SETTINGS")
    assert report["reason"].startswith("MODEL_CACHE_MAX_GB")


@pytest.mark.parametrize("watched", [True, False])
def test_bars_are_for_people(folder: Path, tmp_path: Path, *, watched: bool) -> None:
    """Progress bars appear on a terminal only; elsewhere stderr stays empty. Stdout has the result alone."""
    command = [
        sys.executable,
        "-m",
        "model_cache",
        "repair",
        str(folder / "model.safetensors"),
        str(tmp_path / "o.safetensors"),
    ]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))

    done = subprocess.run(
        [*command, "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=theirs if watched else subprocess.PIPE,
        check=True,
    )

    os.set_blocking(ours, False)
    shown = os.read(ours, 65536) if watched else done.stderr
    os.close(theirs)
    os.close(ours)
    assert json.loads(done.stdout)["out"].endswith("o.safetensors")
    assert (b"repair model.safetensors" in shown) is watched
