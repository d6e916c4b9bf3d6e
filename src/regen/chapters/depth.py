"""The deep stacks' chapter: gradients at initialisation, and which stacks learn to copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regen import artifacts
from regen.chapters.estimates import Estimate
from regen.params import Params
from regen.report.cells import cell
from regen.report.chapter import Chapter, Table
from regen.report.claims import UNDECIDED, Facts
from regen.report.columns import Column, hidden

COLUMNS = (
    Column("norm", "normalised"),
    Column("depth", "blocks"),
    Column("slope", "slope per block (± s.e.)", digits=3, deviation="slope_standard_error"),
    *hidden("slope_standard_error"),
    Column("input_gradient", "gradient at the input / at the output", digits=2),
    Column("least_gradient", "smallest / at the output", digits=2),
    Column("gain", "gain of a block", digits=3),
    Column("norm_gain", "of its LayerNorm", digits=3),
    Column("norm_lambda", "λ", digits=3),
    Column("apart", "words apart"),
    Column("loss", "last loss, nats per word", digits=3, better="lower"),
    Column("trains"),
)
NORMS = {"post": "post-norm", "pre": "pre-norm"}
FOLLOWED = ("slope", "norm_lambda", "loss")
SHRINKS, DOES_NOT = "shrinks", "does not shrink"


def chapter(params: Params) -> Chapter:
    """Deep stacks of `params`; InputError names a table that is absent."""
    stacks = artifacts.read_csv(artifacts.depth_table_file("stacks"))
    settings = params.depth
    table = Table("depth", stacks, COLUMNS, shown=stacks.assign(norm=stacks["norm"].map(NORMS)))
    deepest = {row["norm"]: row for _, row in stacks[stacks["depth"] == stacks["depth"].max()].iterrows()}
    return Chapter(
        tables=[table],
        facts={
            "depth": Facts(
                {"depth": max(settings.depths)},
                {"gradients": verdict(deepest)},
                {"gradients": told(deepest, stacks)},
            )
        },
        metrics={"depth": {f"{norm}_{key}": row[key] for norm, row in deepest.items() for key in FOLLOWED}},
    )


def slope(row: pd.Series[Any]) -> Estimate:
    """Slope of the logarithm of a stack's gradient, per block, towards the input."""
    return Estimate(row["slope"], row["slope_standard_error"])


def verdict(deepest: Mapping[str, pd.Series[Any]]) -> str:
    """What gradients do in the deepest stack of each kind: `post-norm shrinks, pre-norm does not shrink`.

    UNDECIDED where that is so of one of them.
    """
    found = {name: slope(deepest[norm]).word(DOES_NOT, SHRINKS) for norm, name in NORMS.items()}
    if UNDECIDED in found.values():
        return UNDECIDED
    return ", ".join(f"{name} {word}" for name, word in found.items())


def told(deepest: Mapping[str, pd.Series[Any]], stacks: pd.DataFrame) -> str:
    """The numbers behind `verdict`, and which depths train, as sentences."""
    return " ".join([*map(measured, deepest.values()), trained(stacks)])


def measured(row: pd.Series[Any]) -> str:
    """What is found of one stack."""
    norm, depth = str(row["norm"]), f"{row['depth']:g}"
    power = f", and λ^{depth} = {cell(row['norm_lambda'] ** row['depth'])}" if norm == "post" else ""
    estimate = slope(row)
    changes = estimate.word(f"it {DOES_NOT}", f"it {SHRINKS}")
    if changes == UNDECIDED:
        changes = f"it is undecided whether it {SHRINKS}"
    return (
        f"{NORMS[norm].capitalize()} with {depth} blocks: λ is {row['norm_lambda']:.3f}{power}; the whole "
        f"block, with the derivative of A, has a gain of {row['gain']:.3f}. Relative to that at the output, "
        f"the gradient is {row['input_gradient']:.2f} at the input and {row['least_gradient']:.2f} at its "
        f"smallest. With a slope of {estimate.text(3)} per block (± s.e.) {changes} towards the input."
    )


def trained(stacks: pd.DataFrame) -> str:
    """Which depths train, and how far apart the words are where not all do."""
    told = []
    for norm, name in NORMS.items():
        mine = stacks[stacks["norm"] == norm]
        learned, partly, failed = (mine[mine["trains"] == word] for word in ("yes", "some seeds", "no"))
        parts = [
            f"trains with {blocks(learned)} blocks" if len(learned) else "trains at no depth with every seed"
        ]
        if len(partly):
            parts.append(f"with some seeds with {blocks(partly)}")
        if len(failed):
            parts.append(lost(failed))
        told.append(f"{name} {', '.join(parts)}")
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}."


def blocks(stacks: pd.DataFrame) -> str:
    """Depths of stacks."""
    return ", ".join(f"{depth:g}" for depth in stacks["depth"])


def lost(failed: pd.DataFrame) -> str:
    """How far apart the words are at the start in stacks that train with no seed."""
    shares = ", ".join(cell(share) for share in failed["apart"])
    told = f"where at the start {shares} of the last state tells the words apart"
    return f"and not with {blocks(failed)}, {told}"
