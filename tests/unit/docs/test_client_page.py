"""The examples of docs/client.md are run."""

import re
import shlex
from functools import partial
from pathlib import Path

import f5_worker_client
import pytest
from f5_worker_client import AsyncClient, Client
from f5_worker_client.cli.options import parser

from docs.generate import CLIENT
from tests.unit.client.endpoint import QUICK, Endpoint, wav_of

PAGE = CLIENT.read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"f5-worker (.*)", "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)))


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_line_is_one(line: str) -> None:
    """Every command line is one that the command's own parser accepts."""
    assert parser().parse_args(shlex.split(line))


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_every_program_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every program runs against an endpoint in this process, with the files that it names."""
    endpoint = Endpoint()
    monkeypatch.chdir(tmp_path)
    Path("me.wav").write_bytes(wav_of("me"))
    Path("book.txt").write_text("A book.", encoding="utf-8")
    for kind in (Client, AsyncClient):
        made = partial(kind, patience=QUICK, transport=endpoint.transport)
        monkeypatch.setattr(f5_worker_client, kind.__name__, made)

    exec(compile(PYTHON[number], f"program {number}", "exec"), {})  # noqa: S102 - our own page

    assert len(endpoint.jobs) == (1, 3)[number]
