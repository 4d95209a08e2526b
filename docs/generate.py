"""
Writes the generated parts of the documents, from the code that they describe.

`python -m docs.generate` fills the places between `<!-- generated:NAME -->` and `<!-- end:NAME -->` of the pages in `PARTS`,
and writes docs/failures.md; `--check` changes nothing and exits 1 if anything is stale.
"""

import argparse
import difflib
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cloning.failures import MOST_INCIDENTS
from cloning.requests.models import REQUESTS
from docs.client import commands_list, exit_codes_table, own_codes_table
from docs.failures import FAULTS
from docs.tables import (
    ROOT,
    action_part,
    bucket_layout,
    checkpoints_table,
    chief_limits_table,
    deployment_table,
    errors_table,
    limits_table,
    not_there_yet_table,
    older_names_table,
    problems_table,
    profiles_table,
    settings_table,
    table,
)

README = ROOT / "README.md"
API = ROOT / "docs" / "api.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
CHECKPOINTS = ROOT / "docs" / "checkpoints.md"
CLIENT = ROOT / "docs" / "client.md"
FAILURES = ROOT / "docs" / "failures.md"
SETTINGS = ROOT / "docs" / "settings.md"
SPEECH = ROOT / "docs" / "speech.md"
_MARKED = re.compile(r"(<!-- generated:(\w+) -->\n).*?(<!-- end:\2 -->)", re.DOTALL)


def failures_page() -> str:
    """docs/failures.md."""
    head = (
        "# When something goes wrong\n\n"
        "Generated from docs/failures.py and cloning/failures.py by `python -m docs.generate`; don't edit.\n"
        "`tests/faults/test_troubles.py` makes each row happen.\n\n"
        "A job fails for good only because of its own request, voice, text or checkpoint. After any other failure it is given back: its\n"
        "lease ends, its finished chunks stay, `status` says INTERRUPTED with the reason, and the next delivery continues it. The rows are about\n"
        "claimed jobs; a request that fails before the claim leaves no job.\n\n"
        "RunPod delivers a job again by itself only if nothing was posted for it. A posted failure, retryable or not, ends RunPod's job: send\n"
        "the same request with the same `job_id` again, or use RunPod's `/retry`. You may do so any number of times, except after bugs: a job\n"
        f"whose attempts met {MOST_INCIDENTS} bugs is FAILED, because it probably causes them. `retryable` and `refresh_worker` are explained [with the\n"
        "codes](api.md#failures).\n\n"
    )
    columns = (
        "what happens",
        "the caller gets",
        "retryable",
        "refresh_worker",
        "the job's record",
        "its next delivery",
    )
    return head + table(columns, [fault.row() for fault in FAULTS])


PARTS: dict[Path, dict[str, Callable[[], str]]] = {
    README: {"deployment": deployment_table, "limits": chief_limits_table},
    API: {
        **{name: partial(action_part, name, request) for name, request in REQUESTS.items()},
        "errors": errors_table,
        "limits": limits_table,
        "older": older_names_table,
        "missing": not_there_yet_table,
    },
    ARCHITECTURE: {"bucket": bucket_layout},
    CHECKPOINTS: {"checkpoints": checkpoints_table},
    CLIENT: {"commands": commands_list, "exits": exit_codes_table, "codes": own_codes_table},
    SETTINGS: {"settings": settings_table},
    SPEECH: {"profiles": profiles_table, "problems": problems_table},
}


def filled(page: Path, text: str | None = None) -> str:
    """
    Rewrite every generated part of `text`, or of the page.

    Raises ValueError if a part has no place, or a place no part.
    """
    text = page.read_text(encoding="utf-8") if text is None else text
    parts, places = PARTS[page], sorted(match[2] for match in _MARKED.finditer(text))
    if places != sorted(parts):
        raise ValueError(f"{page.name} has places for {places}; its generated parts are {sorted(parts)}")
    return _MARKED.sub(lambda match: f"{match[1]}{parts[match[2]]()}{match[3]}", text)


def fresh() -> dict[Path, str]:
    """Every generated document as it should be."""
    return {**{page: filled(page) for page in PARTS}, FAILURES: failures_page()}


def stale() -> list[str]:
    """For every document that differs, the lines that do."""
    lines: list[str] = []
    for path, text in fresh().items():
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        if there != text:
            name = str(path.relative_to(ROOT))
            lines += difflib.unified_diff(
                there.splitlines(), text.splitlines(), name, f"{name} (fresh)", n=0, lineterm=""
            )
    return lines


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description="Write the generated documents.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if something is stale")
    if parser.parse_args().check:
        if lines := stale():
            sys.exit("\n".join([*lines, "the generated documents are stale: run `make fix`"]))
        return
    for path, text in fresh().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
