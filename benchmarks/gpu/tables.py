"""The figures as tables for the terminal: both paths side by side, then the limits."""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.report import Rows, table

Part = Mapping[str, Any]


def failed(parts: Mapping[str, Part]) -> list[str]:
    """The parts that did not get through."""
    return [name for name, part in parts.items() if "failed" in part]


def tables(report: Part) -> str:
    """One for each part that was measured and has one, then the limits; a part that failed or was skipped says why."""
    shown: list[str] = []
    for name, part in report["parts"].items():
        if why := next((f"{word}: {part[word]}" for word in ("failed", "skipped") if word in part), ""):
            shown.append(f"{name} {why}")
        elif name in _ROWS:
            shown.append(f"{name}\n{table(_ROWS[name](part))}")
    limits = [
        {"limit, set for a GPU": what, "reached": str(reached), "holds": "yes" if holds else "NO"}
        for what, reached, holds in _limited(report["parts"])
    ]
    return "\n\n".join(
        [*shown, *([table(limits)] if limits else []), *([report["warning"]] if report["warning"] else [])]
    )


def _limited(parts: Mapping[str, Part]) -> list[tuple[str, Any, bool]]:
    """What has a limit, what was reached, and whether it holds."""
    found: list[tuple[str, Any, bool]] = []
    if "holds" in (proof := parts.get("proof", {})):
        found.append(("the fast solver proves itself", "; ".join(proof["problems"]) or "proved", proof["holds"]))
    if "holds" in (parity := parts.get("parity", {})):
        what = f"distance from float32 <= {parity['limit']} x official"
        found.append((what, parity["largest_times"], parity["holds"]))
    if "holds" in (stream := parts.get("one_stream", {})):
        found.append((f"one stream >= {stream['limit']} x official", stream["least_times"], stream["holds"]))
    if "holds" in (kernels := parts.get("kernels", {})):
        found += _of_kernels(kernels)
    if "holds" in (packs := parts.get("packs", {})):
        sums = packs["arithmetic"]
        what = f"throughput of {packs['utterances']} >= {packs['limit']} x official"
        found.append((what, packs["best_times"], packs["holds"]))
        what = f"solver >= {sums['limit']} of {sums['matmul_tflops']} TFLOP/s"
        found.append((what, sums["best_share"], sums["holds"]))
    return found


def _of_kernels(part: Part) -> list[tuple[str, Any, bool]]:
    if "limits" not in part:
        return [("the kernels prove themselves", part["proof"]["kernels_why"], part["holds"])]
    limits, stream, together = part["limits"], part["one_stream"], part["crowd"]
    return [
        (f"with kernels: {what} >= {limits[name]}", reached, reached >= limits[name])
        for what, name, reached in (
            ("one stream, times official", "one_stream", stream["times"]),
            (f"throughput of {together['utterances']}, times official", "throughput", together["times"]),
            (f"solver, share of {together['matmul_tflops']} TFLOP/s", "share", together["share"]),
        )
    ]


def _backend(part: Part) -> Rows:
    kinds = {"as the worker has it": part["attention"], "cuDNN's allowed": part["attention_if_cudnn_allowed"]}
    return [
        {"attention": name, "chosen": one["chosen"], "kernels": ", ".join(one["kernels"]) or "-"}
        for name, one in kinds.items()
    ]


def _proof(part: Part) -> Rows:
    return [
        {"distance": name, "found": str(part["distances"].get(name)), "bound": bound}
        for name, bound in part["bounds"].items()
    ]


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


def _unseen_lengths(part: Part) -> Rows:
    return list(part["ways"])


def _copies(part: Part) -> Rows:
    return [{"copy": name, "GB/s": rate} for name, rate in part["gb_per_s"].items()]


def _jobs(part: Part) -> Rows:
    return [{name: value for name, value in row.items() if name != "latencies_s"} for row in part["ways"]]


def _kernels(part: Part) -> Rows:
    if "crowd" not in part:
        return [{"kernels": "eager", "why": part["proof"]["kernels_why"]}]
    stream, together = part["one_stream"], part["crowd"]
    return [
        {
            "way": path,
            "one stream s": stream[path]["median_s"],
            "crowd s": together.get(path, {"median_s": "-"})["median_s"],
        }
        for path in ("official", "fast", "fused")
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
    "backend": _backend,
    "proof": _proof,
    "parity": _parity,
    "one_stream": _one_stream,
    "unseen_lengths": _unseen_lengths,
    "copies": _copies,
    "jobs": _jobs,
    "kernels": _kernels,
    "packs": _packs,
    "profile": _profile,
}
