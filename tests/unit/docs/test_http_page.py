"""The examples of docs/http.md are run in their order, and its lists are those of the code."""

import argparse
import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest

from http_api.metrics import Metrics
from http_api.options import Options
from http_api.sound.encoding import MEDIA
from tests.http_server import serving, until
from tests.http_worker import StandIn
from tests.unit.http_api.test_app import DESCRIBED

PAGE = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^curl (.*)$", PAGE, re.MULTILINE)
HERE = "http://127.0.0.1:8080"
ENDPOINT = "https://ENDPOINT_ID.api.runpod.ai"
KEY = "rpa_KEY"


def curl(line: str, url: str) -> httpx.Response:
    """What curl sends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("-F", dest="form", action="append", default=[])
    parser.add_argument("-o", dest="out")
    sent = parser.parse_args(shlex.split(line))
    form = dict(field.split("=", 1) for field in sent.form)
    paths = {name: Path(form.pop(name)[1:]) for name in list(form) if form[name].startswith("@")}
    files = {name: (path.name, path.read_bytes()) for name, path in paths.items()}
    method = sent.method or ("POST" if sent.data or sent.form else "GET")
    headers = dict(header.split(": ", 1) for header in sent.headers)
    address = sent.url.replace(HERE, url)
    return httpx.request(method, address, headers=headers, content=sent.data, data=form, files=files)


@pytest.fixture
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("me.wav").write_bytes(b"RIFF what it is")


@pytest.mark.usefixtures("_in_a_folder")
def test_every_command_line_is_answered() -> None:
    """Every command line is answered, in the order of the page, from an upload to a deletion."""
    worker = StandIn(voices=[])
    with serving(worker) as url:
        for line in COMMANDS:
            response = curl(line, url)
            assert response.status_code in {200, 202}, (line, response.text)
            until(lambda: not worker.running)

    assert len(COMMANDS) == 7
    assert [job.status for job in worker.jobs.values()] == ["COMPLETED"] * 2


@pytest.mark.usefixtures("_in_a_folder")
@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_every_program_runs(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every program runs with the package that it names; the one for an endpoint sends its key."""
    worker, program = StandIn(), PYTHON[number]
    monkeypatch.setenv("RUNPOD_API_KEY", KEY)
    with serving(worker, Options(api_key=KEY if ENDPOINT in program else None)) as url:
        names: dict[str, Any] = {}
        here = program.replace(HERE, url).replace(ENDPOINT, url)
        exec(compile(here, f"program {number}", "exec"), names)  # noqa: S102 - our own page
        names["client"].close()

    assert Path("hello.mp3").stat().st_size > 1000
    assert worker.calls[0]["seed"] == 7


def test_every_route_is_on_the_page() -> None:
    """The page has the path of every route."""
    paths = {
        re.sub(r"{(job|model)}", "{id}", path).replace(".{ext}", "").replace("{index}", "{n}")
        for path in DESCRIBED["paths"]
    }

    assert [path for path in paths if path not in PAGE] == []


def test_every_format_and_measure_is_on_the_page() -> None:
    """The page has the name of every format and metric."""
    names = [*MEDIA, *MEDIA.values(), *(measure.name for measure in vars(Metrics()).values())]

    assert [name for name in names if f"`{name}`" not in PAGE] == []
