"""Where a run computes, and in which precision: the one place that says of which type its numbers are,
and how they are laid out.

`set_precision` makes that type torch's default, in which weights are made and random numbers drawn; `cast`
brings pixels, and what autocast gives, to it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from regen.errors import InputError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
MIB = 1 << 20
CODE_PATHS = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2,STRICT"}
"""Environment of torch and MKL in which sums depend neither on the processor nor on where data lies."""
WITHOUT_FLOAT64 = ("mps",)
"""Kinds of devices that have no float64."""

Network = TypeVar("Network", bound=nn.Module)


def _available() -> list[str]:
    kinds = ["cpu"]
    if torch.cuda.is_available():
        kinds.insert(0, "cuda")
    if torch.backends.mps.is_available():
        kinds.insert(0, "mps")
    return kinds


def select_device(name: str, precision: str) -> torch.device:
    """Device that `params.yaml` names; `auto` takes an accelerator that has the precision, else the CPU.

    Raises:
        InputError: this machine has no such device, or the device no such precision.
    """
    kinds = _available()
    if name != "auto" and name not in kinds:
        raise InputError(
            f"params.yaml: device: {name!r}: not on this machine; allowed: {', '.join(['auto', *kinds])}"
        )
    able = [kind for kind in kinds if precision != "float64" or kind not in WITHOUT_FLOAT64]
    if name != "auto" and name not in able:
        raise InputError(
            f"params.yaml: precision: {precision!r}: the device {name!r} has none; allowed: another "
            f"precision, or device: {' or '.join(able)}"
        )
    return torch.device(able[0] if name == "auto" else name)


def set_up(name: str, precision: str) -> torch.device:
    """Ready this process to compute: on the device that `select_device` gives, as `set_precision` says."""
    device = select_device(name, precision)
    set_precision(precision, device)
    if precision == "float64" and device.type == "cpu":
        fix_code_paths()
    keep_freed_memory()
    return device


def fix_code_paths() -> None:
    """Have processors of one make add up in the same order, for so many threads: to the same last bit.

    Differences in the last bit do not grow (see `regen.training.grid`), but weights with no difference have
    equal hashes, too. torch and MKL read these variables at their first operation, and what they were set to
    before changes no bit.
    """
    if torch.cpu._is_avx2_supported():
        os.environ.update(CODE_PATHS)


def keep_freed_memory() -> None:
    """Have glibc's malloc keep what tensors free for the next step, where it is the C library.

    By default it hands large freed blocks back to the system at once, and every step pays for thousands of
    page faults to get them again: a fifth of the time of the likelihood estimate.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, 32 * MIB)  # the largest value that glibc takes
        mallopt(M_TRIM_THRESHOLD, 1024 * MIB)


def place(network: Network, device: torch.device) -> Network:
    """Move `network` to `device`, with channels last where its convolutions are faster so and may have them.

    On CUDA all may. On a CPU not in float64, whose results keep the last bits that they have in the plain
    layout; nor may strided 1x1 ones: with fewer channels than a vector register holds, 8 under AVX2 and 16
    under AVX-512, oneDNN's gradient of their weights then writes out of bounds
    (https://github.com/uxlfoundation/oneDNN/issues/6035). A convolution takes its layout from its weights or,
    where theirs is the plain one, from its input. Hence all networks with convolutions are placed here, and
    all that enters them is `plain`.
    """
    on_cpu = torch.get_default_dtype() != torch.float64 and not any(map(_is_strided_point, network.modules()))
    layout = torch.channels_last if device.type == "cuda" or on_cpu else torch.contiguous_format
    return network.to(device, memory_format=layout)  # type: ignore[call-overload]


def _is_strided_point(module: nn.Module) -> bool:
    """Whether `module` is a convolution of single pixels that skips some."""
    if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        return False
    return module.kernel_size == (1, 1) and module.stride != (1, 1)


def plain(x: Tensor) -> Tensor:
    """Give `x` the strides of a new tensor of its shape; itself where it has them.

    `Tensor.contiguous` would not do: strides of one channel, or of maps of one pixel, are contiguous in both
    layouts, and torch still reads channels last from some of them.
    """
    return x.to(memory_format=torch.contiguous_format)


def divided(pixels: Tensor, by: float) -> Tensor:
    """Quotients of uint8 `pixels`, plain, in float32's digits, the same on every device."""
    x = plain(pixels.float())
    return x.div_(x.new_full((), by))  # by a tensor: CUDA multiplies by a number's reciprocal


def set_precision(precision: str, device: torch.device) -> None:
    """Have this process compute in `precision` of `params.yaml` from here on.

    `float64` makes float64 the type of all numbers, the others float32. `tf32` rounds the inputs of float32
    matrix products to 10 bits of mantissa on CUDA and changes nothing elsewhere; `auto` is tf32 on CUDA and
    float32 elsewhere; what `bfloat16` adds is up to `autocast`.
    """
    torch.set_default_dtype(torch.float64 if precision == "float64" else torch.float32)
    tf32 = device.type == "cuda" and precision in ("auto", "tf32")
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32


@contextmanager
def full_products() -> Iterator[None]:
    """Context that takes products of float32 in all their digits, in a process that trains in tf32, too."""
    matmul, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolutions


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Context that a learner's forward passes run in: it makes bfloat16 of them where `precision` is that."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def for_convolutions(precision: str, device: torch.device) -> str:
    """Precision of GANs and classifiers of convolutions: of `auto`, bfloat16 on a CPU with products of it.

    There they are twice as fast; other networks gain less, and lose digits that their reports give.
    """
    return "bfloat16" if precision == "auto" and device.type == "cpu" and has_bfloat16() else precision


def has_bfloat16() -> bool:
    """Whether this processor has instructions for products of bfloat16; others are slower in it."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def in_words(context: torch.autocast, device: torch.device) -> str:
    """Precision that a run computes in: that of its numbers, or of its products where they have another."""
    if context._enabled:
        return "bfloat16"
    tf32 = device.type == "cuda" and torch.get_float32_matmul_precision() == "high"
    return "tf32" if tf32 else str(torch.get_default_dtype()).removeprefix("torch.")


def exact(precision: str) -> str:
    """Precision of what is measured after a training in `precision`: float32 unless that is float64."""
    return "float64" if precision == "float64" else "float32"


def cast(x: Tensor) -> Tensor:
    """Bring `x`, pixels or what autocast gave, to the type that the run computes in; itself if it has it."""
    return x.to(torch.get_default_dtype())
