"""`python -m benchmarks.gpu`, the script that `make gpu` runs."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu.parts import PARTS

ROOT = Path(__file__).parent.parent.parent
PHASES = {
    "import_torch",
    "import_f5",
    "start_device",
    "make_weights",
    "load",
    "first_run",
    "load_fast",
    "first_run_fast",
}


def run(*arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The report of one small case on the CPU, and the file that it was also written to."""
    written = tmp_path_factory.mktemp("report") / "new" / "gpu.json"
    options = (
        "--nfe",
        "4",
        "--seconds",
        "1",
        "--repeat",
        "2",
        "--cycles",
        "3",
        "--lengths",
        "1",
        "--crowd",
        "4",
        "--crowd-nfe",
        "2",
    )
    done = run("--size", "tiny", "--device", "cpu", *options, "--json", str(written), timeout_s=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), written


def test_stdout_is_the_report_alone(tiny: tuple[dict[str, Any], Path]) -> None:
    """Stdout is one JSON object, the same as in the file; a missing folder is made."""
    report, written = tiny
    assert json.loads(written.read_text()) == report


def test_the_report_says_what_ran_where(tiny: tuple[dict[str, Any], Path]) -> None:
    """The report has engine, device, dtype, versions and date, and says that the weights are random."""
    report, _ = tiny
    assert (report["engine"], report["samplers"]) == ("f5", ["official", "fast"])
    assert (report["device"], report["dtype"]) == ("cpu", "float32")
    assert "not sound" in report["note"]
    assert report["versions"]["f5-tts"] == "1.1.22"
    assert report["versions"]["torch"].startswith("2.")
    assert report["date"].endswith("+00:00")


def test_a_cpus_figures_say_that_they_are_no_gpus(tiny: tuple[dict[str, Any], Path]) -> None:
    """The report itself says that a CPU's figures are no GPU's, for whoever finds it later."""
    assert tiny[0]["warning"].startswith("NOT A GPU'S FIGURES: a run on a CPU")


def test_every_phase_has_its_seconds(tiny: tuple[dict[str, Any], Path]) -> None:
    """Every phase, from the import to the first run, has its seconds, and none is negative."""
    report, _ = tiny
    assert report["phases_s"].keys() == PHASES
    assert min(report["phases_s"].values()) >= 0
    assert list(report["parts"]) == list(PARTS)
    assert min(part["seconds"] for part in report["parts"].values()) >= 0


def test_a_case_adds_up(tiny: tuple[dict[str, Any], Path]) -> None:
    """The audio has the length asked for (to a frame), each run is listed, and the RTF is the median over the audio's seconds."""
    report, _ = tiny
    (case,) = report["parts"]["cases"]["cases"]
    assert (case["nfe_step"], case["asked_s"]) == (4, 1.0)
    assert case["audio_s"] == pytest.approx(1.0, abs=2 * 256 / 24_000)
    assert len(case["runs_s"]) == 2
    assert min(case["runs_s"]) <= case["median_s"] <= max(case["runs_s"])
    assert case["rtf"] == pytest.approx(case["median_s"] / case["audio_s"], abs=1e-4)
    assert case["vocoder_s"] > 0
    assert 0 < case["solver_s"] < max(case["runs_s"])


def test_a_cpu_has_no_gpu_memory(tiny: tuple[dict[str, Any], Path]) -> None:
    """Without a GPU its memory is null, not 0: nothing was measured."""
    report, _ = tiny
    assert report["parts"]["cases"]["cases"][0]["vram"] is None
    assert report["memory"]["vram_load"] is None
    assert report["machine"]["card"] is None
    assert report["memory"]["rss_peak_mib"] >= report["memory"]["rss_after_load_mib"] > 0


def test_the_weights_left_and_returned(tiny: tuple[dict[str, Any], Path]) -> None:
    """The weights leave and return as often as asked, with the same samples; seconds and bytes are reported."""
    away = tiny[0]["parts"]["devices"]["away"]
    assert (away["cycles"], away["same_samples"]) == (3, True)
    assert min(away["park_s"], away["resume_s"], away["weights_bytes"]) > 0
    assert away["gpu_bytes_loaded"] is away["gpu_bytes_parked"] is None


def test_sixteen_at_once_equal_sixteen_one_by_one(tiny: tuple[dict[str, Any], Path]) -> None:
    """Sixteen jobs at once have the samples that each has alone, whatever the order on the GPU."""
    together = tiny[0]["parts"]["devices"]["together"]
    assert (together["jobs"], together["equal"]) == (16, True)


def test_a_memory_cap_needs_a_gpu(tiny: tuple[dict[str, Any], Path]) -> None:
    """Without a GPU the reason stands where the figures would."""
    assert "CUDA" in tiny[0]["parts"]["devices"]["memory_cap"]["skipped"]


def test_both_paths_stand_side_by_side(tiny: tuple[dict[str, Any], Path]) -> None:
    """Each length and number of steps has one stream's figures on both paths, their ratio, its limit, and whether that holds."""
    stream = tiny[0]["parts"]["one_stream"]
    (case,) = stream["cases"]
    assert (case["nfe"], case["asked_s"], stream["limit"]) == (4, 1.0, 1.5)
    assert case["times"] == pytest.approx(case["official"]["median_s"] / case["fast"]["median_s"], abs=0.01)
    assert stream["holds"] is (case["times"] >= 1.5)


def test_a_crowd_is_spoken_in_packs_of_every_size(tiny: tuple[dict[str, Any], Path]) -> None:
    """Packs of every size stand beside both official ways; on a CPU without memory figures, each with its share of the CPU's own rate."""
    packs = tiny[0]["parts"]["packs"]
    assert (packs["utterances"], packs["nfe"], packs["limit"]) == (4, 2, 2.5)
    assert packs["audio_s"] == pytest.approx(4 * 5, rel=0.1)
    assert len(packs["official"]) == 2
    assert [row["pack"] for row in packs["fast"]] == [1, 2, 4]
    assert packs["knee"] in {1, 2, 4}
    assert {row["memory"] for row in packs["fast"]} == {None}
    assert "CUDA" in packs["longest"]["skipped"]
    sums = packs["arithmetic"]
    assert [row["pack"] for row in sums["solver"]] == [1, 2, 4]
    for row in sums["solver"]:
        assert row["share"] == pytest.approx(row["tflops"] / sums["matmul_tflops"], abs=1e-3)


def test_both_paths_are_compared_with_float32(tiny: tuple[dict[str, Any], Path]) -> None:
    """In half precision ours is nearer to float32; in float32 on a CPU both paths are equal, alone and in packs."""
    parity = tiny[0]["parts"]["parity"]
    (half,) = parity["half_from_float32"]
    assert (parity["same_noise"], parity["holds"]) == (True, True)
    assert 0 < half["fast"] < half["official"]
    assert [row["byte_equal"] for row in parity["float32_from_official"]] == [True]
    assert parity["company"] == {
        "utterances": 4, "byte_equal": 4, "largest_distance": 0.0, "repeats_byte_equal": True,
    }  # fmt: skip


def test_the_solvers_own_proof_is_in_the_report(tiny: tuple[dict[str, Any], Path]) -> None:
    """The report has the proof's distances in half precision beside their bounds, and the time that a worker waits for it."""
    proof = tiny[0]["parts"]["proof"]
    assert (proof["holds"], proof["problems"]) == (True, [])
    assert proof["distances"].keys() == proof["bounds"].keys() == {"velocity", "largest", "steps", "vocoder"}
    assert all(0 < proof["distances"][name] < bound for name, bound in proof["bounds"].items())
    assert min(proof["first_s"], proof["second_s"]) > 0


def test_the_report_names_what_torch_chose(tiny: tuple[dict[str, Any], Path]) -> None:
    """The report names the attention kernels that torch chose, as the worker leaves torch and with cuDNN's allowed; a CPU has none."""
    backend = tiny[0]["parts"]["backend"]
    assert backend["attention"] == backend["attention_if_cudnn_allowed"] == {"chosen": "FLASH_ATTENTION", "kernels": []}
    assert backend["allowed"].keys() == {"flash", "memory_efficient", "cudnn", "math"}
    assert backend["cudnn"]


def test_a_new_length_is_measured_apart(tiny: tuple[dict[str, Any], Path]) -> None:
    """Lengths that are new to the process are measured separately, for three ways with lengths of their own: two rounds make six."""
    unseen = tiny[0]["parts"]["unseen_lengths"]
    assert (unseen["nfe"], unseen["lengths"]) == (2, 6)
    assert [row["way"] for row in unseen["ways"]] == ["official", "official, cuDNN's attention allowed", "fast"]
    assert min(min(row["first_s"], row["second_s"]) for row in unseen["ways"]) > 0


def test_a_cpu_copies_within_its_own_memory_alone(tiny: tuple[dict[str, Any], Path]) -> None:
    """Copies to and from a device, pinned and pageable, are measured on a GPU only; a CPU copies within its memory."""
    copies = tiny[0]["parts"]["copies"]
    assert copies["gb_per_s"].keys() == {"within the device"}
    assert min(copies["gb_per_s"]["within the device"], copies["mib"], copies["weights_mib"]) > 0


def test_jobs_through_the_queue_have_their_latencies(tiny: tuple[dict[str, Any], Path]) -> None:
    """Jobs through the queue have their latencies: four on either path, and four in a pack."""
    jobs = tiny[0]["parts"]["jobs"]
    assert (jobs["jobs"], jobs["nfe"]) == (4, 2)
    assert [(row["path"], row["pack"]) for row in jobs["ways"]] == [("official", 1), ("fast", 1), ("fast", 4)]
    for row in jobs["ways"]:
        assert len(row["latencies_s"]) == 4
        assert 0 < row["first_s"] <= row["median_s"] <= row["last_s"]


def test_traces_lie_beside_the_report(tiny: tuple[dict[str, Any], Path]) -> None:
    """Traces of both paths lie beside the report, as chrome://tracing reads them; a CPU's have no kernels."""
    report, written = tiny
    profile = report["parts"]["profile"]
    assert "CUDA" in profile["skipped"]
    assert profile["traces"] == ["gpu-official.trace.json.gz", "gpu-fast.trace.json.gz"]
    for name in profile["traces"]:
        assert json.loads(gzip.decompress(written.with_name(name).read_bytes()))["traceEvents"]


def test_a_part_can_be_measured_alone() -> None:
    """A part can be measured alone: others are not in the report, and the table ends with the warning that it is no GPU's."""
    options = ("--nfe", "4", "--lengths", "1", "--repeat", "1", "--only", "one_stream")
    done = run("--size", "tiny", "--device", "cpu", *options, timeout_s=300)

    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert report["parts"].keys() == {"one_stream"}
    assert report["rounds"] == 1
    *_, limit, _, warning = done.stderr.splitlines()
    assert limit.startswith("one stream >= 1.5 x official")
    assert warning == report["warning"]


def test_a_spent_budget_leaves_a_report(tmp_path: Path) -> None:
    """When the budget is spent, the report names the parts that were not begun."""
    written = tmp_path / "gpu.json"
    options = ("--nfe", "4", "--lengths", "1", "--repeat", "1", "--budget", "1", "--json", str(written))
    done = run("--size", "tiny", "--device", "cpu", *options, timeout_s=300)

    parts = json.loads(written.read_text())["parts"]
    assert done.returncode == 0, done.stderr
    assert parts == {key: {"skipped": "the budget was spent"} for key in PARTS}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--nfe", "65"),
        ("--crowd", "0"),
        ("--seconds", "0"),
        ("--repeat", "0"),
        ("--budget", "0"),
        ("--crowd-nfe", "65"),
    ],
)
def test_values_beyond_the_model_are_refused(option: str, value: str) -> None:
    """Values beyond the model are refused before anything is made: exit status 2, nothing on stdout, the value named."""
    done = run(option, value, timeout_s=60)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{value} is not within" in done.stderr


def test_full_size_on_a_gpu(tmp_path: Path) -> None:
    """F5TTS_v1_Base in fp16 on the GPU, with its memory, in one short case."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here: the full size is measured on a GPU only (`make gpu`)")
    options = ("--nfe", "16", "--seconds", "5", "--repeat", "1", "--lengths", "5")
    written = tmp_path / "gpu.json"
    done = run("--device", "cuda", *options, "--json", str(written), timeout_s=600)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    parts = report["parts"]
    (case,) = parts["cases"]["cases"]
    assert (report["dtype"], report["parameters"], report["warning"]) == ("float16", 337_096_804, None)
    assert report["machine"]["card"]
    assert case["vram"]["peak_reserved_mib"] >= case["vram"]["peak_allocated_mib"] > 640
    away, cap = parts["devices"]["away"], parts["devices"]["memory_cap"]
    assert (away["same_samples"], parts["devices"]["together"]["equal"]) == (True, True)
    assert away["gpu_bytes_parked"] < away["gpu_bytes_loaded"] / 10
    assert (cap["capped"], cap["survived"]) == ("GPU_OUT_OF_MEMORY", True)
    packs, profile = parts["packs"], parts["profile"]
    assert parts["parity"]["same_noise"] is True
    assert parts["proof"]["distances"]["velocity"] > 0
    assert parts["backend"]["attention"]["kernels"]
    assert parts["backend"]["attention"]["chosen"] != "CUDNN_ATTENTION"
    assert parts["kernels"]["proof"]["kernels"] in {"fused", "eager"}
    assert len(parts["copies"]["gb_per_s"]) == 5
    assert [(row["pack"], row["turns"]) for row in parts["jobs"]["ways"]] == [(1, 16), (1, 16), (4, 4), (16, 1)]
    assert all(written.with_name(name).stat().st_size > 0 for name in profile["traces"])
    assert min(row["memory"]["allocated_mib"] for row in packs["fast"]) > 0
    assert 0 < packs["arithmetic"]["best_share"] < 1
    assert min(profile[path]["kernels_per_step"] for path in ("official", "fast")) > 0
