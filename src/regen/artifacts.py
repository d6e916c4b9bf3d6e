"""How stages hand things on: the file of every artifact, and how each kind is written and read.

Tensors go to safetensors, metrics to JSON, histories and tables to CSV. Every file is written beside its
place, synced and renamed into it, so that a reader sees the old file or the new one, never a part.

Numbers that are published, in metrics and tables, are rounded here and nowhere else. What two processors
compute in float64 differs far below the last digit that is kept.
"""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from safetensors import SafetensorError, safe_open

from regen.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

REPORT_PAGE = Path("reports/README.md")
REPORT_METRICS = Path("reports/metrics.json")
REPORT_TIMINGS = Path("reports/timings.csv")
"""How long all trainings took; as Markdown beside it. Not in git, where nothing tells machines apart."""

Metrics = Mapping[str, float | int | str]

log = logging.getLogger(__name__)

DIGITS = 6
"""Significant digits of published numbers."""
COUNTS = 1e9
"""Below it whole numbers keep all their digits: a column of counts with gaps is one of floats."""
NEGLIGIBLE = 1e-9
"""Errors below it are not told apart: they are rounding, and no two processors agree on it."""


def dataset_file(name: str) -> Path:
    """Return where `fetch_data` puts a data set."""
    return Path(f"data/{name}.safetensors")


def weights_file(run: str, seed: int) -> Path:
    """Return where the parameters and buffers of a run trained with `seed` lie."""
    return Path(f"models/{run}/weights/seed-{seed}.safetensors")


def snapshots_file(run: str) -> Path:
    """Return where a run's samples at the epochs it shows lie."""
    return Path(f"models/{run}/snapshots.safetensors")


def classifier_file(data: str) -> Path:
    """Return where the classifier of a data set lies."""
    return Path(f"models/classifier-{data}/weights.safetensors")


def reference_file(data: str) -> Path:
    """Return where the features of a data set's test images lie, and their mean and covariance."""
    return Path(f"models/reference/{data}.safetensors")


def likelihoods_file(run: str) -> Path:
    """Return where the estimates of log p(x), one for each seed and test image, lie."""
    return Path(f"models/{run}/likelihoods.safetensors")


def trajectories_file() -> Path:
    """Return where the Dirac games' trajectories lie."""
    return Path("models/dirac/trajectories.safetensors")


def points_file() -> Path:
    """Return where the points of the planar flows' targets lie."""
    return Path("data/points.safetensors")


def planar_flows_file(layers: int) -> Path:
    """Return where the planar flows of `layers` maps lie, with their losses."""
    return Path(f"models/flow/planar-{layers}.safetensors")


def planar_scores_file(layers: int) -> Path:
    """Return where the scores of the planar flows of `layers` maps lie, one row a run and seed."""
    return Path(f"reports/runs/flow/planar-{layers}.csv")


def planar_maps_file() -> Path:
    """Return where the points that single planar maps move lie."""
    return Path("models/flow/maps.safetensors")


def planar_maps_table_file() -> Path:
    """Return where the verdicts on single planar maps lie."""
    return Path("reports/runs/flow/maps.csv")


def verdicts_file() -> Path:
    """Return where the Dirac games' verdicts lie."""
    return Path("reports/runs/dirac/verdicts.csv")


def theory_table_file(name: str) -> Path:
    """Return where a table of the measured theory lies."""
    return Path(f"reports/runs/theory/{name}.csv")


def history_file(run: str) -> Path:
    """Return where a run's learning curves lie, one row a seed and epoch."""
    return Path(f"reports/runs/{run}/history.csv")


def gan_history_file(run: str) -> Path:
    """Return where a GAN's learning curves lie: in a folder of all GANs, which are drawn together."""
    return Path(f"reports/runs/gan/{run}/history.csv")


def evaluations_file(run: str) -> Path:
    """Return where a GAN's scores on its way lie, one row each time that it was scored."""
    return Path(f"reports/runs/gan/{run}/evaluations.csv")


def scores_file(run: str, kind: str) -> Path:
    """Return where a run's metrics of one `kind` (training, likelihood) lie."""
    return Path(f"reports/runs/{run}/{kind}.json")


def timing_file(run: str) -> Path:
    """Return where it lies how long a run's training took, and on what machine."""
    return Path(f"models/timings/{run}.json")


def seeds_file(run: str) -> Path:
    """Return where a VAE's likelihood and bound for each seed lie."""
    return Path(f"reports/runs/{run}/seeds.csv")


def figures_dir(run: str) -> Path:
    """Return the folder of a run's figures."""
    return Path(f"reports/figures/{run}")


def table_file(name: str) -> Path:
    """Return where a table of the report lies as CSV; its Markdown stands beside it."""
    return Path(f"reports/tables/{name}.csv")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; publish it as `path` if the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        yield part
        publish(part, path)
    finally:
        part.unlink(missing_ok=True)


def publish(part: Path, path: Path) -> None:
    """Sync the finished file `part` to disk and rename it to `path`, on the same file system."""
    with part.open("r+b") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())
    umask = os.umask(0)
    os.umask(umask)
    part.chmod(0o666 & ~umask)
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Publish `text` as `path`."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None) -> None:
    """Publish named tensors, and what to know `about` them, as one safetensors file."""
    from safetensors.torch import save  # torch takes seconds to import, and most stages hand on no tensors

    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as part:
        # one key, since safetensors writes several in random order, and equal content should have equal bytes
        part.write_bytes(save(contiguous, metadata={"about": json.dumps(dict(about or {}), sort_keys=True)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a safetensors file and what it says `about` them.

    Raises:
        InputError: the file is absent or is not a safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads((file.metadata() or {}).get("about", "{}"))
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path}: not a readable safetensors file ({error}); run the stage that makes it"
        ) from None


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
    """Return the samples by epoch, first epoch first; InputError where the file is absent."""
    tensors, _ = read_tensors(path)
    epochs = {int(name.removeprefix("epoch-")): images for name, images in tensors.items()}
    return dict(sorted(epochs.items()))


def rounded(value: object) -> object:
    """Return `value` as it is published: a float to DIGITS significant digits, anything else as it is.

    It is rounded to twice as many first: what lies half-way between two numbers of DIGITS digits, as
    1 - 1 / 3200 does, then goes the same way whatever the last bit is.
    """
    if not isinstance(value, float) or (value.is_integer() and abs(value) < COUNTS):
        return value
    return float(f"{float(f'{value:.{2 * DIGITS}g}'):.{DIGITS}g}")


def at_most(error: float) -> float:
    """Return the power of ten at or above `error` >= 0, and above NEGLIGIBLE; what is not finite stays.

    The digits of a rounding error say nothing, and would show up in every comparison of two runs.
    """
    return 10.0 ** math.ceil(math.log10(max(error, NEGLIGIBLE))) if error < math.inf else error


def metric(value: float) -> float | str:
    """Return `value`, or the status word 'not finite', since NaN in metrics makes every diff cry wolf."""
    return value if math.isfinite(value) else "not finite"


def write_metrics(path: Path, metrics: Metrics | Mapping[str, Metrics]) -> None:
    """Publish metrics as JSON, `rounded`; ValueError where one is NaN or infinite (see `metric`)."""
    write_text(path, json.dumps(_rounded_all(metrics), indent=2, allow_nan=False) + "\n")


def _rounded_all(metrics: Any) -> Any:
    if isinstance(metrics, Mapping):
        return {name: _rounded_all(value) for name, value in metrics.items()}
    return rounded(metrics)


def read_metrics(path: Path) -> dict[str, float | int | str]:
    """Return one kind of metrics of a run; InputError where the file is absent."""
    try:
        content: dict[str, float | int | str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: no JSON, or no text at all
        raise InputError(f"{path}: no metrics ({error}); run the stage that makes them") from None
    return content


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Publish a history or table as CSV, its numbers `rounded`."""
    with atomic_path(path) as part:
        table.map(rounded).to_csv(part, index=False, float_format="%.9g")  # which cuts off no count


def _number(cell: object) -> object:
    """Return the number in a text cell: pandas reads a column with one word in it as text throughout."""
    try:
        return float(cell) if isinstance(cell, str) and cell[:1] in "+-.0123456789" else cell
    except ValueError:
        return cell


def read_csv(path: Path) -> pd.DataFrame:
    """Return a history or table; InputError where the file is absent."""
    try:
        return pd.read_csv(path).map(_number)
    except (OSError, ValueError) as error:  # ValueError: empty, ragged, or no text at all
        raise InputError(f"{path}: no table ({error}); run the stage that makes it") from None
