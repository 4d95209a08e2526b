"""The process that decodes uploads while it is idle: what it has, that it ends with its worker, and that nothing is left behind."""

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faults.decoding import GOOD, PATIENCE_S, children_of, decoder, is_gone, process_of, wait_until
from worker.audio_decoder_process import DecoderProcess


def test_the_process_has_no_secrets_no_files_and_no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The process has only the variables that we list, none of the worker's open files, and no torch."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
    some = decoder()
    with (tmp_path / "open").open("w"):
        some.canonical(GOOD)
    pid = process_of(some)

    variables = Path(f"/proc/{pid}/environ").read_text()
    files = [str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()]
    names = {pair.split("=")[0] for pair in variables.split("\0") if pair}

    assert names <= {"PATH", "PYTHONPATH", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX"}
    assert [one for one in files if not one.startswith(("pipe:", os.devnull))] == []
    assert "torch" not in Path(f"/proc/{pid}/maps").read_text()
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"


def test_nothing_is_started_before_the_first_file() -> None:
    """No process is started before the first file: tests build services by the hundred, and a worker may never see an upload."""
    some = decoder()

    assert not some._idle


def test_the_processes_end_with_the_decoder() -> None:
    """Closing the decoder ends its processes and waits for them: no zombies, no open pipes."""
    gc.collect()  # what other tests left in the tracebacks of their failures
    some = decoder()
    some.canonical(GOOD)
    pid = process_of(some)
    files = len(list(Path("/proc/self/fd").iterdir()))

    del some
    gc.collect()

    assert not Path(f"/proc/{pid}").exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == files - 2


WORKER = """
import sys, threading
sys.path.insert(0, {root!r})
from worker.audio_decoder import ChildDecoder
from cloning.clock import SystemClock
from tests.bombs.matroska import mkv_one_sample_blocks
from tests.faults.decoding import GOOD, PATIENCE_S, decoder, children_of, process_of, wait_until, is_gone
from tests.unit.cloning.audio.test_canonical import tone, wav
decoder = ChildDecoder(SystemClock())
decoder.canonical(wav(tone(2.0)))
print(decoder._idle[-1].pid, flush=True)
{then}
"""
DECODING = "print(decoder.canonical(mkv_one_sample_blocks(470_000)))"


@pytest.mark.parametrize(
    ("then", "number"),
    [
        (DECODING, signal.SIGKILL),
        (DECODING, signal.SIGTERM),
        ("input()", signal.SIGKILL),
        ("import os; os._exit(0)", None),
        ("import sys; sys.exit(0)", None),
        ("raise ZeroDivisionError", None),
    ],
)
def test_the_processes_end_with_the_worker(then: str, number: int | None) -> None:
    """However the worker ends, killed or by an exit, idle or busy, its decoding processes end too."""
    code = WORKER.format(root=str(ROOT), then=then)
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
    ) as worker:  # fmt: skip
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        begun = [pid]
        if number is not None:
            if then == DECODING:
                wait_until(lambda: children_of(pid))
                begun += children_of(pid)
            worker.send_signal(number)
        worker.wait(PATIENCE_S)

        wait_until(lambda: all(is_gone(one) for one in begun))


@pytest.mark.parametrize("died_before", [True, False], ids=["long ago", "just now"])
def test_idle_processes_that_were_ended_cost_the_next_file_nothing(
    monkeypatch: pytest.MonkeyPatch, *, died_before: bool
) -> None:
    """If the kernel kills all idle processes, the next recording is decoded by a new one."""
    some = decoder()
    with some._process(None, fresh=False), some._process(None, fresh=False):
        pass  # two at a time
    pids = [process.pid for process in some._idle]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(is_gone(pid) for pid in pids))
    if not died_before:  # nobody can have seen it yet
        monkeypatch.setattr(DecoderProcess, "runs", True)

    canonical, _ = some.canonical(GOOD)

    assert len(pids) == 2
    assert canonical.duration > 1.0
    assert len(some._idle) == 1
