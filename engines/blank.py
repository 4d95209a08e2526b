"""Models built without drawing the random weights that a checkpoint is about to overwrite."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def blank_weights() -> Iterator[None]:
    """
    Within the block, for this thread, `torch.nn.init` leaves tensors as they were allocated.

    Only for models whose every parameter is loaded afterwards, as a strict `load_state_dict` proves.
    """
    from torch.overrides import TorchFunctionMode

    class Blank(TorchFunctionMode):
        def __torch_function__(
            self,
            func: Callable[..., Any],
            types: Sequence[type],
            args: Sequence[Any] = (),
            kwargs: Mapping[str, Any] | None = None,
        ) -> Any:
            kwargs = kwargs or {}
            if getattr(func, "__module__", None) == "torch.nn.init":
                return kwargs["tensor"] if "tensor" in kwargs else args[0]
            return func(*args, **kwargs)

    with Blank():
        yield
