"""A job's reports: its progress, to the record and to RunPod; and whether this worker still holds it, and it is still wanted."""

from contextlib import suppress

from cloning.generate.progress.parts import SpeechParts
from cloning.jobs.claim import Claim
from cloning.jobs.results import MAY_PASS, ResultWriter
from cloning.ports import Samples
from cloning.replies import parts_reply
from cloning.service import Call, Service


class Reports:
    """
    The reports of one attempt; all checks raise to end it (LeaseLost, JobCancelled, Interrupted).

    `parts` are those of the speech being made, if they are requested; `total` is the number of its chunks.
    """

    def __init__(self, service: Service, call: Call, claim: Claim) -> None:
        self._service = service
        self._call = call
        self._claim = claim
        self._begun = False
        self.parts: SpeechParts | None = None
        self.total = 0

    def begin(self) -> None:
        """The job gets the GPU for the first time."""
        self.before_step()
        if not self._begun:
            self._claim.start(self.total)
            self._begun = True
        self._claim.check_cancelled()

    def planned(self, total: int) -> None:
        """Note the number of chunks of the loaded engine's plan."""
        if total != self.total:
            self._record(0, total)

    def before_chunk(self, done: int, total: int) -> None:
        """Between two chunks: report the progress, and check that the job is still wanted."""
        self.before_step()
        if done:  # the start said 0
            self._record(done, total)
        self._claim.check_cancelled()
        self._send(done, total)

    def offer(self, index: int, wave: Samples) -> None:
        """A chunk is made: store the parts that are final with it, if they are requested."""
        if self.parts:
            self.parts.offer(index, wave)

    def before_step(self) -> None:
        """Check that the job is still ours and still wanted, as far as that is known without asking the bucket."""
        self._call.check_stopped(self._claim.job.job_id)
        self._claim.check_held()
        self._claim.check_cancelled()

    def store_parts(self, results: ResultWriter) -> None:
        """Store every part, and report them to listeners."""
        if self.parts:
            results.repeat(self.parts.flush)
            self._send(self._claim.job.progress.total, self._claim.job.progress.total)

    def _record(self, done: int, total: int) -> None:
        with suppress(*MAY_PASS):  # the next report tells it too, the job's end if the store stays away
            self._claim.report(done, total, self.parts.parts if self.parts else None)

    def _send(self, done: int, total: int) -> None:
        job = self._claim.job
        parts = parts_reply(self._service, job.model_copy(update={"parts": self.parts.parts})) if self.parts else {}
        self._call.send_progress({"job_id": job.job_id, "done": done, "total": total, **parts})
