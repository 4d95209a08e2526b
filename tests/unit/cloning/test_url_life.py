"""`expires_at` is never later than the end of the credentials that sign the URL; if that is unknown, the reply says so."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from cloning.jobs.record import Job, JobStatus, Lease
from cloning.ports import UrlLife
from cloning.replies import result_reply
from cloning.service import Service
from storage.folder_store import FolderStore
from tests.standins.fakes import ManualClock


class Signed(FolderStore):
    """A store whose URLs live as long as a test says, and that remembers what it was asked for."""

    life = UrlLife(600, is_certain=True)
    asked_s = 0

    def url_life(self, expires_s: int) -> UrlLife:
        return self.life

    def url(self, key: str, *, expires_s: int) -> str:
        self.asked_s = expires_s
        return super().url(key, expires_s=expires_s)


def finished(now: datetime) -> Job:
    audio = {"key": f"results/j.{'0' * 16}.wav", "format": "wav", "bytes": 1, "sha256": "0" * 64}
    return Job(
        job_id="j",
        request_digest="d" * 64,
        seed=1,
        status=JobStatus.COMPLETED,
        lease=Lease(owner="x", until=now),
        created_at=now,
        result={"audio": audio},
    )


@pytest.mark.parametrize("is_certain", [True, False])
def test_the_reply_tells_how_long_its_url_lives(service: Service, clock: ManualClock, *, is_certain: bool) -> None:
    """The reply has the signed lifetime to the second, and whether the token behind it may end earlier."""
    store = Signed(service.settings.data_dir)
    store.life = UrlLife(600, is_certain=is_certain)

    audio = result_reply(replace(service, store=store), finished(clock.now()), "url")["audio"]

    assert datetime.fromisoformat(audio["expires_at"]) == clock.now() + timedelta(seconds=600)
    assert store.asked_s == 600
    assert ("token" in audio.get("expires_note", "")) is not is_certain
