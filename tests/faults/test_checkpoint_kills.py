"""Workers killed while they fetch, repair or publish; the long version is `python -m tests.faults.checkpoint_kills`."""

import json
import subprocess
import sys

from tests.conftest import ROOT

TIMES = 12


def test_a_killed_worker_leaves_nothing_that_anybody_believes() -> None:
    """
    After twelve SIGKILLs at random moments the bucket names only whole files, and the next start ends with a verified one.

    It runs in a process of its own, because it forks.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.checkpoint_kills", "--times", str(TIMES)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    report = json.loads(done.stdout)
    assert report["wrong"] == []
    assert sum(report["kills"].values()) == TIMES
    assert done.returncode == 0
