"""The names under which the chapters know the runs of given settings, whether or not they were run."""

from __future__ import annotations

from itertools import product

from regen.params import FAMILIES, Params

ALWAYS = {"depth", "gan", "maps", "theory", "vae"}
"""What claims may be about, whatever the settings."""


def runs_of(params: Params) -> set[str]:
    """Names of all runs of `params` that claims may be about."""
    named = {name for family in FAMILIES for name in getattr(params, family)}
    flows = {
        f"{source}_{target}_{layers}"
        for source, target, layers in product(("planar", "density"), ("arcs", "sine"), params.flow.layers)
    }
    games = 2 * (1 + 2 * len(params.dirac.coefficients))  # no penalty, R1, GP: with and without an average
    dirac = {f"{metric}-{game + 1}" for metric in ("jsd", "w1") for game in range(games)}
    return named | flows | dirac | ALWAYS
