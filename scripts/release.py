"""
Print what CHANGELOG.md says of a version: `python scripts/release.py v0.1.0`.

Fails if the tag is not the version that the code has, or the changelog doesn't date it. Needs nothing but Python: the release workflow
runs it before anything is built.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_SECTION = r"^## \[{version}\] - (?P<date>\S+)\n(?P<notes>.*?)(?=^## \[|\Z)"


def version_of_code(root: Path) -> str:
    """The version in cloning/versions.py, where it is written once."""
    found = re.search(
        r'^WORKER_VERSION = "(.+)"$', (root / "cloning/versions.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    return found[1] if found else ""


def notes_of(tag: str, root: Path) -> str:
    """The changelog's section. Raises SystemExit, with what to mend."""
    version = version_of_code(root)
    if tag != f"v{version}":
        raise SystemExit(
            f"the tag is {tag!r} and cloning/versions.py says {version!r}: tag v{version}, or change it there"
        )
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(_SECTION.format(version=re.escape(version)), changelog, re.MULTILINE | re.DOTALL)
    if section is None:
        raise SystemExit(f"CHANGELOG.md has no section [{version}]: add one")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", section["date"]):
        raise SystemExit(f"CHANGELOG.md says {section['date']!r} of {version}: write the day of the release there")
    return section["notes"].strip()


if __name__ == "__main__":
    print(notes_of(sys.argv[1], ROOT))
