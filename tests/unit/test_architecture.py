"""The directions of imports, and the sizes that keep the code readable."""

import ast
import functools
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("worker", "storage", "cloning", "engines", "model_cache", "http_api", "local", "client")
CLIENT = "f5_worker_client"  # what client/ installs; it stands alone
MODULES = sorted([*ROOT.glob("*.py"), *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))])
EVERYTHING = sorted(
    [
        *MODULES,
        *(path for folder in ("tests", "benchmarks", "docs", "training") for path in (ROOT / folder).rglob("*.py")),
    ]
)
OURS = {"handler", "s3_utils", CLIENT, *PACKAGES}
# Who may import what of ours. handler.py may import everything; nobody imports it.
ALLOWED = {
    "worker": OURS - {"handler", "client", CLIENT},
    "s3_utils": {"storage", "cloning"},
    "storage": {"storage", "cloning"},
    "model_cache": {"model_cache", "storage", "cloning"},
    "engines": {"engines", "storage", "cloning"},
    "local": {"local", "storage", "cloning", "http_api", CLIENT},
    "cloning": {"cloning"},
    "http_api": {"http_api"},
    "client": {CLIENT, "http_api"},
}
# cloning's modules and packages, lowest first. Each imports its own line and those above it; the wings never each other.
WINGS = {"requests", "voices", "dictionaries", "jobs"}
# How a text is read, planned and checked: three trades that know nothing of one another, nor do the wings of them.
ALONE = {"reading", "planning", "checking"}
LAYERS: tuple[set[str], ...] = (
    {
        "errors",
        "failures",
        "names",
        "clock",
        "versions",
        "keys",
        "object_keys",
        "language",
        "characters",
        "process_lock",
    },
    {"settings"},
    {"ports"},
    {"records", "audio", *ALONE},
    {"parameters"},
    WINGS,
    {"service", "model_problems"},
    {"replies"},
    {"generate"},
    {"actions"},
)
# What builds the parts: the worker, what shows everything at work, and the command line of the checkpoints.
ROOTS = {"handler.py", "local/demo.py", "model_cache/__main__.py"}
HEAVY = {"torch", "torchaudio", "f5_tts", "transformers", "TTS", "triton", "onnxruntime"}
COMPILED = "engines/f5/kernels/source.py"  # imported where the image is built, by nobody at run time
LATE = {"unicode_rbnf", "wetext", "pysubs2"}  # imported inside functions too, by whom they serve
FOREIGN = {
    "boto3": {"s3_utils", "storage"},
    "botocore": {"s3_utils", "storage"},
    "s3transfer": {"s3_utils"},
    "runpod": {"handler", "worker", "local"},
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """What a file is made of; the file itself is the first."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(module, whether it is imported at the top of the file)"""
    top = {id(node) for node in ast.iter_child_nodes(nodes(path)[0])}
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) in top


def imported(path: Path) -> set[str]:
    """The imported modules, and names that may be modules: `from package import module`."""
    names = {module for module, _ in imports(path)}
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_inwards(path: Path) -> None:
    """Imports point inwards: handler -> worker -> engines, model_cache, local, s3_utils -> storage -> cloning."""
    here = name_of(path)
    if path.relative_to(ROOT).as_posix() not in ROOTS:
        ours = {module.split(".")[0] for module, _ in imports(path)} & OURS
        assert ours <= ALLOWED[here]


CLONING = [
    path
    for path in MODULES
    if name_of(path) == "cloning" and path.relative_to(ROOT).as_posix() != "cloning/__init__.py"
]


@pytest.mark.parametrize("path", CLONING, ids=lambda path: str(path.relative_to(ROOT)))
def test_clonings_packages_stand_in_layers(path: Path) -> None:
    """Requests, voices, dictionaries and jobs import neither one another nor reading, planning or checking; generate and actions join them."""
    level = {name: number for number, names in enumerate(LAYERS) for name in names}
    here = path.relative_to(ROOT / "cloning").parts[0].removesuffix(".py")
    others = {name.split(".")[1] for name in imported(path) if name.startswith("cloning.")} & set(level) - {here}

    assert here in level
    assert [name for name in others if level[name] > level[here]] == []
    assert here not in WINGS or not others & {*WINGS, *ALONE}
    assert here not in ALONE or not others & ALONE


def test_no_folder_holds_more_than_17_files() -> None:
    """No folder of packages or tests has more than 17 files."""
    folders = {path.parent for path in (*MODULES, *(ROOT / "tests").rglob("*.py"))}

    assert [str(folder) for folder in folders if len(list(folder.glob("*.py"))) > 17] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_are_imported_by_engines_alone_and_late(path: Path) -> None:
    """Heavy packages are imported inside functions of engines only, so that no other import pays for them."""
    for module, at_top in imports(path):
        package = module.split(".")[0]
        if package in HEAVY and path.relative_to(ROOT).as_posix() != COMPILED:
            assert (name_of(path), at_top) == ("engines", False), module
        assert package not in LATE or not at_top, module
        assert name_of(path) in FOREIGN.get(package, OURS), module


def test_only_the_build_imports_the_kernels_source() -> None:
    """It imports triton, which takes long, and a compiler at run time."""
    source = COMPILED.removesuffix(".py").replace("/", ".")
    importing = [path.relative_to(ROOT).as_posix() for path in MODULES if source in imported(path)]

    assert importing == ["engines/f5/kernels/build.py"]


def test_no_imports_go_in_circles() -> None:
    """Imports form no circle, even within a package."""
    paths = {".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("client."): path for path in MODULES}
    graph = {name: {one for one in imported(path) if one in paths} for name, path in paths.items()}

    assert list(TopologicalSorter(graph).static_order())


def test_the_environment_has_one_reader() -> None:
    """Only the module that prepares the environment for the SDKs reads os.environ; cloning.settings reads it through pydantic."""
    for path in MODULES:
        names = {node.attr for node in nodes(path) if isinstance(node, ast.Attribute)}
        # local prepares the environment of the processes that it starts; the client's command is a program of its own.
        if path.name != "sdk_variables.py" and name_of(path) != "local" and path.parts[-2:] != (CLIENT, "__main__.py"):
            assert not names & {"environ", "getenv"}, path


def test_nothing_prints() -> None:
    """Nothing prints: stdout belongs to the caller."""
    for path in MODULES:
        calls = {node.func.id for node in nodes(path) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        if path.name != "__main__.py":
            assert "print" not in calls, path


def test_no_function_is_over_60_lines() -> None:
    """A function with its docstring fits a screen."""
    for path in EVERYTHING:
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path.name}: {node.name}"


def test_no_module_is_over_300_lines() -> None:
    """A module has at most 300 lines."""
    for path in EVERYTHING:
        assert len(path.read_text().splitlines()) <= 300, path
