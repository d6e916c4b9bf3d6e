"""What the other stages left, read at once: the runs are those of params.yaml, never those of the folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import pandas as pd

from regen import artifacts
from regen.artifacts import Metrics
from regen.params import Params

KINDS = {"vae": ("training", "likelihood"), "realnvp": ("training",), "gan": ("training",)}
"""The kinds of metrics that a run of each family has."""

Scores = Mapping[str, Mapping[str, Metrics]]
"""Metrics by run and kind."""


@dataclass(frozen=True)
class Records:
    """Metrics, histories and tables of all runs."""

    vae: Scores
    realnvp: Scores
    gan: Scores
    fidelity: Mapping[str, Metrics]
    """Of the runs whose images are scored: their scores."""
    histories: Mapping[str, pd.DataFrame]
    """A row an epoch; of the VAEs, a row a seed and epoch; of the GANs by steps, a row some steps."""
    evaluations: Mapping[str, pd.DataFrame]
    """Of the GANs: their scores on the way, none where they are not scored there."""
    seeds: Mapping[str, pd.DataFrame]
    """Of the VAEs: log p and ELBO of the test images, a row a seed."""
    figures: Mapping[str, Sequence[str]]
    """Of the VAEs: the names of the figures that there are, which depend on latent space and labels."""
    flow: pd.DataFrame
    """The planar flows: a row a run and seed."""
    maps: pd.DataFrame
    """Single planar maps."""
    theory: Metrics
    theory_tables: Mapping[str, pd.DataFrame]
    dirac: pd.DataFrame

    @classmethod
    def read(cls, params: Params) -> Self:
        """Read what the runs of `params` left; InputError names a file that is absent."""
        return cls(
            vae=_scores("vae", params),
            realnvp=_scores("realnvp", params),
            gan=_scores("gan", params),
            fidelity={
                run: artifacts.read_metrics(artifacts.scores_file(run, "fidelity"))
                for run in params.score.runs
            },
            histories={
                **{
                    run: artifacts.read_csv(artifacts.history_file(run))
                    for run in (*params.vae, *params.realnvp)
                },
                **{run: artifacts.read_csv(artifacts.gan_history_file(run)) for run in params.gan},
            },
            evaluations={run: artifacts.read_csv(artifacts.evaluations_file(run)) for run in params.gan},
            seeds={run: artifacts.read_csv(artifacts.seeds_file(run)) for run in params.vae},
            figures={
                run: sorted(path.stem for path in artifacts.figures_dir(run).glob("*.png"))
                for run in params.vae
            },
            flow=pd.concat(
                [artifacts.read_csv(artifacts.planar_scores_file(k)) for k in params.flow.layers],
                ignore_index=True,
            ),
            maps=artifacts.read_csv(artifacts.planar_maps_table_file()),
            theory=artifacts.read_metrics(artifacts.scores_file("theory", "summary")),
            theory_tables={
                name: artifacts.read_csv(artifacts.theory_table_file(name)) for name in ("kl", "dimensions")
            },
            dirac=artifacts.read_csv(artifacts.verdicts_file()),
        )


def _scores(family: str, params: Params) -> Scores:
    return {
        run: {kind: artifacts.read_metrics(artifacts.scores_file(run, kind)) for kind in KINDS[family]}
        for run in getattr(params, family)
    }
