"""A stopping worker and the jobs that its SDK has taken but won't run."""

import logging
import threading

import pytest

from worker.shutdown import LateJobs, Stopping


def test_a_late_job_that_breaks_is_told_and_let_go(caplog: pytest.LogCaptureFixture) -> None:
    """A late job that fails with a bug is logged, since nobody waits for its outcome, and the next one is still tried."""
    from runpod.serverless.modules.worker_state import JobsProgress

    for job_id in ("late-1", "late-2"):
        JobsProgress().add({"id": job_id, "input": {}})

    with caplog.at_level(logging.ERROR, logger="stopping"):
        LateJobs({}).finish()  # the SDK asks for the handler, and there is none

    told = [(line.message, vars(line)["delivery"], line.exc_info and line.exc_info[0]) for line in caplog.records]
    assert sorted(told) == [("worker.late_job_failed", job_id, KeyError) for job_id in ("late-1", "late-2")]
    assert JobsProgress() == set()


@pytest.mark.parametrize("error", [None, OSError("the disk is gone")])
def test_a_forced_end_clears_up_before_it(error: Exception | None) -> None:
    """A forced end removes recordings first; what can't be removed doesn't delay it."""
    told, left = list[str](), threading.Event()

    def clear_up() -> None:
        told.append("cleared up")
        if error is not None:
            raise error

    def leave() -> None:
        told.append("left")
        left.set()

    Stopping(0.01, leave, before_leaving=clear_up).begin()

    assert left.wait(30)
    assert told == ["cleared up", "left"]
