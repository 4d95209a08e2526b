"""The documents say what the code does, name what exists, and link to what is there."""

import ast
import re
from pathlib import Path

import pytest

from cloning import keys
from docs.generate import API, FAILURES, PARTS, README, failures_page, filled
from docs.replies import MEANINGS, SOMETIMES, fields_of
from docs.tables import ROOT
from tests.unit.docs.test_examples import api_examples

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MAKE = re.compile(r"(?:`|^ {4}|&& |; )(?:[A-Z_]+=\S+ )*make ([a-z]+)", re.MULTILINE)
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)(?:::(\w+))?`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The headings as GitHub turns them into anchors."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PARTS, ids=named)
def test_generated_parts_are_fresh(page: Path) -> None:
    """The generated tables are what the code says: settings, error codes, limits, fields, bounds and checkpoints. `make fix` writes them."""
    text = page.read_text(encoding="utf-8")

    assert text == filled(page)


def test_the_page_of_failures_is_fresh() -> None:
    """docs/failures.md is what the code says, all of it. `make fix` writes it."""
    assert FAILURES.read_text(encoding="utf-8") == failures_page()


def test_a_place_without_a_part_is_a_mistake() -> None:
    """A marker of a generated part that is misspelled or lost is a mistake and doesn't pass as fresh."""
    text = API.read_text(encoding="utf-8")

    with pytest.raises(ValueError, match="generated parts"):
        filled(API, text.replace("generated:errors", "generated:erors").replace("end:errors", "end:erors"))


def test_the_readme_is_a_front_door() -> None:
    """The README stays under 14 kB, shows a generate before line 40, and links to every other page."""
    text = README.read_text(encoding="utf-8")
    pages = {named(page) for page in (ROOT / "docs").glob("*.md")} | {"docs/decisions/README.md", "CONTRIBUTING.md"}

    assert len(text.encode()) <= 14_000
    assert '"action": "generate"' in "\n".join(text.splitlines()[:39])
    assert pages <= {link.partition("#")[0] for link in LINK.findall(text)}


def test_every_field_of_a_reply_has_a_meaning() -> None:
    """The API page explains every field of its examples' replies (which are the worker's), none more and none less."""
    for example in api_examples():
        if example.name != "failure":
            assert fields_of(example.reply) == set(MEANINGS[example.name]), example.name
    assert set(SOMETIMES) <= set(MEANINGS)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_between_documents_resolve(page: Path) -> None:
    """Links between documents lead to a file or folder of this repository and to an existing heading."""
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_make_verb_that_a_document_names_exists(page: Path) -> None:
    """Every make verb that a document names exists, because a reader will run it."""
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(MAKE.findall(page.read_text(encoding="utf-8"))) <= verbs


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_and_test_that_a_document_names_exists(page: Path) -> None:
    """Every file and test that a document names exists. Files of other projects and of a run are known by their folder."""
    elsewhere = ("f5_tts/", "out/", "voices/", "jobs/", "results/", "checkpoints/", "infer/")
    for path, test in FILE.findall(page.read_text(encoding="utf-8")):
        if path.startswith(elsewhere):
            continue
        assert (ROOT / path).exists(), path
        assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), test


def test_the_readme_names_the_verbs_of_a_first_visit() -> None:
    """The README names the verbs of a first visit."""
    assert {"demo", "test", "setup", "image"} <= set(MAKE.findall(README.read_text(encoding="utf-8")))


SERVICE = ("worker", "storage", "cloning", "engines", "model_cache", "local", "client", "http_api")
BESIDES = ("training", "benchmarks", "docs")
PACKAGES = sorted(path.parent for top in (*SERVICE, *BESIDES) for path in (ROOT / top).rglob("__init__.py"))


@pytest.mark.parametrize("package", PACKAGES, ids=named)
def test_a_package_names_its_modules(package: Path) -> None:
    """A package's docstring has a line for each of its modules, so that a reader finds the right file."""
    lines = (ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or "").splitlines()
    mapped = [line.split()[0] for line in lines if line.startswith("    ")]
    modules = [path.stem for path in package.glob("*.py") if path.name != "__init__.py"]
    packages = [f"{path.parent.name}/" for path in package.glob("*/__init__.py")]

    assert sorted(mapped) == sorted(modules + packages)


def test_the_architecture_page_names_every_package() -> None:
    """The architecture page, where a reader begins, names every package."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

    assert [named(package) for package in PACKAGES if f"`{named(package)}/`" not in page] == []


def test_the_architecture_page_draws_the_buckets_layout() -> None:
    """The architecture page draws the bucket's layout line for line as cloning/keys.py, the only module that spells a key."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    layout = [line for line in (keys.__doc__ or "").splitlines() if line.startswith("    ")]

    assert layout
    assert [line for line in layout if line not in page.splitlines()] == []


def test_the_index_names_every_decision() -> None:
    """The index has a line for every decision, in order and with its own title."""
    folder = ROOT / "docs" / "decisions"
    notes = sorted(folder.glob("0*.md"))
    lines = [line for line in (folder / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("- ")]

    assert lines == [f"- [{note.stem[:4]}]({note.name}) {_title(note)}" for note in notes]


def _title(note: Path) -> str:
    """The first line of a decision note after its number."""
    return note.read_text(encoding="utf-8").splitlines()[0].split(". ", 1)[1]
