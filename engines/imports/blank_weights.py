"""Models built without drawing the random weights that a checkpoint is about to overwrite."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def blank_weights(*, meta_only: bool = False) -> Iterator[None]:
    """
    Make `torch.nn.init` leave tensors as allocated, within the block and for this thread.

    Only for models whose every parameter is loaded afterwards, as a strict `load_state_dict` proves. With `meta_only` this applies
    only to tensors without memory, for which torch would import its compiler in order to do nothing.
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
                tensor = kwargs["tensor"] if "tensor" in kwargs else args[0]
                if tensor.is_meta or not meta_only:
                    return tensor
            return func(*args, **kwargs)

    with Blank():
        yield
