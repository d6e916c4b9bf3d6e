"""Tensors on disk: safetensors, the weights of networks, samples by epoch."""

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
    """Publish named tensors, and what to know `about` them, as one safetensors file."""
    from safetensors.torch import save  # torch takes seconds to import, and most stages hand on no tensors

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as part:
        # one key, since safetensors writes several in random order, and equal content should have equal bytes
        part.write_bytes(save(contiguous, metadata={"about": json.dumps(dict(about or {}), sort_keys=True)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a safetensors file and what it says `about` them.

    A header is checked against the file's size before anything is allocated.

    Raises:
        InputError: the file is absent or is not a safetensors file that `write_tensors` may have written.
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
    """Parse what a file says about its tensors; ValueError where that is no JSON object of strings."""
    about = json.loads((metadata or {}).get("about", "{}"))
    if not isinstance(about, dict) or not all(isinstance(value, str) for value in about.values()):
        raise ValueError("its metadata `about` should be an object of strings")
    return about


def load_weights(network: nn.Module, path: Path) -> None:
    """Load the parameters and buffers of `path` into `network`.

    Raises:
        InputError: the file is absent, damaged, or of another architecture.
    """
    load_state(network, read_tensors(path)[0], path)


def load_state(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Load the parameters and buffers `tensors`, read from `path`, into `network`.

    Numbers of another type than the network's are converted, which a line in the log says.

    Raises:
        InputError: they are of another architecture, or are no such numbers.
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
    """Publish samples (N, C, H, W) uint8 by epoch."""
    write_tensors(path, {f"epoch-{epoch}": images for epoch, images in snapshots.items()})


def read_snapshots(path: Path) -> dict[int, Tensor]:
    """Read the samples by epoch, first epoch first.

    Raises:
        InputError: the file is absent, damaged, or holds something else.
    """
    tensors, _ = read_tensors(path)
    if other := [name for name in tensors if not re.fullmatch(r"epoch-\d+", name)]:
        raise InputError(f"{path}: no samples by epoch ({other[0]!r}); run the stage that makes it")
    epochs = {int(name.removeprefix("epoch-")): images for name, images in tensors.items()}
    return dict(sorted(epochs.items()))
