"""How a launch hands tensors to the driver, and what it makes of the driver's answers."""

from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from cloning.errors import GpuOutOfMemory, WorkerUnfit
from engines.device.errors import failure_of
from engines.f5 import rotary
from engines.f5.kernels.compiled import HEAD, Compiled, KernelsUnusable
from engines.f5.kernels.driver import LIBRARY, cuda_driver
from engines.f5.kernels.launch import CompiledKernels
from tests.kernels import STREAM, PretendedDriver, TorchKernels
from tests.unit.engines.f5.kernels.test_source import random, rotation

if TYPE_CHECKING:
    from torch import Tensor

ROWS, DIM, HEADS = 3, 768, 12


def loaded(pretended: PretendedDriver) -> CompiledKernels:
    return CompiledKernels(pretended.compiled, pretended.driver(), lambda: STREAM)


def rows(count: int = 2, dtype: str = "float16") -> "list[Tensor]":
    return random(0, dtype, *[(ROWS, DIM)] * count)


def vectors(count: int) -> "list[Tensor]":
    return random(1, "float16", *[(DIM,)] * count)


def qkv_and_table() -> "tuple[Tensor, rotary.Rotation]":
    (qkv,) = random(2, "float16", (ROWS, 3, HEADS, HEAD))
    return qkv, rotation(ROWS, 2)


def addresses(*tensors: "Tensor") -> list[int]:
    return [one.data_ptr() for one in tensors]


def test_a_launch_has_a_program_for_each_row_and_addresses_in_the_kernels_order(pretended: PretendedDriver) -> None:
    """Through the C interface: 64 bits for each address, 32 for a number, and nothing for scratch memory."""
    kernels = loaded(pretended)
    qkv, table = qkv_and_table()
    (x, y), (gate, scale, shift) = rows(), vectors(3)

    kernels.rotate(qkv, table, 5)
    first = kernels.norm(x, scale, shift)
    second = kernels.add_norm(x, y, gate, scale, shift)

    assert pretended.launched == [
        ("rotate", (ROWS, 2, 1), [*addresses(qkv, *table), 5]),
        ("norm", (ROWS, 1, 1), addresses(x, scale, shift, first)),
        ("add_norm", (ROWS, 1, 1), addresses(x, y, gate, scale, shift, second)),
    ]


def test_what_is_launched_computes_what_was_asked(compiled: Compiled, source: ModuleType) -> None:
    """The interpreter runs each launch from the addresses and the size that the machine code was compiled for."""
    import torch

    kernels, torchs = loaded(PretendedDriver(compiled, source)), TorchKernels()
    qkv, table = qkv_and_table()
    (x, y), (gate, scale, shift) = rows(), vectors(3)
    turned, summed = qkv.clone(), x.clone()

    kernels.rotate(qkv, table, HEADS)
    torchs.rotate(turned, table, HEADS)
    first, wanted = kernels.norm(x, scale, shift), torchs.norm(summed, scale, shift)
    second, wanted_too = kernels.add_norm(x, y, gate, scale, shift), torchs.add_norm(summed, y, gate, scale, shift)

    assert torch.equal(qkv, turned)
    assert torch.equal(x, summed)
    assert torch.allclose(first, wanted, atol=2e-3, rtol=2e-3)
    assert torch.allclose(second, wanted_too, atol=2e-3, rtol=2e-3)


UNREADABLE: dict[str, Any] = {
    "another precision": lambda x: x.bfloat16(),
    "another size": lambda x: x[:, :512].contiguous(),
    "not contiguous": lambda x: x.T.contiguous().T,
    "not aligned": lambda x: x.flatten()[1:].new_zeros(ROWS * DIM + 1)[1:].view(ROWS, DIM),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_tensor_that_a_kernel_would_misread_is_refused(what: str, pretended: PretendedDriver) -> None:
    """Nothing is launched: a kernel sees an address alone."""
    kernels = loaded(pretended)
    (x,), (scale, shift) = rows(1), vectors(2)

    with pytest.raises(ValueError, match="kernel"):
        kernels.norm(UNREADABLE[what](x), scale, shift)
    assert pretended.launched == []


def test_a_rotation_needs_a_row_of_its_tables_for_each_row(pretended: PretendedDriver) -> None:
    """It would read beyond their end."""
    qkv, _ = qkv_and_table()

    with pytest.raises(ValueError, match="3 rows have rotary tables of 2 and 2"):
        loaded(pretended).rotate(qkv, rotation(2, 0), HEADS)


def test_a_rotation_turns_the_tensor_that_it_is_given_or_none(pretended: PretendedDriver) -> None:
    """Not a copy of it that is thrown away, and no head beyond the last one: there the next part of the row begins."""
    kernels = loaded(pretended)
    qkv, table = qkv_and_table()

    with pytest.raises(ValueError, match="contiguous"):
        kernels.rotate(qkv.transpose(2, 3).contiguous().transpose(2, 3), table, HEADS)
    with pytest.raises(ValueError, match="768 features have no 13 heads"):
        kernels.rotate(qkv, table, HEADS + 1)
    assert pretended.launched == []


@pytest.mark.parametrize("bits", [(64,) * 3, (64, 64, 64, 32), (64,) * 4 + (32,)])
def test_code_that_takes_other_parameters_is_not_loaded(bits: tuple[int, ...], pretended: PretendedDriver) -> None:
    """As another version of Triton may leave it: too few, of other sizes, or with something besides pointers at the end."""
    kernel, code = pretended.compiled.kernels["norm"]
    odd = {**pretended.compiled.kernels, "norm": (kernel.model_copy(update={"bits": bits}), code)}
    other = PretendedDriver(replace(pretended.compiled, kernels=odd))

    with pytest.raises(KernelsUnusable, match=r"norm-float16-768-sm89\.cubin takes parameters of"):
        loaded(other)


@pytest.mark.parametrize("call", ["cuModuleLoadData", "cuModuleGetFunction"])
def test_code_that_the_driver_can_not_load_is_no_failure_of_the_gpu(call: str, pretended: PretendedDriver) -> None:
    """The kernels are unusable, and torch's operations go on."""
    pretended.fails[call] = 209

    with pytest.raises(
        KernelsUnusable, match=r"the driver can't load rotate-float16-768-sm89.cubin: pretended \(209\)"
    ):
        loaded(pretended)


@pytest.mark.parametrize("call", ["cuModuleLoadData", "cuModuleGetFunction"])
@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        (2, b"out of memory", GpuOutOfMemory),
        (214, b"uncorrectable ECC error encountered", WorkerUnfit),
        (700, b"an illegal memory access was encountered", WorkerUnfit),
    ],
)
def test_a_gpu_that_is_full_or_lost_when_code_is_loaded_is_no_fault_of_the_code(
    code: int, text: bytes, meaning: type[Exception], call: str, pretended: PretendedDriver
) -> None:
    """Nothing is known of the kernels then: no verdict on them may be remembered, and nothing else be tried on a lost device."""
    pretended.fails[call], pretended._text = code, text

    with pytest.raises(RuntimeError, match=text.decode()) as raised:
        loaded(pretended)

    assert isinstance(failure_of(raised.value, "cuda"), meaning)


@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        (1, b"invalid argument", None),
        (701, b"too many resources requested for launch", None),
        (2, b"out of memory", GpuOutOfMemory),
        (700, b"an illegal memory access was encountered", WorkerUnfit),
        (719, b"unspecified launch failure", WorkerUnfit),
    ],
)
def test_a_launch_that_fails_means_what_torchs_would(
    code: int, text: bytes, meaning: type[Exception] | None, pretended: PretendedDriver
) -> None:
    """What is only refused harms nothing; memory and a lost device are told apart as everywhere."""
    kernels = loaded(pretended)
    pretended.fails["cuLaunchKernel"], pretended._text = code, text
    (x,), (scale, shift) = rows(1), vectors(2)

    with pytest.raises(RuntimeError, match=text.decode()) as raised:
        kernels.norm(x, scale, shift)

    failure = failure_of(raised.value, "cuda")
    assert failure is None if meaning is None else isinstance(failure, meaning)


def test_a_machine_without_a_driver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one without a GPU is."""
    import ctypes

    def missing(_: str) -> None:
        raise OSError("no such file")

    monkeypatch.setattr(ctypes, "CDLL", missing)

    with pytest.raises(KernelsUnusable, match=LIBRARY):
        cuda_driver()
