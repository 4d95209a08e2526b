"""How a checkpoint's files become a model."""

from pathlib import Path
from typing import Any

import torch

from engines.f5.loading import F5Files, load_model
from engines.imports.f5 import import_f5


class Upstream:
    """Stands in for f5_tts's loader: notes where a new tensor would be."""

    def __init__(self) -> None:
        self.places: list[str] = []

    def load_model(self, *_: Any, **__: Any) -> torch.nn.Module:
        self.places.append(torch.empty(1).device.type)
        return torch.nn.Linear(1, 1)


def test_a_model_is_allocated_where_it_will_be(tmp_path: Path) -> None:
    """Not in the machine's memory first: 1.35 GB that hold nothing would be made and moved."""
    import_f5()
    files = F5Files("tiny", tmp_path / "model", "DiT", {}, None, None, "0" * 64, "MIT", "")
    upstream = Upstream()

    for device in ("meta", "cpu"):
        load_model(upstream, files, device)

    assert upstream.places == ["meta", "cpu"]
    assert torch.empty(1).device.type == "cpu"
