"""The chaos runs in short: real workers are killed, the bucket fails, and every job is done once, with an undisturbed run's samples."""

from collections.abc import Callable
from pathlib import Path

from tests.chaos.run import Plan, Report, run


def kept(report: Report) -> tuple[list[str], dict[str, int]]:
    """The jobs that were lost, written twice, changed or brought back, or differ from an undisturbed run; and workers that ended wrongly."""
    return report.broken, dict(report.odd_ends)


def test_the_real_engine_survives_its_workers(
    tmp_path: Path, tiny_checkpoint: Path, record_property: Callable[[str, object], None]
) -> None:
    """handler.py on the small checkpoint loses no job, does none twice, and gives the same samples."""
    plan = Plan("real", jobs=6, workers=2, strike_every_s=1.5, most_strikes=1, nfe_step=2)

    report = run(plan, tmp_path, tiny_checkpoint)
    record_property("chaos", "; ".join(report.lines()))

    assert kept(report) == ([], {})
    assert report.strikes.total() <= 1  # a machine may be done before


def test_a_light_engine_survives_many_strikes(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Everything but the engine is the real worker's; the workers are struck five times, and their clocks differ by minutes."""
    plan = Plan("light", jobs=40, strike_every_s=0.7, most_strikes=5, chunk_s=0.2, skew_s=300.0)

    report = run(plan, tmp_path, None)
    record_property("chaos", "; ".join(report.lines()))

    assert kept(report) == ([], {})
    assert report.strikes.total() == 5
