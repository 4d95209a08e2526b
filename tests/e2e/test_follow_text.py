"""The way of a text through the code is as short as docs/architecture.md says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST = 12


def test_a_text_passes_through_the_files_that_the_architecture_names(tmp_path: Path) -> None:
    """A reader who follows a text from handler.py to the model opens twelve files at most, each once, and the page names them all."""
    command = [sys.executable, str(ROOT / "scripts" / "follow_text.py"), str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    way, _ = told.split("files look at it", maxsplit=1)
    files = [line.strip() for line in way.splitlines() if line.startswith("  ")]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    paragraph = page[page.index("The text passes through") :].split("Other files read it", maxsplit=1)[0]
    assert (files[0], files[-1]) == ("handler.py", "engines/f5/engine.py")
    assert len(files) == len(set(files)) <= MOST
    assert f"passes through {len(files)} files" in paragraph
    assert [file for file in files if f"{Path(file).name}`" not in paragraph] == []
