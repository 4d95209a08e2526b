"""The samplers' figures as tables for the terminal: both paths side by side, then the limits."""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.report import Rows, table

Part = Mapping[str, Any]


def failed(report: Part) -> list[str]:
    """The parts of the whole report that did not get through."""
    parts = {"devices": report["devices"], "samplers": report["samplers"], **(report["samplers"] or {})}
    return [name for name, part in parts.items() if isinstance(part, dict) and "failed" in part]


def tables(samplers: Part) -> str:
    """One for each part that was measured, and one of the limits; a part that failed says how."""
    shown = [f"samplers failed: {samplers['failed']}"] if "failed" in samplers else []
    for name, rows in _ROWS.items():
        part = samplers.get(name, {})
        if "failed" in part:
            shown.append(f"{name} failed: {part['failed']}")
        elif part and "skipped" not in part:
            shown.append(f"{name}\n{table(rows(part))}")
    limits = [
        {"limit, set for a GPU": what, "reached": part[value], "holds": "yes" if part["holds"] else "NO"}
        for part, what, value in _limited(samplers)
    ]
    return "\n\n".join([*shown, *([table(limits)] if limits else [])])


def _limited(samplers: Part) -> list[tuple[Part, str, str]]:
    found: list[tuple[Part, str, str]] = []
    if "holds" in (parity := samplers.get("parity", {})):
        found.append((parity, f"distance from float32 <= {parity['limit']} x official", "largest_times"))
    if "cases" in (stream := samplers.get("one_stream", {})):
        found.append((stream, f"one stream >= {stream['limit']} x official", "least_times"))
    if "arithmetic" in (packs := samplers.get("packs", {})):
        sums = packs["arithmetic"]
        found.append((packs, f"throughput of {packs['utterances']} >= {packs['limit']} x official", "best_times"))
        found.append((sums, f"solver >= {sums['limit']} of {sums['matmul_tflops']} TFLOP/s", "best_share"))
    return found


def _parity(part: Part) -> Rows:
    rows = [
        {"nfe": row["nfe"], **{f"{path} from float32": str(row[path]) for path in ("official", "fast")}}
        for row in part["half_from_float32"]
    ]
    together = part["company"]
    return [
        row
        | {
            "in a pack": f"{together['byte_equal']} of {together['utterances']} equal, {together['largest_distance']} at most"
        }
        for row in rows
    ]


def _one_stream(part: Part) -> Rows:
    return [
        {
            "nfe": row["nfe"],
            "seconds": row["asked_s"],
            **{
                f"{path} {figure}": row[path][figure]
                for path in ("official", "fast")
                for figure in ("median_s", "spread_s")
            },
            "times": row["times"],
        }
        for row in part["cases"]
    ]


def _packs(part: Part) -> Rows:
    sums = {row["pack"]: row for row in part["arithmetic"]["solver"]}
    official = [
        {"way": name, **_spent(row), "times": "", "TFLOP/s": "", "share": ""} for name, row in part["official"].items()
    ]
    ours = [
        {
            "way": f"packs of {row['pack']}{' (knee)' if row['pack'] == part['knee'] else ''}",
            **_spent(row),
            "times": str(row["times"]),
            "TFLOP/s": str(sums[row["pack"]]["tflops"]),
            "share": str(sums[row["pack"]]["share"]),
        }
        for row in part["fast"]
    ]
    return [*official, *ours]


def _spent(row: Part) -> dict[str, Any]:
    memory = row["memory"] or {"allocated_mib": "-"}
    return {"median_s": row["median_s"], "spread_s": row["spread_s"], "MiB": str(memory["allocated_mib"])}


def _profile(part: Part) -> Rows:
    shown = (
        "step_ms",
        "gpu_busy_ms_per_step",
        "gpu_busy_share",
        "kernels_per_step",
        "launches_per_step",
        "waits_per_step",
    )
    return [{"path": path, **{name: part[path][name] for name in shown}} for path in ("official", "fast")]


_ROWS: dict[str, Callable[[Part], Rows]] = {
    "parity": _parity,
    "one_stream": _one_stream,
    "packs": _packs,
    "profile": _profile,
}
