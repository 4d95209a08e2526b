"""What the client's package installs and imports."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from typing import Any

import f5_worker_client

from tests.conftest import ROOT


def project(path: str) -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"])


def names(requirements: list[str] | None) -> set[str]:
    """The packages that are required on this machine, without extras."""
    kept = [one for one in requirements or () if "extra ==" not in one]
    return {re.split(r"[^\w.-]", one, maxsplit=1)[0].lower().replace("_", "-") for one in kept}


def test_httpx_and_rich_are_all_that_it_needs() -> None:
    """httpx, rich and their own requirements are all that the client needs."""
    needed, found = names(project("client/pyproject.toml")["dependencies"]), set[str]()
    assert needed == {"httpx", "rich"}

    while needed:
        found |= needed
        needed = {name for one in needed for name in names(requires(one))} - found - {"exceptiongroup"}

    assert found == {
        "httpx", "anyio", "certifi", "httpcore", "idna", "h11", "typing-extensions",
        "rich", "markdown-it-py", "mdurl", "pygments",
    }  # fmt: skip


def test_importing_it_imports_nothing_of_the_workers() -> None:
    """With only client/ of this repository on its path, importing the client imports nothing of the worker."""
    code = (
        "import sys, f5_worker_client.__main__, f5_worker_client as f;"
        "print(f.__file__, *{name.split('.')[0] for name in sys.modules})"
    )
    client = ROOT / "client"

    file, *modules = subprocess.check_output([sys.executable, "-c", code], cwd=client, text=True).split()

    assert file.startswith(str(client))
    assert not {"torch", "numpy", "pydantic", "runpod", "boto3", "cloning", "local", "storage", "worker"} & set(modules)


def test_the_root_installs_the_same() -> None:
    """`pip install .` and `pip install ./client` install one command of one version, from one list of packages."""
    root, client = project("pyproject.toml"), project("client/pyproject.toml")

    assert {
        name: root[name] for name in ("version", "dependencies", "optional-dependencies", "scripts", "license")
    } == {name: client[name] for name in ("version", "dependencies", "optional-dependencies", "scripts", "license")}


def test_type_checkers_may_read_it() -> None:
    """The package is typed (PEP 561), and everything that it exports exists."""
    assert (ROOT / "client" / "f5_worker_client" / "py.typed").exists()
    assert all(hasattr(f5_worker_client, name) for name in f5_worker_client.__all__)


def test_it_is_not_in_the_image() -> None:
    """The worker's image doesn't contain the client."""
    assert not re.search(r"\bclient\b", (ROOT / ".dockerignore").read_text(encoding="utf-8"))


def test_both_clients_have_the_same_methods() -> None:
    """Both clients have the same methods with the same parameters."""
    import inspect

    def methods(kind: type) -> dict[str, inspect.Signature]:
        return {name: inspect.signature(one) for name, one in inspect.getmembers(kind, callable) if name[0] != "_"}

    assert {name: one.parameters for name, one in methods(f5_worker_client.Client).items()} == {
        name: one.parameters for name, one in methods(f5_worker_client.AsyncClient).items()
    }
