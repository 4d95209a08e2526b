"""What a start costs: no model code is imported before a model is needed."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import ROOT, SPOKEN

HEAVY = ("torch", "torchaudio", "f5_tts", "transformers", "vocos", "librosa", "pydub", "omegaconf", "TTS")


def loaded_after(code: str) -> set[str]:
    """The modules of HEAVY that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    return set(run(script).split())


def test_importing_the_handler_imports_no_model_code() -> None:
    """A worker that only answers `status` never pays for torch."""
    assert loaded_after("import handler") == set()


def test_building_the_service_imports_no_model_code() -> None:
    """Building the service connects everything and loads nothing."""
    code = (
        "import pathlib, tempfile\nfrom cloning.clock import SystemClock\nfrom cloning.settings import Settings\n"
        "from worker.assembly import build\n"
        "build(Settings(), SystemClock(), pathlib.Path(tempfile.gettempdir()))"
    )

    assert loaded_after(code) == set()


LEFT_OUT = (
    "matplotlib",
    "librosa",
    "numba",
    "transformers",
    "pypinyin",
    "scipy",
    "encodec",
    "huggingface_hub",
    "sympy",
)


def test_importing_f5_imports_only_what_it_infers_with() -> None:
    """What f5_tts's modules import at their tops and speaking doesn't need is imported at its first use."""
    assert left_out_after("from engines.imports.f5 import import_f5; import_f5()") == set(LEFT_OUT)


def test_a_generate_with_a_known_transcript_imports_only_what_it_uses(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """A whole generate, from the request to the stored result, imports nothing that it doesn't use."""
    (tmp_path / "tiny").symlink_to(tiny_checkpoint)
    code = f"import pathlib; from benchmarks.worker import Worker; Worker(pathlib.Path({str(tmp_path)!r})).speak('j', nfe_step=1)"

    assert left_out_after(code) == set(LEFT_OUT)


HEARD = """
        import numpy, soundfile
        from benchmarks.worker import recording
        from engines.whisper.transcriber import WhisperTranscriber
        samples, rate = soundfile.read(recording(), dtype="float32")
        print(WhisperTranscriber.load({whisper!r}, "cpu").transcribe(samples, rate, language=None).text)
"""


NOT_TO_HEAR = ("torch._dynamo", "torch.distributed.tensor", "sympy", "scipy", "matplotlib", "librosa")
USED_LATER = """
        import sys, torch
        print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item(), type(torch._dynamo.config).__name__ != "function")
        from transformers.masking_utils import TransformGetItemToIndex
        with TransformGetItemToIndex() as mode:
            print(type(sys.modules["torch._dynamo._trace_wrapped_higher_order_op"].__dict__["TransformGetItemToIndex"]).__name__)
        import torch.distributed.tensor
        print(torch.distributed.is_available(), torch.distributed.tensor.DTensor.__module__)
"""


@pytest.fixture(scope="module")
def heard(small_whisper: Path) -> list[str]:
    """What a process prints that hears a recording, lists what it has loaded, and then uses what hearing left out."""
    loaded = f"""
        import sys
        print(*[name for name in {NOT_TO_HEAR} if name in sys.modules])
    """
    return run(textwrap.dedent(HEARD.format(whisper=str(small_whisper)) + loaded + USED_LATER)).splitlines()


def test_hearing_imports_neither_a_compiler_nor_process_groups(heard: list[str]) -> None:
    """Most of what transformers' models import is for many GPUs and torch.compile, and hearing needs none of it."""
    assert words(heard[0]) == words(SPOKEN)
    assert heard[1] == ""


def test_what_hearing_left_out_still_works(heard: list[str]) -> None:
    """Torch compiles and has its process groups afterwards, and transformers gets the class for its masks."""
    assert heard[2:] == ["2.0 True", "type", "True torch.distributed.tensor"]


def test_xtts_speaks_the_same_whether_somebody_heard_before(small_whisper: Path, tmp_path: Path) -> None:
    """XTTS's GPT uses parts of transformers that hearing has imported already; its samples are the same."""
    speak = f"""
        import hashlib, pathlib
        from cloning.ports import Reference, XttsParameters
        from benchmarks.worker import recording
        from tests.real import load_tiny_xtts
        voice = Reference(recording(), "", "0" * 64, 5.0, "en")
        wave = load_tiny_xtts(pathlib.Path({str(tmp_path)!r})).speak(voice, "Hello there.", seed=1, parameters=XttsParameters())
        print(hashlib.sha256(wave.tobytes()).hexdigest())
    """

    alone = run(textwrap.dedent(speak)).splitlines()
    after = run(textwrap.dedent(HEARD.format(whisper=str(small_whisper)) + speak)).splitlines()

    assert after[-1] == alone[-1]


def test_a_cold_generate_tells_what_its_load_was_made_of(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """A cold generate reports the import, the files and the weights, the first two in parallel; a warm one reports none."""
    (tmp_path / "tiny").symlink_to(tiny_checkpoint)
    code = f"""
        import json, pathlib
        from benchmarks.worker import Worker
        worker = Worker(pathlib.Path({str(tmp_path)!r}))
        print(json.dumps([worker.speak(job, nfe_step=1)["timings"] for job in ("cold", "warm")]))
    """

    cold, warm = json.loads(run(textwrap.dedent(code)).splitlines()[-1])

    parts = ("load_import", "load_fetch", "load_weights")
    assert 0 < max(cold["load_import"], cold["load_fetch"]) + cold["load_weights"] <= cold["load"]
    assert [warm[part] for part in parts] == [0.0, 0.0, 0.0]


def left_out_after(code: str) -> set[str]:
    """The modules of LEFT_OUT that a fresh interpreter hasn't loaded after `code`."""
    return set(run(f"{code}\nimport sys; print(*[name for name in {LEFT_OUT} if name not in sys.modules])").split())


def test_what_was_left_out_still_works(tmp_path: Path) -> None:
    """Chinese text, a picture, a mel filter and a recogniser are imported at their first use, as f5_tts calls them."""
    picture = tmp_path / "mel.png"
    code = f"""
        from engines.imports.f5 import import_f5
        f5 = import_f5()
        import numpy, torch
        from f5_tts.model.utils import convert_char_to_pinyin
        from f5_tts.model.modules import MelSpec
        print("".join(convert_char_to_pinyin(["你好, friend"])[0]))
        f5.save_spectrogram(numpy.zeros((100, 20)), {str(picture)!r})
        import matplotlib
        print(matplotlib.get_backend())
        print(tuple(MelSpec(mel_spec_type="bigvgan")(torch.zeros(1, 2560)).shape))
        import transformers
        print(f5.pipeline.__module__, transformers.pipeline.__name__)
        try:
            f5.pipeline("no-such-task")
        except KeyError as error:
            print("no-such-task" in str(error))
    """

    said = run(textwrap.dedent(code)).splitlines()

    assert said == [" ni2 hao3, friend", "Agg", "(1, 100, 10)", "engines.imports.deferred pipeline", "True"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def run(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
