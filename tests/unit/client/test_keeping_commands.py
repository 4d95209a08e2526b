"""The commands that keep a deployment: dictionaries stored, listed and removed, and old jobs expired."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from f5_worker_client import Client
from f5_worker_client.__main__ import run

from tests.unit.client.endpoint import Endpoint

KEY = {"F5_ENDPOINT": "abc123", "RUNPOD_API_KEY": "secret-key"}
WORDS = {"Nguyen": "Win", "5": "five"}
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does anybody wait between two looks at a job."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("f5_worker_client.drivers.time", SimpleNamespace(sleep=lambda _: None))


def f5_worker(endpoint: Endpoint, *arguments: str) -> int:
    return run(arguments, KEY, endpoint.transport)


def test_a_dictionary_is_stored_listed_and_deleted(endpoint: Endpoint, capsys: Capture) -> None:
    """`dictionary`, `dictionaries` and `delete --dictionary` each answer with one line, and every page of the list is read."""
    lines = (
        "dictionary names --say Nguyen=Win --say 5=five",
        "dictionary b --say x=y",
        "dictionary c --say x=y",
        "dictionaries",
        "delete --dictionary names",
    )

    codes = [f5_worker(endpoint, *line.split()) for line in lines]

    assert codes == [0] * 5
    out = capsys.readouterr().out.splitlines()
    assert out == ["names", "b", "c", "b\t1", "c\t1", "names\t2", "names"]
    assert endpoint.posts[0] == {"action": "dictionary", "dictionary": "names", "say": WORDS}
    assert set(endpoint.dictionaries) == {"b", "c"}


@pytest.mark.parametrize("source", ["names.json", "-"])
def test_a_dictionary_comes_from_a_file_or_stdin(
    source: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file or stdin holds the words as a JSON object; those of `--say` are added, and come first."""
    words = json.dumps({"Nguyen": "Nuyen", "5": "five"})
    Path("names.json").write_text(words, encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(words.encode())))

    assert f5_worker(endpoint, "dictionary", "names", source, "--say", "Nguyen=Win", "--replace") == 0

    assert endpoint.posts == [{"action": "dictionary", "dictionary": "names", "say": WORDS, "replace": True}]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["names"], "give a file of words, or --say"),
        (["names", "nothing.json"], "nothing.json can't be read"),
        (["names", "list.json"], "list.json should hold a JSON object of words and their respellings"),
        (["names", "text.json"], "text.json should hold a JSON object of words and their respellings"),
    ],
)
def test_words_that_are_none_are_not_sent(arguments: list[str], told: str, endpoint: Endpoint, capsys: Capture) -> None:
    """Without words, or with a file that holds something else, nothing is sent, and the error says what to do."""
    Path("list.json").write_text('["Nguyen"]', encoding="utf-8")
    Path("text.json").write_text("Nguyen = Win", encoding="utf-8")

    assert f5_worker(endpoint, "dictionary", *arguments) == 2

    assert told in capsys.readouterr().err
    assert endpoint.posts == []


def test_other_words_under_a_name_need_replace(endpoint: Endpoint) -> None:
    """Other words under a stored name are a conflict, with the exit code of one."""
    f5_worker(endpoint, "dictionary", "names", "--say", "Nguyen=Win")

    assert f5_worker(endpoint, "dictionary", "names", "--say", "Nguyen=Nuyen") == 4
    assert f5_worker(endpoint, "dictionary", "names", "--say", "Nguyen=Nuyen", "--replace") == 0


def test_a_dictionary_that_cannot_be_read_is_listed_with_its_problem(
    endpoint: Endpoint, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a damaged dictionary the list has the name, and a remark says why."""
    damaged = {"dictionary": "names", "problem": "its record is damaged"}
    page = {"dictionaries": [damaged], "count": 1, "next_cursor": None}
    monkeypatch.setattr(endpoint, "do_dictionaries", lambda _: page)

    f5_worker(endpoint, "dictionaries")

    told = capsys.readouterr()
    assert (told.out, told.err) == ("names\t\n", "warning: names: its record is damaged\n")


def test_expire_makes_all_the_calls(endpoint: Endpoint, capsys: Capture) -> None:
    """`expire` goes on until nothing is left to check, and adds up what was removed and what had to stay."""
    assert f5_worker(endpoint, "expire", "--older-than-days", "30") == 0

    assert endpoint.posts == [
        {"action": "expire", "older_than_days": 30.0, "dry_run": False},
        {"action": "expire", "older_than_days": 30.0, "dry_run": False, "cursor": "jobs/2/job.json"},
    ]
    told = capsys.readouterr()
    assert told.out == "removed\t2 jobs, 4 chunks, 6 results\n"
    assert "1 jobs stay" in told.err


def test_a_dry_run_says_so(endpoint: Endpoint, capsys: Capture) -> None:
    """A dry run removes nothing, and its line says so; with `--json` the figures are one object."""
    f5_worker(endpoint, "expire", "--older-than-days", "0.5", "--dry-run")
    f5_worker(endpoint, "expire", "--older-than-days", "0.5", "--dry-run", "--json", "--quiet")

    line, facts = capsys.readouterr().out.splitlines()
    assert line == "would remove\t2 jobs, 4 chunks, 6 results"
    assert json.loads(facts) == {"removed": {"jobs": 2, "chunks": 4, "results": 6}, "skipped": 1, "dry_run": True}
    assert {post["dry_run"] for post in endpoint.posts} == {True}


def test_a_program_keeps_a_deployment_too(client: Client) -> None:
    """The module has the same calls, typed."""
    stored = client.store_dictionary("names", WORDS)
    listed = client.dictionaries()
    removed = client.expire(30)

    assert (stored.name, stored.words) == ("names", 2)
    assert [one.name for one in listed] == ["names"]
    assert (removed.jobs, removed.chunks, removed.results, removed.skipped) == (2, 4, 6, 1)
