"""Warning filters belong to the whole process: silencing some during an import leaves every filter as it was, in any number of threads."""

import subprocess
import sys
import threading
import warnings

from cloning.process_lock import warnings_kept
from tests.conftest import ROOT

MANY = """
import threading, warnings
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from cloning.audio.clipping import clip_reference, remove_long_silences

speech = (np.random.default_rng(0).standard_normal(24_000) * 8_000).astype(np.int16)
together = threading.Barrier(16)

def clip(number):
    together.wait()
    return len((clip_reference if number % 2 else lambda *a: (remove_long_silences(*a), 0))(speech, 24_000)[0])

before, show = list(warnings.filters), warnings.showwarning
with ThreadPoolExecutor(16) as pool:
    lengths = list(pool.map(clip, range(64)))
print(warnings.filters == before, warnings.showwarning is show, min(lengths) > 0)
"""


def test_many_threads_that_clip_at_once_leave_the_filters_alone() -> None:
    """Many threads that clip at once, and with it import pydub for the first time, leave the filters alone. (In a process of its own.)"""
    done = subprocess.run([sys.executable, "-c", MANY], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout.split(), done.stderr) == (["True"] * 3, "")


def test_no_two_threads_are_within_such_a_block() -> None:
    """No two threads are within such a block, because the later one would restore the filters of the earlier one."""
    before = list(warnings.filters)
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(50):
            with warnings_kept():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                warnings.simplefilter("ignore")
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (most, list(warnings.filters)) == ([1], before)


def test_a_block_may_be_within_another() -> None:
    """A block may contain another, because an import may begin a second one in the same thread."""
    with warnings_kept(), warnings_kept():
        pass
