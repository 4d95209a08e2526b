"""Small nets in the shape of WeSpeaker's, with random weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.speakers.wespeaker import Wespeaker
from tests.standins.fakes import ManualClock

RATE = 24_000


def wespeaker(model: Path | str) -> Wespeaker:
    """The speaker model with this net or name."""
    return Wespeaker(str(model), ManualClock())


def net(
    path: Path, takes: Sequence[int | str] = ("B", "T", 80), gives: int = 256, outputs: int = 1, of: str = "FLOAT"
) -> Path:
    """A net with random weights and names of its own: a convolution over time, mean over time, a projection."""
    draw, weights = np.random.default_rng(0), {"kernel": (32, int(takes[-1]), 5), "projection": (32, gives)}
    kind, voices = TensorProto.DataType.Value(of), [f"voice{number}" for number in range(outputs)]
    nodes = [
        helper.make_node("Cast", ["sound"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["turned"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["turned", "kernel"], ["heard"]),
        helper.make_node("Relu", ["heard"], ["positive"]),
        helper.make_node("ReduceMean", ["positive"], ["pooled"], axes=[2], keepdims=0),
        *(helper.make_node("MatMul", ["pooled", "projection"], [voice]) for voice in voices),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("sound", kind, takes)],
        [helper.make_tensor_value_info(voice, TensorProto.FLOAT, ["B", gives]) for voice in voices],
        [numpy_helper.from_array(draw.normal(size=size).astype(np.float32), key) for key, size in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
