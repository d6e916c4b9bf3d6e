"""Paths of all artifacts, and of the cache folder that outlives a run."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from regen.errors import InputError

REPORTS = Path("reports")
"""Folder of all that readers see."""
REPORT_PAGE = Path("reports/README.md")
BOOK_PDF = Path("reports/regen.pdf")
"""All pages of the book in one file. Not in git, like the pages."""
REPORT_METRICS = Path("reports/metrics.json")
REPORT_CLAIMS = Path("reports/claims.json")
REPORT_TIMINGS = Path("reports/timings.csv")
"""Training times of all runs, with a JSON file beside it. Not in git, since they depend on the machine."""


def dataset_file(name: str) -> Path:
    """Path of a data set or a corpus."""
    return Path(f"data/{name}.safetensors")


def points_file() -> Path:
    """Path of the points of the planar flows' targets."""
    return Path("data/points.safetensors")


# ---- of a run on images ----------------------------------------------------------------------------------


def weights_file(run: str, seed: int) -> Path:
    """Path of a run's weights, trained with `seed`: parameters and buffers."""
    return Path(f"models/{run}/weights/seed-{seed}.safetensors")


def snapshots_file(run: str) -> Path:
    """Path of a run's samples at its shown epochs or steps."""
    return Path(f"models/{run}/snapshots.safetensors")


def timing_file(run: str) -> Path:
    """Path of a run's training time and the machine it was measured on."""
    return Path(f"models/timings/{run}.json")


def history_file(run: str) -> Path:
    """Path of a run's learning curves, one row per seed and epoch."""
    return Path(f"reports/runs/{run}/history.csv")


def scores_file(run: str, kind: str) -> Path:
    """Path of a run's metrics of one `kind`, such as training, likelihood or fidelity."""
    return Path(f"reports/runs/{run}/{kind}.json")


def figures_dir(run: str) -> Path:
    """Folder of a run's figures."""
    return Path(f"reports/figures/{run}")


# ---- of one family ---------------------------------------------------------------------------------------


def likelihoods_file(run: str) -> Path:
    """Path of a VAE's estimates of log p(x), one per seed and test image."""
    return Path(f"models/likelihoods/{run}.safetensors")


def seeds_file(run: str) -> Path:
    """Path of the measures of each seed: a VAE's likelihood and bound, a translator's scores."""
    return Path(f"reports/runs/{run}/seeds.csv")


def gan_history_file(run: str) -> Path:
    """Path of a GAN's learning curves, in a folder of all GANs, which the overview figure reads."""
    return Path(f"reports/runs/gan/{run}/history.csv")


def evaluations_file(run: str) -> Path:
    """Path of a GAN's scores during training, one row per evaluation."""
    return Path(f"reports/runs/gan/{run}/evaluations.csv")


def classifier_file(data: str) -> Path:
    """Path of the classifier of a data set."""
    return Path(f"models/fidelity/{data}/classifier.safetensors")


def classifier_run(data: str) -> str:
    """Name of the classifier of a data set, where it stands beside the runs of params.yaml."""
    return f"classifier-{data}"


def reference_file(data: str) -> Path:
    """Path of the features of a data set's test images, with their mean and covariance."""
    return Path(f"models/fidelity/{data}/reference.safetensors")


def corruptions_file(data: str) -> Path:
    """Path of the scores of a data set's corrupted training images, one row per corruption and strength."""
    return Path(f"reports/runs/corruptions/{data}.csv")


def corrupted_file(data: str) -> Path:
    """Path of corrupted training images of a data set: a few of each corruption and strength."""
    return Path(f"models/corruptions/{data}.safetensors")


def translations_file(run: str) -> Path:
    """Path of a translator's attention on the test sentences that are shown, of its first seed."""
    return Path(f"models/translations/{run}.safetensors")


def translations_table_file(run: str) -> Path:
    """Path of a translator's first test sentences with their translations, of its first seed."""
    return Path(f"reports/runs/{run}/translations.csv")


def translator_history_file(run: str) -> Path:
    """Path of a translator's learning curves, in a folder of all translators for the overview."""
    return Path(f"reports/runs/attention/{run}/history.csv")


def lengths_file(run: str) -> Path:
    """Path of a translator's BLEU by length of the source, beside its learning curves.

    One row per seed and quarter of the sentences.
    """
    return Path(f"reports/runs/attention/{run}/lengths.csv")


def planar_flows_file(layers: int) -> Path:
    """Path of the planar flows of `layers` maps, with their losses."""
    return Path(f"models/flow/planar-{layers}.safetensors")


def planar_scores_file(layers: int) -> Path:
    """Path of the scores of the planar flows of `layers` maps, one row per run and seed."""
    return Path(f"reports/runs/flow/planar-{layers}.csv")


def planar_maps_file() -> Path:
    """Path of the points before and after single planar maps."""
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
    """Path of a table of the theory measurements."""
    return Path(f"reports/runs/theory/{name}.csv")


def depth_table_file(name: str) -> Path:
    """Path of a table of the study of deep stacks: layers, stacks or training."""
    return Path(f"reports/runs/depth/{name}.csv")


def table_file(name: str) -> Path:
    """Path of one of the book's tables as CSV; a JSON file beside it has what readers see."""
    return Path(f"reports/tables/{name}.csv")


def book_page(name: str) -> Path:
    """Path of a page of the book in HTML; its first page is `index`."""
    return Path(f"reports/{name}.html")


# ---- not an output of any stage --------------------------------------------------------------------------


def checkpoints_dir() -> Path:
    """Folder of checkpoints; errors as of `cache_dir`."""
    return cache_dir() / "checkpoints"


def cache_dir() -> Path:
    """Folder for raw downloads and checkpoints; it need not exist yet.

    REGEN_CACHE, else `$XDG_CACHE_HOME/regen`, else `~/.cache/regen`: absolute, since `dvc exp run` works in
    copies of the repository. A variable that is set to nothing counts as not set; so does a relative
    XDG_CACHE_HOME, as its specification asks.

    Raises:
        InputError: REGEN_CACHE is not an absolute path, or is needed where there is no home folder.
    """
    if own := os.environ.get("REGEN_CACHE"):
        path = Path(own)
        with suppress(RuntimeError):  # ~name of nobody, which stays relative
            path = path.expanduser()
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
