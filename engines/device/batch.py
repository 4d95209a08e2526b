"""What becomes of a batch of tasks: each one's result or failure, or another try alone. No torch here."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cloning.errors import DeviceUnavailable, GpuOutOfMemory, WorkerUnfit
from engines.device.scheduler import QueuedTask

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetryAlone:
    """In place of a result: the task failed in company and is tried again alone. Was memory short?"""

    of_memory: bool = False


def run_batch(batch: Sequence[QueuedTask[Any]]) -> list[object]:
    """The result or exception for each; `RetryAlone` for those whom a failure of the whole batch met."""
    together = batch[0].task.run_batch
    if len(batch) == 1 or together is None:
        return [_run(queued) for queued in batch]
    try:
        outcomes = together([queued.task.utterance for queued in batch if queued.task.utterance])
    except WorkerUnfit as failure:
        return [failure] * len(batch)
    except BaseException as error:  # noqa: BLE001 - whose fault it is, and what helps, is seen when each is tried alone
        log.warning("batch.failed", extra={"pieces": len(batch), "kind": type(error).__name__})
        return [RetryAlone(of_memory=isinstance(error, GpuOutOfMemory))] * len(batch)
    if len(outcomes) != len(batch):
        log.warning("batch.miscounted", extra={"pieces": len(batch), "outcomes": len(outcomes)})
        return [RetryAlone()] * len(batch)
    return [_again(one) if isinstance(one, GpuOutOfMemory | DeviceUnavailable) else one for one in outcomes]


def _again(failure: Exception) -> RetryAlone:
    return RetryAlone(of_memory=isinstance(failure, GpuOutOfMemory))


def _run(queued: QueuedTask[Any]) -> object:
    try:
        return queued.task.run()
    except BaseException as error:  # noqa: BLE001 - it is its job's, and raised there
        return error
