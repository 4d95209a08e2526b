"""The cost of a job's own time on the GPU, if a price is set."""

from cloning.generate.cost import cost_of
from cloning.service import Service
from tests.conftest import with_settings
from tests.unit.cloning.asking import act, service_upload

TIMINGS = {
    "queue": 50.0,
    "transcript": 1.0,
    "load": 2.0,
    "load_fetch": 1.5,
    "infer": 3.0,
    "check": 0.5,
    "upload": 9.0,
    "total": 66.0,
}


def test_the_turns_are_paid_and_nothing_else() -> None:
    """Only the job's turns on the GPU are charged, not waiting or the bucket, and a part of a phase isn't charged twice."""
    cost = cost_of(TIMINGS, 0.0005)["cost"]

    assert (cost["seconds"], cost["usd"], cost["price_per_second"]) == (6.5, 0.00325, 0.0005)


def test_a_result_has_its_cost_where_a_price_is_set(service: Service, human_wav: bytes) -> None:
    """With a price the reply, the manifest and a later `result` have the cost; without one there is no such field."""
    service_upload(service, human_wav, transcript="Some call me nature.")
    priced = with_settings(service, gpu_price_per_second=0.001)

    told = act(priced, text="Well done.", voice="anna", job_id="a")
    silent = act(service, text="Well done.", voice="anna", job_id="b")

    assert told["cost"] == told["manifest"]["cost"] == act(service, action="result", job_id="a")["cost"]
    assert "start and idle time are not in it" in told["cost"]["of"]
    assert "cost" not in silent
