"""Tensors on disk: safetensors files, network weights, samples by epoch."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from regen.artifacts.files import atomic_path
from regen.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger(__name__)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> None:
    """Publish named tensors, with metadata `about` them, as one safetensors file."""
    from safetensors.torch import save  # importing torch takes seconds, and most stages write no tensors

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as part:
        # a single key: safetensors writes several in random order, and equal content should give equal bytes
        part.write_bytes(save(contiguous, metadata={"about": json.dumps(dict(about or {}), sort_keys=True)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a safetensors file and the metadata `about` them.

    The header is checked against the file's size before anything is allocated.

    Raises:
        InputError: the file is absent, damaged, or was not written by `write_tensors`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, _about(file.metadata())
    except (OSError, SafetensorError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: not a readable safetensors file ({reason}); run the stage that makes it"
        ) from None


def _about(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Parse the metadata of a file; ValueError unless it is a JSON object of strings."""
    about = json.loads((metadata or {}).get("about", "{}"))
    if not isinstance(about, dict) or not all(isinstance(value, str) for value in about.values()):
        raise ValueError("its metadata `about` should be an object of strings")
    return about


def load_weights(network: nn.Module, path: Path) -> None:
    """Load the parameters and buffers of `path` into `network`.

    Raises:
        InputError: the file is absent, damaged, or belongs to another architecture.
    """
    load_state(network, read_tensors(path)[0], path)


def load_state(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Load the parameters and buffers `tensors`, read from `path`, into `network`.

    Floats of another precision are converted to the network's, with a warning in the log.

    Raises:
        InputError: they belong to another architecture, or their types are not convertible.
    """
    own = network.state_dict()
    pairs = [(tensor, own[name]) for name, tensor in tensors.items() if name in own]
    converted = {(_kind(have), _kind(want)) for have, want in pairs if have.dtype != want.dtype}
    try:
        if any(have.is_floating_point() != want.is_floating_point() for have, want in pairs):
            raise RuntimeError(f"numbers of types {', '.join(sorted({_kind(have) for have, _ in pairs}))}")
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not the weights of this run's networks ({reason})") from None
    for have, want in sorted(converted):
        log.warning("%s: weights in %s, converted to the %s that this run computes in", path, have, want)


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def write_snapshots(path: Path, snapshots: Mapping[int, Tensor]) -> None:
    """Publish samples (N, C, H, W) uint8 by epoch, or by step in runs that count these."""
    write_tensors(path, {f"epoch-{epoch}": images for epoch, images in snapshots.items()})


def read_snapshots(path: Path) -> dict[int, Tensor]:
    """Read samples by epoch or step, in ascending order.

    Raises:
        InputError: the file is absent, damaged, or contains something else.
    """
    tensors, _ = read_tensors(path)
    if other := [name for name in tensors if not re.fullmatch(r"epoch-\d+", name)]:
        raise InputError(f"{path}: no samples by epoch ({other[0]!r}); run the stage that makes it")
    epochs = {int(name.removeprefix("epoch-")): images for name, images in tensors.items()}
    return dict(sorted(epochs.items()))
