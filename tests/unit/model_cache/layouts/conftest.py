"""The weights of a tiny F5-TTS, as arrays."""

import numpy as np
import pytest

from tests.unit.model_cache.layouts.tiny_weights import SHAPES, Arrays


@pytest.fixture(scope="module")
def weights() -> Arrays:
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape, np.float32) for name, shape in SHAPES.items()}
