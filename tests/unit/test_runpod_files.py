"""What RunPod's Hub reads (.runpod, in the shapes of its publishing guide) fits the worker; and so does the test input."""

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from cloning.service import Call, Service
from cloning.settings import Settings
from handler import answer
from model_cache.architectures import XTTS_V2
from model_cache.catalog import UNKNOWN, entries
from tests.conftest import ROOT
from tests.unit.image_files import environment, requirements


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


@pytest.mark.parametrize("test", hub_tests().tests, ids=lambda test: test.name)
def test_the_hubs_tests_are_answered_without_weights(test: HubTest, service: Service) -> None:
    """The Hub's tests are valid inputs that need no model, because the Hub runs them before a release is published."""
    reply = answer(service, test.input, Call("hub"))

    assert "error" not in reply
    assert test.input["action"] in {"health", "upload", "voices"}


def test_the_local_test_input_is_a_health_call() -> None:
    """`python handler.py` alone answers a health call, wherever it is started."""
    assert json.loads((ROOT / "test_input.json").read_bytes()) == {"input": {"action": "health"}}
