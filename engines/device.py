"""Where a model goes."""

from cloning.errors import DeviceUnavailable


def choose_device(wanted: str) -> str:
    """The torch device for the setting DEVICE: 'auto' is a GPU if there is one. Raises DeviceUnavailable if it isn't there."""
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise DeviceUnavailable(
            f"DEVICE is {wanted!r} and this worker has no usable GPU; set DEVICE=auto, or fix the GPU", field="DEVICE"
        )
    return wanted
