"""XTTS files and the real, unmodified `Xtts.load_checkpoint` of coqui-tts."""

import functools
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from model_cache.layouts.inspection import inspect
from model_cache.layouts.repair import repair
from model_cache.layouts.xtts_tensors import expected_keys, numbers_of
from tests.layouts import same, save
from tests.xtts_layouts import NUMBERS, ROWS, State, only_inference, second_names, under

SIZE = {
    "gpt_layers": 2,
    "gpt_n_model_channels": 64,
    "gpt_n_heads": 4,
    "gpt_max_audio_tokens": 60,
    "gpt_max_text_tokens": 100,
    "gpt_num_audio_tokens": 66,
    "gpt_start_audio_token": 64,
    "gpt_stop_audio_token": 65,
    "gpt_number_text_tokens": 53,
    "gpt_use_perceiver_resampler": True,
    "decoder_input_dim": 64,
}
Make = Callable[[], Any]


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's
        yield


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocab.json of 53 letters."""
    letters = ["[STOP]", "[UNK]", "[SPACE]", *map(chr, range(97, 123)), *".,!?'-:;\"()", "[en]", "[pt]", "[START]"]
    letters += [f"[{number}]" for number in range(53 - len(letters))]
    model = {
        "type": "BPE",
        "vocab": {letter: index for index, letter in enumerate(letters)},
        "merges": [],
        "unk_token": "[UNK]",
    }
    added = [
        {
            "id": index,
            "content": letter,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for index, letter in enumerate(letters)
        if letter.startswith("[")
    ]
    path = tmp_path_factory.mktemp("xtts") / "vocab.json"
    path.write_text(
        json.dumps({"version": "1.0", "added_tokens": added, "pre_tokenizer": {"type": "Whitespace"}, "model": model})
    )
    return path


@pytest.fixture(scope="module")
def make_model(vocabulary: Path) -> Make:
    """Make the real class, empty, with a small decoder."""
    from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
    from TTS.tts.models import xtts

    decoder = xtts.HifiDecoder

    def make() -> Any:
        config = XttsConfig(model_args=XttsArgs(**SIZE, tokenizer_file=str(vocabulary)))
        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            warnings.simplefilter("ignore")
            patch.setattr(xtts, "HifiDecoder", functools.partial(decoder, upsample_initial_channel_decoder=32))
            return xtts.Xtts(config)

    return make


@pytest.fixture(scope="module")
def truth(make_model: Make) -> State:
    import torch

    state = make_model().state_dict()
    return {
        name: torch.randn_like(tensor) if tensor.is_floating_point() else tensor + 5 for name, tensor in state.items()
    }


@pytest.fixture
def load(make_model: Make, vocabulary: Path) -> Callable[[Path], State]:
    """Load a file with the model's own strict loader and return its weights."""
    from TTS.tts.models import xtts

    def read(path: Path, **options: Any) -> State:
        model = make_model()
        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            warnings.simplefilter("ignore")
            patch.setattr(xtts, "HifiDecoder", functools.partial(xtts.HifiDecoder, upsample_initial_channel_decoder=32))
            model.load_checkpoint(model.config, checkpoint_path=str(path), vocab_path=str(vocabulary), **options)
        return {name: tensor for name, tensor in model.state_dict().items() if name in expected_keys(NUMBERS)}

    return read


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that is removed at once, because each file has 35 MB."""
    with TemporaryDirectory() as path:
        yield Path(path)


def test_the_table_is_the_real_class(make_model: Make) -> None:
    """The table's names and shapes are the real class's, before and after the model is made ready for inference."""
    model = make_model()
    real = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert expected_keys(NUMBERS) == real
    assert numbers_of(real) == NUMBERS

    model.eval()

    assert model.state_dict().keys() - real.keys() == second_names(dict(model.state_dict())).keys() - real.keys()


@pytest.mark.parametrize("name", ROWS)
def test_the_real_loader_takes_what_comes_of_each_row(
    name: str, folder: Path, truth: State, load: Callable[[Path], State]
) -> None:
    """For each row the real loader strictly takes the file or its repaired copy, with the true bits, and doesn't change it."""
    row = ROWS[name]
    path = save(folder / "model.pth", row.make(truth))
    if row.verdict == "repairable":
        with pytest.raises((RuntimeError, KeyError)):
            load(path)

    found = inspect(path)
    done = repair(path, folder / "out.pth", inspection=found)

    assert found.verdict == row.verdict
    loadable = path if done.how == "nothing" else folder / "out.pth"
    before = loadable.read_bytes()
    assert same(load(loadable), truth)
    assert loadable.read_bytes() == before


def test_a_pickled_config_is_prepared_once(
    folder: Path, truth: State, make_model: Make, load: Callable[[Path], State]
) -> None:
    """The loader would rewrite the official file with its pickled configuration in place; it leaves the prepared one alone."""
    from TTS.tts.models import xtts

    with xtts._legacy_safe_globals():  # the names that the classes had when the official file was made
        path = save(folder / "model.pth", {"model": truth, "config": make_model().config})
    before = path.read_bytes()

    found = inspect(path)
    repair(path, folder / "out.pth")

    assert (found.verdict, found.layout) == ("repairable", "xtts-pickled-config")
    assert path.read_bytes() == before
    prepared = (folder / "out.pth").read_bytes()
    assert same(load(folder / "out.pth"), truth)
    assert (folder / "out.pth").read_bytes() == prepared
    load(path)
    assert path.read_bytes() != before


def test_the_config_of_a_repaired_file_is_the_loaders_own(folder: Path, truth: State, make_model: Make) -> None:
    """The repaired file's configuration is the one that coqui-tts would have written."""
    import torch

    config = make_model().config
    config.speakers = []
    repair(save(folder / "model.pth", {"model": truth, "config": config}), folder / "out.pth")

    written = torch.load(folder / "out.pth", weights_only=True)["config"]

    expected = json.loads(json.dumps(config.to_dict()))
    assert {name: value for name, value in json.loads(json.dumps(written)).items() if name in expected} == expected


def test_without_strictness_the_weights_would_be_random(folder: Path, truth: State, load: Callable[..., State]) -> None:
    """Without a repair and without strictness a file under `module.` would load as random weights."""
    path = save(folder / "model.pth", {"model": under("module.", truth)})

    assert not same(load(path, strict=False), truth)
    assert inspect(path).verdict == "repairable"


def test_a_blind_rename_does_not_load(folder: Path, truth: State, load: Callable[[Path], State]) -> None:
    """Replacing gpt_inference by gpt, as some conversion scripts do, doesn't load."""
    renamed = {name.replace("gpt.gpt_inference.", "gpt.gpt."): tensor for name, tensor in only_inference(truth).items()}

    with pytest.raises(RuntimeError, match="Missing key"):
        load(save(folder / "model.pth", {"model": renamed}))
