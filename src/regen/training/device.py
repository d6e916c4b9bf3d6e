"""Where a run computes, in which precision, and how its tensors are laid out."""

from __future__ import annotations

import ctypes
import sys
from typing import TypeVar

import torch
from torch import Tensor, nn

from regen.errors import InputError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
MIB = 1 << 20

Network = TypeVar("Network", bound=nn.Module)


def _available() -> list[str]:
    kinds = ["cpu"]
    if torch.cuda.is_available():
        kinds.insert(0, "cuda")
    if torch.backends.mps.is_available():
        kinds.insert(0, "mps")
    return kinds


def select_device(name: str) -> torch.device:
    """Return the device that `params.yaml` names; `auto` takes an accelerator where there is one.

    Raises:
        InputError: this machine has no such device.
    """
    kinds = _available()
    if name != "auto" and name not in kinds:
        raise InputError(
            f"params.yaml: device: {name!r}: not on this machine; allowed: {', '.join(['auto', *kinds])}"
        )
    keep_freed_memory()
    return torch.device(kinds[0] if name == "auto" else name)


def keep_freed_memory() -> None:
    """Have glibc's malloc keep what tensors free for the next step, where it is the C library.

    By default it hands large freed blocks back to the system at once, and every step pays for thousands of
    page faults to get them again: a fifth of the time of the likelihood estimate.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, 32 * MIB)  # the largest value that glibc takes
        mallopt(M_TRIM_THRESHOLD, 1024 * MIB)


def place(network: Network, device: torch.device) -> Network:
    """Return `network` on `device`: with channels last on CUDA, as its convolutions are fastest, else not.

    A convolution takes its layout from its weights or, where theirs is the plain one, from its input. On a
    CPU neither may have channels last: with fewer channels than a vector register holds, 8 under AVX2 and 16
    under AVX-512, oneDNN's gradient of the weights of strided 1x1 convolutions then writes out of bounds
    (https://github.com/uxlfoundation/oneDNN/issues/6035). Hence all networks with convolutions are placed
    here, and all that enters them is `plain`.
    """
    layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
    return network.to(device, memory_format=layout)  # type: ignore[call-overload]


def plain(x: Tensor) -> Tensor:
    """Return `x` with the strides that a new tensor of its shape has, itself where nothing speaks for others.

    `Tensor.contiguous` would not do: strides of one channel, or of maps of one pixel, are contiguous in both
    layouts, and torch still reads channels last from some of them.
    """
    return x.to(memory_format=torch.contiguous_format)


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Set the precision of float32 matrix products and return the context that forward passes run in.

    `tf32` rounds their inputs to 10 bits of mantissa on CUDA and changes nothing elsewhere; `bfloat16` runs
    the forward pass under autocast; `auto` is tf32 on CUDA and float32 elsewhere.
    """
    tf32 = device.type == "cuda" and precision in ("auto", "tf32")
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
