"""A release is made only of a version on which code and changelog agree."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

SCRIPT = ROOT / "scripts" / "release.py"


def released(tag: str, folder: Path, *, changelog: str, version: str = "1.2.3") -> subprocess.CompletedProcess[str]:
    """What the script says of a project with that version and changelog."""
    for path, text in {
        "scripts/release.py": SCRIPT.read_text(encoding="utf-8"),
        "cloning/versions.py": f'WORKER_VERSION = "{version}"\n',
        "CHANGELOG.md": changelog,
    }.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "scripts/release.py", tag], cwd=folder, capture_output=True, text=True, check=False
    )


LOG = "# Changelog\n\n## [1.2.3] - 2026-12-01\n\n### Added\n- Sound.\n\n## [1.2.2] - 2026-11-01\n- Less.\n"


def test_the_notes_are_the_versions_own(tmp_path: Path) -> None:
    """The notes are the version's own, not those of the one before."""
    done = released("v1.2.3", tmp_path, changelog=LOG)

    assert (done.returncode, done.stdout) == (0, "### Added\n- Sound.\n")


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        ("v1.2.4", LOG, "tag v1.2.3"),
        ("v1.2.3", LOG.replace("[1.2.3]", "[1.3.0]"), "no section [1.2.3]"),
        ("v1.2.3", LOG.replace("2026-12-01", "unreleased"), "the day of the release"),
    ],
)
def test_what_does_not_agree_is_refused_before_anything_is_built(
    tmp_path: Path, tag: str, changelog: str, said: str
) -> None:
    """A version that doesn't agree is refused, with what to fix, before anything is built."""
    done = released(tag, tmp_path, changelog=changelog)

    assert (done.returncode, said in done.stderr) == (1, True)


def test_the_version_is_the_same_wherever_it_is_written() -> None:
    """The version is the same in the code, in both packages, and in the changelog's newest section."""
    code = re.search(r'WORKER_VERSION = "(.+)"', (ROOT / "cloning/versions.py").read_text(encoding="utf-8"))
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    packages = [
        tomllib.loads((ROOT / path).read_text("utf-8"))["project"]
        for path in ("pyproject.toml", "client/pyproject.toml")
    ]

    assert code
    assert newest
    assert {newest[1], *(package["version"] for package in packages)} == {code[1]}


def test_the_workflow_uses_pinned_actions_and_no_more_rights_than_it_needs() -> None:
    """The workflow pins actions by commit, because a tag can be moved, and has no more rights than it needs."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]

    assert workflow["permissions"] == {}
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"]) for step in steps if "uses" in step)
    assert [job["permissions"] for job in workflow["jobs"].values()] == [
        {"contents": "read", "packages": "write"},
        {"contents": "write"},
    ]
