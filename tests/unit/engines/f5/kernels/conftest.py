"""The compiled kernels, made once a run, and their source in the interpreter."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from engines.f5.kernels.compiled import Compiled, find
from tests.conftest import ROOT
from tests.kernels import PretendedDriver, interpreted_source

COMPILERS = ("cc", "gcc", "clang", "c++", "g++", "nvcc", "ptxas")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    The folder that the image's build leaves: all cards, both half precisions, both sizes.

    Compiled by another process, for the interpreter changes Triton in its own; on a PATH where each compiler leaves a mark and fails.
    """
    folder = tmp_path_factory.mktemp("kernels")
    traps = folder / "bin"
    traps.mkdir()
    for name in COMPILERS:
        (traps / name).write_text(f"#!/bin/sh\n: > {folder}/called-{name}\nexit 1\n")
        (traps / name).chmod(0o755)
    environment = {"PATH": str(traps), "HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "engines.f5.kernels", str(folder / "compiled")]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=300)
    return folder


@pytest.fixture(scope="session")
def compiled(built: Path) -> Compiled:
    """Those of an L4, for the small size in float16."""
    return find(built / "compiled", card=89, dtype="float16", dim=768)


@pytest.fixture(scope="module")
def source() -> Iterator[ModuleType]:
    """`source.py` in Triton's interpreter."""
    with pytest.MonkeyPatch.context() as patch:
        yield interpreted_source(patch)


@pytest.fixture
def pretended(compiled: Compiled) -> PretendedDriver:
    """A driver that notes what is launched."""
    return PretendedDriver(compiled)


def tool(name: str, *arguments: object) -> str:
    """What a tool of Triton's says."""
    import triton

    path = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / name
    os.access(path, os.X_OK) or pytest.fail(f"{path} is not there")
    return subprocess.run([path, *map(str, arguments)], check=True, capture_output=True, text=True, timeout=60).stdout
