"""What a benchmark prints, and what it keeps."""

import json
from pathlib import Path

import pytest

from benchmarks.downloads import rows_of
from benchmarks.report import about, save, table


def test_a_table_has_aligned_columns_and_three_digits() -> None:
    """Columns are aligned, words to the left and numbers to the right, with three digits."""
    rows = [{"what": "plain", "seconds": 10.25}, {"what": "a longer name", "seconds": 2}]

    assert table(rows).splitlines() == [
        "what           seconds",
        "plain           10.250",
        "a longer name        2",
    ]


def test_a_report_is_kept_whole_and_its_limits_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stdout has the JSON alone; a missed limit is shown as clearly as one that holds."""
    report = {"what": "something", **about(tmp_path), "holds": {"a <= 1": True, "b <= 1": False}}

    save(report, tmp_path / "results", "some", [{"what": "x", "s": 1.0}])

    told = capsys.readouterr()
    kept = next((tmp_path / "results").glob("some-*.json")).read_text()
    assert json.loads(told.out) == json.loads(kept) == report
    assert [line.split() for line in told.err.splitlines()[-2:]] == [["a", "<=", "1", "yes"], ["b", "<=", "1", "NO"]]


def test_a_server_that_is_not_there_has_no_line() -> None:
    """If no server is installed, its line is left out of the downloads' table and nothing fails."""
    found = {"clients": {"ours": {"median_s": 2.0, "mb_per_s": 537, "cpu_s": 3.0}}, "missing": ["s5cmd"]}

    rows = rows_of({"rclone": found, "localbucket": {"missing": ["localbucket"]}})

    assert rows == [{"server": "rclone", "client": "ours", "median, s": 2.0, "MB/s": 537, "CPU s": 3.0}]
    assert table(rows_of({"rclone": {"missing": ["rclone"]}})) == ""
