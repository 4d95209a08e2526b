"""The examples of docs/client.md are run."""

import re
import shlex
from functools import partial
from pathlib import Path

import f5_worker_client
import pytest
from f5_worker_client import AsyncClient, Client
from f5_worker_client.actions import speech_request
from f5_worker_client.cli.commands import speak_options
from f5_worker_client.cli.options import parser

from cloning.requests.models import parse
from docs.generate import CLIENT
from tests.http_worker import LIMITS
from tests.unit.client.endpoint import QUICK, Endpoint, wav_of

PAGE = CLIENT.read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"f5-worker (.*)", "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)))


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_line_is_one(line: str) -> None:
    """Every command line is one that the command's own parser accepts."""
    assert parser().parse_args(shlex.split(line))


@pytest.mark.parametrize("line", [line for line in COMMANDS if "--set" in line])
def test_every_field_that_is_set_is_one_of_generate(line: str) -> None:
    """Every field that a command line sets is one of `generate`, with a value that it takes."""
    options = parser().parse_args(shlex.split(line))

    request = parse(speech_request(options.text, options.voice, speak_options(options)), LIMITS)

    assert {name for name, _ in options.set} <= request.model_fields_set


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
