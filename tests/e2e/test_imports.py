"""What starting up costs: no model code before a model is needed."""

import subprocess
import sys

from tests.conftest import ROOT

HEAVY = ("torch", "torchaudio", "f5_tts", "transformers", "vocos", "librosa", "pydub", "TTS")


def loaded_after(code: str) -> set[str]:
    """Of HEAVY, what a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_handler_imports_no_model_code() -> None:
    """A worker that only answers status never pays for torch."""
    assert loaded_after("import handler") == set()


def test_building_the_service_imports_no_model_code() -> None:
    """Everything is wired, nothing is loaded."""
    code = (
        "import assembly, pathlib, tempfile\nfrom cloning.settings import Settings\nfrom cloning.clock import SystemClock\n"
        "assembly.build(Settings(), SystemClock(), pathlib.Path(tempfile.gettempdir()))"
    )

    assert loaded_after(code) == set()
