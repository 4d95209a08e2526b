"""A worker with invalid settings ends at once, with one line that a person can act on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"S3_BUCKET": '"tts"'}, "S3_BUCKET has quotes around it"),
        ({"S3_BUCKET": "s3://tts/prod"}, "set S3_BUCKET=tts and S3_PREFIX=prod"),
        ({"BUCKET_ACCESS_KEY_ID": "key-17", "BUCKET_SECRET_ACCESS_KEY": "\n"}, "BUCKET_ACCESS_KEY_ID is set and"),
        ({"MODEL_CACHE_DIR": "/data\n/models"}, "MODEL_CACHE_DIR holds a line break"),
        ({"MODEL_CACHE_DIR": "/etc/passwd/x"}, "MODEL_CACHE_DIR is below a file"),
        ({"RUNPOD_PING_INTERVAL": "10s"}, "RUNPOD_PING_INTERVAL should be a plain whole number"),
        (
            {"S3_BUCKET": "tts", "AWS_PROFILE": "no-such-profile"},
            "AWS_PROFILE or AWS_DEFAULT_PROFILE names the profile",
        ),
        ({"LEASE_S": "60s", "TMPDIR": "/no-such-folder"}, "LEASE_S should be a plain number of seconds"),
    ],
)
def test_a_worker_with_bad_settings_ends_at_once(variables: dict[str, str], says: str, tmp_path: Path) -> None:
    """It exits with 1 without a traceback or a secret, and has made nothing."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "handler.py")],
        cwd=tmp_path,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    line = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert line.startswith("settings are invalid, nothing was started: ")
    assert says in line
    assert "Traceback" not in done.stdout + done.stderr
    assert "key-17" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
