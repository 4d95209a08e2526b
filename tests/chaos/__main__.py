"""`python -m tests.chaos --run a|b --seed N`: the full-size runs. The exit code is 0 if every promise was kept."""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from engines.tiny import make_checkpoint
from tests.chaos.run import Plan, run
from tests.conftest import ROOT
from worker.logs import configure

PLANS = {
    "a": Plan("real", jobs=100, strike_every_s=20.0, lease_s=6.0, redeliver_s=6.0, grace_s=10.0),
    "b": Plan("light", jobs=500, strike_every_s=1.0, chunk_s=0.3, skew_s=300.0),
}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--run", choices=[*PLANS, "both"], default="both", help="a: the real engine; b: a light one")
    parser.add_argument("--seed", type=int, default=0, help="of jobs, strikes and faults (default 0)")
    parser.add_argument("--jobs", type=int, help="how many")
    parser.add_argument("--workers", type=int, help="how many at a time (default 4)")
    parser.add_argument("--strike-every", type=float, metavar="S", help="seconds between two strikes")
    parser.add_argument("--faults", type=float, metavar="SHARE", help="of the bucket's replies (default 0.05)")
    parser.add_argument("--logs", type=Path, help="keep everything in this new folder")
    given = parser.parse_args()
    configure("WARNING")
    sizes = {"jobs": given.jobs, "workers": given.workers, "strike_every_s": given.strike_every, "faults": given.faults}
    chosen = {name: value for name, value in sizes.items() if value is not None}
    well = True
    for name in PLANS if given.run == "both" else [given.run]:
        well &= _run(name, replace(PLANS[name], seed=given.seed, **chosen), given.logs)
    sys.exit(0 if well else 1)


def _run(name: str, plan: Plan, logs: Path | None) -> bool:
    print(f"run {name}: {plan}", flush=True)
    checkpoint = make_checkpoint(ROOT / ".cache" / "tiny") if plan.engine == "real" else None
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as temporary:
        folder = logs / name if logs else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        report = run(plan, folder, checkpoint)
    print("\n".join(f"  {line}" for line in report.lines()), flush=True)
    return report.went_well


if __name__ == "__main__":
    main()
