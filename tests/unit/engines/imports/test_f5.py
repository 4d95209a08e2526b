"""f5_tts's inference code: imported without its trainer, and silent."""

import builtins
import logging
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engines.imports.f5 import import_f5


def test_it_is_one_module_for_all_threads() -> None:
    """Several first callers get the same module, and the warning filters are as they were."""
    before = list(warnings.filters)

    with ThreadPoolExecutor(4) as pool:
        modules = list(pool.map(lambda _: import_f5(), range(4)))

    assert {id(module) for module in modules} == {id(sys.modules["f5_tts.infer.utils_infer"])}
    assert warnings.filters == before


def test_the_trainer_says_what_it_lacks() -> None:
    """Its packages are not installed; the error says what to install for training."""
    import_f5()
    from f5_tts.model import Trainer

    with pytest.raises(ImportError, match="pip install f5-tts"):
        Trainer(None, epochs=1)


def test_nothing_reaches_stdout(
    tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """What f5_tts prints goes to the log at DEBUG, `show_info=print` included; other code's print is untouched."""
    utils_infer = import_f5()
    caplog.set_level(logging.DEBUG, logger="engines.imports.f5")

    utils_infer.load_vocoder(is_local=True, local_path=str(tiny_checkpoint / "vocoder"), device="cpu")
    with pytest.raises(FileNotFoundError):
        utils_infer.preprocess_ref_audio_text("no such file", "text")

    assert capsys.readouterr() == ("", "")
    assert [record.levelno for record in caplog.records] == [logging.DEBUG] * 2
    assert caplog.records[-1].__dict__["said"] == "Converting audio..."
    assert builtins.print is not utils_infer.print


def test_every_chunk_is_spoken_in_the_thread_that_asks() -> None:
    """CuDNN's plans are each thread's own, and stay behind when it ends; upstream starts threads for every chunk."""
    utils_infer = import_f5()

    with utils_infer.ThreadPoolExecutor() as pool:
        spoken = pool.submit(lambda number: (number, threading.get_ident()), 7)
        failed = pool.submit(lambda: 1 // 0)

    assert spoken.result() == (7, threading.get_ident())
    with pytest.raises(ZeroDivisionError):
        failed.result()
