"""
What can go wrong while a job runs, row by row: `docs/generate.py` writes the table, tests/faults/test_troubles.py makes each happen.

The reply is not written here: cloning/failures.py makes it of the exception.
"""

import errno
import os
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from cloning.errors import (
    CheckpointUnusable,
    DeviceUnavailable,
    DiskFull,
    GpuOutOfMemory,
    HubUnavailable,
    Internal,
    Interrupted,
    RecordDamaged,
    ServiceError,
    StorageMisconfigured,
    StorageUnavailable,
    VoiceNotFound,
    WorkerUnfit,
)
from cloning.failures import MOST_INCIDENTS, failure_of, of_claimed_job

_NOBODY = "nothing is posted: RunPod delivers it again"


@dataclass(frozen=True)
class Fault:
    """
    Something that goes wrong. `raised` makes the exception that a claimed job meets; without one the job goes on, or its worker is gone.

    `incidents` is how many attempts of the job have met a bug before. `caller` and `record` say what no exception says.
    """

    name: str
    happens: str
    raised: Callable[[], BaseException] | None = None
    incidents: int = 0
    caller: str | None = None
    record: str | None = None

    def told(self) -> ServiceError | None:
        """The failure that the caller gets."""
        if self.raised is None:
            return None
        failure = failure_of(self.raised()) or Internal("the service failed")
        return of_claimed_job(failure, [Internal.code] * self.incidents)

    def row(self) -> tuple[str, ...]:
        """What happens, code, retryable, refresh_worker, the job's record, the next delivery."""
        failure = self.told()
        if failure is None:
            code, retryable, refresh = self.caller or "", "", ""
        else:
            code = f"`{failure.code}`" + (f"; {self.caller}" if self.caller else "")
            retryable, refresh = (_yes(value) for value in (failure.retryable, failure.refresh_worker))
        is_kept = failure is None or failure.retryable
        record = self.record or ("INTERRUPTED" if is_kept else "FAILED for good")
        coming = "is answered from the record" if record == "COMPLETED" else "goes on"
        return self.happens, code, retryable, refresh, record, coming if is_kept else "`JOB_FAILED`"


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _of_os(code: int) -> Callable[[], OSError]:
    return lambda: OSError(code, os.strerror(code))


FAULTS = (
    Fault("tmpdir_full", "TMPDIR or another disk that the worker writes to is full", _of_os(errno.ENOSPC)),
    Fault("cache_full", "`MODEL_CACHE_DIR` has no room for the checkpoint", lambda: DiskFull("the disk is full")),
    Fault("disk_failing", "a disk fails: EIO, read-only, a stale mount", _of_os(errno.EIO)),
    Fault("no_descriptors", "no more files or connections can be opened", _of_os(errno.EMFILE)),
    Fault("no_memory", "the machine runs out of memory", MemoryError),
    Fault("no_thread", "no thread can be started", lambda: RuntimeError("can't start new thread")),
    Fault("process_gone", "a helper process is killed", lambda: BrokenProcessPool("terminated abruptly")),
    Fault("connection_lost", "a connection breaks in a call that isn't retried", lambda: ConnectionResetError(errno.ECONNRESET, "")),
    Fault("refused_at_the_end", "the bucket refuses the result, although it allowed the job to begin", lambda: StorageMisconfigured("refused")),
    Fault("away_at_the_end", "the bucket is down when the result is due, until after the lease has ended", lambda: StorageUnavailable("away")),
    Fault("away_in_the_middle", "the bucket is down during the job, and back before its end", caller="its speech", record="COMPLETED"),
    Fault("job_damaged", "the job's own record can't be read while it speaks, until after the lease has ended", lambda: RecordDamaged("damaged")),
    Fault("voice_damaged", "the voice's record can't be read when the claimed job reads it again", lambda: RecordDamaged("damaged")),
    Fault("hub_away", "the model hub is down, and the checkpoint or recogniser is not on this disk", lambda: HubUnavailable("away")),
    Fault("gpu_memory", "the GPU runs out of memory, even after [every remedy](architecture.md#where-each-failure-goes)", lambda: GpuOutOfMemory("full")),
    Fault("gpu_fatal", "a fatal CUDA error; every later generate of the process gets the same refusal", lambda: WorkerUnfit("broken")),
    Fault("gpu_gone", "the device that `DEVICE` names isn't there", lambda: DeviceUnavailable("gone")),
    Fault("sigterm", "SIGTERM, and the job can't end within `STOP_GRACE_S`", lambda: Interrupted("stopped"), caller=_NOBODY),
    Fault("cancelled", "RunPod cancels the delivery, or it times out", lambda: Interrupted("stopped"), caller="nobody listens"),
    Fault("killed", "the worker is killed", caller=_NOBODY, record="INTERRUPTED once the lease has ended"),
    Fault("exit", "a library calls `sys.exit`", lambda: SystemExit(1)),
    Fault("bug", f"a bug, for the first time or the second (of {MOST_INCIDENTS})", ZeroDivisionError),
    Fault("bug_again", f"a bug, in {MOST_INCIDENTS} attempts of one job", ZeroDivisionError, incidents=MOST_INCIDENTS - 1),
    Fault("checkpoint", "the checkpoint can't be used, and no other engine may speak", lambda: CheckpointUnusable("damaged")),
    Fault("voice", "the voice is deleted while the job waits", lambda: VoiceNotFound("gone")),
)  # fmt: skip
