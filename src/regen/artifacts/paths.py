"""Where everything lies: the file of every artifact, and the folder of what outlives a run."""

from __future__ import annotations

import os
from pathlib import Path

from regen.errors import InputError

REPORT_PAGE = Path("reports/README.md")
REPORT_METRICS = Path("reports/metrics.json")
REPORT_TIMINGS = Path("reports/timings.csv")
"""How long all trainings took; as Markdown beside it. Not in git, where nothing tells machines apart."""


def dataset_file(name: str) -> Path:
    """Path of a data set."""
    return Path(f"data/{name}.safetensors")


def points_file() -> Path:
    """Path of the points of the planar flows' targets."""
    return Path("data/points.safetensors")


# ---- of a run on images ----------------------------------------------------------------------------------


def weights_file(run: str, seed: int) -> Path:
    """Path of a run's parameters and buffers, trained with `seed`."""
    return Path(f"models/{run}/weights/seed-{seed}.safetensors")


def snapshots_file(run: str) -> Path:
    """Path of a run's samples at the epochs or steps that it shows."""
    return Path(f"models/{run}/snapshots.safetensors")


def timing_file(run: str) -> Path:
    """Path of how long a run's training took, and on what machine."""
    return Path(f"models/timings/{run}.json")


def history_file(run: str) -> Path:
    """Path of a run's learning curves, one row a seed and epoch."""
    return Path(f"reports/runs/{run}/history.csv")


def scores_file(run: str, kind: str) -> Path:
    """Path of a run's metrics of one `kind`: training, likelihood, fidelity."""
    return Path(f"reports/runs/{run}/{kind}.json")


def figures_dir(run: str) -> Path:
    """Folder of a run's figures."""
    return Path(f"reports/figures/{run}")


# ---- of one family ---------------------------------------------------------------------------------------


def likelihoods_file(run: str) -> Path:
    """Path of a VAE's estimates of log p(x), one for each seed and test image."""
    return Path(f"models/likelihoods/{run}.safetensors")


def seeds_file(run: str) -> Path:
    """Path of a VAE's likelihood and bound for each seed."""
    return Path(f"reports/runs/{run}/seeds.csv")


def gan_history_file(run: str) -> Path:
    """Path of a GAN's learning curves: in a folder of all GANs, which are drawn together."""
    return Path(f"reports/runs/gan/{run}/history.csv")


def evaluations_file(run: str) -> Path:
    """Path of a GAN's scores on its way, one row each time that it was scored."""
    return Path(f"reports/runs/gan/{run}/evaluations.csv")


def classifier_file(data: str) -> Path:
    """Path of the classifier of a data set."""
    return Path(f"models/fidelity/{data}/classifier.safetensors")


def reference_file(data: str) -> Path:
    """Path of the features of a data set's test images, with their mean and covariance."""
    return Path(f"models/fidelity/{data}/reference.safetensors")


def planar_flows_file(layers: int) -> Path:
    """Path of the planar flows of `layers` maps, with their losses."""
    return Path(f"models/flow/planar-{layers}.safetensors")


def planar_scores_file(layers: int) -> Path:
    """Path of the scores of the planar flows of `layers` maps, one row a run and seed."""
    return Path(f"reports/runs/flow/planar-{layers}.csv")


def planar_maps_file() -> Path:
    """Path of the points that single planar maps move."""
    return Path("models/flow/maps.safetensors")


def planar_maps_table_file() -> Path:
    """Path of the verdicts on single planar maps."""
    return Path("reports/runs/flow/maps.csv")


def trajectories_file() -> Path:
    """Path of the Dirac games' trajectories."""
    return Path("models/dirac/trajectories.safetensors")


def verdicts_file() -> Path:
    """Path of the Dirac games' verdicts."""
    return Path("reports/runs/dirac/verdicts.csv")


def theory_table_file(name: str) -> Path:
    """Path of a table of the measured theory."""
    return Path(f"reports/runs/theory/{name}.csv")


def table_file(name: str) -> Path:
    """Path of a table of the page as CSV; its Markdown stands beside it."""
    return Path(f"reports/tables/{name}.csv")


# ---- what is no stage's output ---------------------------------------------------------------------------


def cache_dir() -> Path:
    """Folder of raw downloads and checkpoints; it may not exist yet.

    REGEN_CACHE, else `$XDG_CACHE_HOME/regen`, else `~/.cache/regen`: absolute, since `dvc exp run` works in
    copies of the repository. A variable that is set to nothing counts as not set; so does a relative
    XDG_CACHE_HOME, as its specification asks.

    Raises:
        InputError: REGEN_CACHE is not an absolute path, or is needed where there is no home folder.
    """
    if own := os.environ.get("REGEN_CACHE"):
        path = Path(own).expanduser()
        if not path.is_absolute():
            raise InputError(f"REGEN_CACHE: {own!r}: should be an absolute path, or unset")
        return path
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if shared.is_absolute():
        return shared / "regen"
    try:
        return Path.home() / ".cache" / "regen"
    except RuntimeError:
        raise InputError("REGEN_CACHE: not set, and no home folder; should be an absolute path") from None
