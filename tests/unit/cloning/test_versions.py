"""The worker's version is written in one place and read elsewhere."""

import tomllib

from cloning.versions import WORKER_VERSION, versions
from tests.conftest import ROOT


def test_the_version_told_is_the_projects() -> None:
    """pyproject.toml and every manifest have the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert versions()["worker"] == WORKER_VERSION == project["version"]


def test_a_package_that_is_not_installed_has_no_version() -> None:
    """A package that isn't installed has no version, and health still answers."""
    from cloning.versions import _version

    assert _version("no-such-package-at-all") is None
