"""Loading without random weights: the official loader's weights, and nothing drawn."""

from pathlib import Path

from engines.imports.blank_weights import blank_weights
from engines.imports.f5 import import_f5
from tests.real import load_tiny_engine


def test_the_weights_are_the_official_loaders(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Every parameter and every buffer, persistent or not, of the model as f5_tts loads it by itself."""
    import torch

    f5 = import_f5()
    from f5_tts.model import DiT

    ours = load_tiny_engine(tiny_checkpoint, tmp_path)._model
    file = next((tmp_path / "models").rglob("model.safetensors"))
    from model_cache.catalog import find

    theirs = f5.load_model(
        DiT,
        dict(find(str(tiny_checkpoint)).arch),
        str(file),
        vocab_file=str(tiny_checkpoint / "vocab.txt"),
        device="cpu",
    )

    for name in ("named_parameters", "named_buffers"):
        expected, found = dict(getattr(theirs, name)()), dict(getattr(ours, name)())
        assert found.keys() == expected.keys()
        assert [key for key in expected if not torch.equal(found[key], expected[key])] == []


def test_nothing_is_drawn_within_the_block_and_all_is_as_before_behind_it() -> None:
    """The global generator is where it was; the next model has random weights again."""
    import torch

    torch.manual_seed(3)
    expected = torch.nn.Linear(4, 4).weight.clone()
    torch.manual_seed(3)

    with blank_weights():
        torch.nn.Linear(512, 512)
        torch.nn.Embedding(8, 8)
        torch.nn.init.normal_(tensor=torch.empty(3))

    assert torch.equal(torch.nn.Linear(4, 4).weight, expected)
