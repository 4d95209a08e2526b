"""The page's files: how they are served, and what they may do."""

import re

import pytest
from starlette.testclient import TestClient

from http_api.app import make_app
from http_api.options import Options
from http_api.page import FOLDER
from tests.http_worker import StandIn

FILES = sorted(FOLDER.iterdir())
MODULES = [path for path in FILES if path.suffix == ".js"]


def client(*, has_page: bool = True, api_key: str | None = None) -> TestClient:
    return TestClient(make_app(StandIn(), Options(has_page=has_page, api_key=api_key)), base_url="http://127.0.0.1")


def test_the_page_is_at_the_root() -> None:
    """The page is at the root as HTML, without a key, because the page itself asks for the key."""
    reply = client(api_key="s3cret").get("/")

    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.content == (FOLDER / "index.html").read_bytes()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_is_served_as_what_it_is(path: object) -> None:
    """Each file has its right type; browsers run modules and apply styles only then."""
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
    name = getattr(path, "name", "")

    reply = client().get(f"/page/{name}")

    assert reply.status_code == 200
    assert reply.headers["content-type"].split(";")[0] == types[name[name.rindex(".") :]]


def test_the_policy_allows_nothing_foreign_and_no_inline_script() -> None:
    """Every file has the policy: own scripts, styles and requests only, sound from blobs too, no frames, no HTML from strings."""
    policy = client().get("/page/main.js").headers["content-security-policy"]

    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "media-src": "'self' blob:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_a_file_is_sent_again_only_when_it_has_changed() -> None:
    """Browsers ask for a file each time, and get 304 unless it has changed."""
    first = client().get("/page/main.js")

    second = client().get("/page/main.js", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "no-cache"
    assert (second.status_code, second.content, second.headers["etag"]) == (304, b"", first.headers["etag"])


def test_head_is_answered() -> None:
    """A HEAD has the headers of a GET."""
    reply = client().head("/")

    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["content-length"] == str((FOLDER / "index.html").stat().st_size)


@pytest.mark.parametrize(
    "path", ["/page/nothing.js", "/page/../page.py", "/page/%2e%2e/page.py", "/page/", "/page/..%2fpage.py"]
)
def test_there_is_nothing_but_the_pages_files(path: str) -> None:
    """No path of a request reaches the disk: only the page's own files are served."""
    reply = client().get(path)

    assert reply.status_code == 404
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("path", ["/", "/page/main.js"])
def test_a_deployment_without_the_page_has_none(path: str) -> None:
    """A deployment without the page serves none, as a load balancer's worker by default."""
    reply = client(has_page=False).get(path)

    assert reply.status_code == 404


def test_the_page_is_small() -> None:
    """The page is below 62 kB, and each module below 200 lines."""
    assert sum(path.stat().st_size for path in FILES) < 62_000
    assert [path.name for path in MODULES if len(path.read_text().splitlines()) >= 200] == []


def test_the_page_names_no_other_origin() -> None:
    """No file of the page names another origin."""
    named = {
        path.name: re.findall(r"(?:https?:)?//[a-z][^\s\"'`]*", path.read_text())
        for path in FILES
        if path.suffix != ".js"
    }

    assert {name: urls for name, urls in named.items() if urls} == {"icon.svg": ["http://www.w3.org/2000/svg"]}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_module_makes_html_or_globals(path: object) -> None:
    """No module makes HTML from text, sets globals or opens a dialog."""
    text = path.read_text()  # type: ignore[attr-defined]

    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|window\.\w+ =|globalThis", text
    )
    assert not re.search(r"\b(alert|confirm|prompt)\(|console\.", text)
    assert not re.search(r"import .* from \"(?!\./)", text)


def test_the_html_has_no_inline_script_or_style() -> None:
    """The HTML has no inline script or style, which the policy would block."""
    html = (FOLDER / "index.html").read_text()

    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", html)
