"""Weights of the two Inceptions: found or downloaded, verified, and loaded without running code."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import load_file
from torch import Tensor

from regen.artifacts.paths import cache_dir
from regen.data.catalog import RemoteFile
from regen.data.download import Transfer
from regen.data.fetch import NoMirrorError, fetch_files
from regen.data.mirrors import is_url_of_file, list_mirrors
from regen.errors import InputError


@dataclass(frozen=True)
class Pretrained:
    """A published file of weights, and the URL of its folder."""

    file: RemoteFile
    folder: str


def _pretrained(folder: str, name: str, sha256: str, size: int) -> Pretrained:
    return Pretrained(RemoteFile(name, sha256, size, names=(name,)), folder)


PRETRAINED = {
    "inception-torchvision": _pretrained(
        "https://download.pytorch.org/models/",
        "inception_v3_google-0cc3c7bd.pth",
        "0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
        108_949_747,
    ),
    "inception-v3-compat": _pretrained(
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/",
        "weights-inception-2015-12-05-6726825d.pth",
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        95_628_359,
    ),
}


def find_weights(extractor: str, weights: str | None, transfer: Transfer | None = None) -> Path:
    """Path of an Inception's weights: `weights` if it is a file, otherwise the published file.

    Unless it is in the cache, the published file is downloaded from the URL `weights`, or else from its
    publisher or REGEN_DATA_MIRROR, and its SHA-256 is verified. A local file may contain other weights.

    Raises:
        InputError: the file does not exist or cannot be downloaded; the message lists the alternatives.
    """
    if weights is not None and "://" not in weights:
        return _file(weights, extractor)
    published = PRETRAINED[extractor] if weights is None else _at(weights, extractor)
    downloads, file = (cache_dir() / "downloads").resolve(), published.file  # on a cluster's node a link
    mirrors = [published.folder] if weights else list_mirrors(None, [published.folder])
    try:
        return fetch_files([file], mirrors, downloads, transfer or Transfer())[file.name]
    except NoMirrorError as error:
        raise InputError(
            f"{error.tried}\n{file.name}: cannot be downloaded; put it, with SHA-256 {file.sha256}, at "
            f"{downloads / file.sha256[:16] / file.name}, or set score.weights.{extractor} in params.yaml to "
            "the file or to a URL of it, or use the extractor 'classifier', which needs no download"
        ) from None


def _key(extractor: str) -> str:
    return f"params.yaml: score.weights.{extractor}"


def _file(weights: str, extractor: str) -> Path:
    try:
        path = Path(weights).expanduser()
        found = path.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, no such user, ...
        raise InputError(f"{_key(extractor)}: {weights!r}: not a file name ({error})") from None
    if not found:
        raise InputError(f"{_key(extractor)}: {weights!r}: no such file")
    return path


def _at(url: str, extractor: str) -> Pretrained:
    """Describe the published file of an extractor's weights under the name in `url`."""
    if not is_url_of_file(url):
        raise InputError(
            f"{_key(extractor)}: {url!r}: should be a file, or a URL of one with http:// or https://"
        )
    folder, _, name = url.rpartition("/")
    return Pretrained(replace(PRETRAINED[extractor].file, names=(name,)), folder + "/")


def digest(path: Path) -> str:
    """Compute the first 16 digits of the file's SHA-256, which identify its content.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()[:16]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); run the stage that makes it") from None


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file, or of a state dict from torch.save, without running code.

    Raises:
        InputError: the file is damaged or contains anything but named tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings(action="ignore"):  # about the pickle that is rejected below
            state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise InputError(
            f"{path}: a pickle that holds more than tensors, which is not loaded; {_ALLOWED}"
        ) from None
    except Exception as error:  # torch.load raises all kinds of errors for damaged files
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: damaged, or not weights at all ({reason}); {_ALLOWED}") from None
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(each, Tensor) for name, each in state.items()
    ):
        raise InputError(f"{path}: not tensors by name; {_ALLOWED}")
    return state


_ALLOWED = "allowed: a state dict, as .safetensors or saved by torch.save"
