"""The names and shapes of a tiny F5-TTS."""

from typing import Any

import numpy as np

from engines.tiny import TINY_ARCH
from model_cache.layouts.f5_tensors import expected_keys

VOCABULARY = 30
SHAPES = expected_keys(TINY_ARCH, VOCABULARY)
Arrays = dict[str, np.ndarray[Any, Any]]
