"""The deep stacks' chapter: gradients at initialisation, and which stacks learn to copy."""

from __future__ import annotations

import pandas as pd

from regen import artifacts
from regen.params import Params
from regen.report.cells import cell, spread
from regen.report.chapter import Chapter, Table
from regen.report.claims import Facts
from regen.report.columns import Column, hidden
from regen.report.judge import SURE

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
SHRINKS = {True: "shrinks", False: "does not shrink"}


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


def shrinks(row: pd.Series[float]) -> bool:
    """Whether the slope of a stack's gradient is below 0, by more than SURE standard errors."""
    return bool(row["slope"] + SURE * row["slope_standard_error"] < 0)


def verdict(deepest: dict[str, pd.Series[float]]) -> str:
    """What gradients do in the deepest stack of each kind: `post-norm shrinks, pre-norm does not shrink`."""
    return ", ".join(f"{name} {SHRINKS[shrinks(deepest[norm])]}" for norm, name in NORMS.items())


def told(deepest: dict[str, pd.Series[float]], stacks: pd.DataFrame) -> str:
    """The numbers behind `verdict`, and which depths train, as sentences."""
    return " ".join([*map(measured, deepest.values()), trained(stacks)])


def measured(row: pd.Series[float]) -> str:
    """What is found of one stack."""
    norm, depth = str(row["norm"]), f"{row['depth']:g}"
    power = f", and λ^{depth} = {cell(row['norm_lambda'] ** row['depth'])}" if norm == "post" else ""
    slope = spread(row["slope"], row["slope_standard_error"], 3)
    return (
        f"{NORMS[norm].capitalize()} with {depth} blocks: λ is {row['norm_lambda']:.3f}{power}; the whole "
        f"block, with the derivative of A, has a gain of {row['gain']:.3f}. Relative to that at the output, "
        f"the gradient is {row['input_gradient']:.2f} at the input and {row['least_gradient']:.2f} at its "
        f"smallest. With a slope of {slope} per block (± s.e.) it {SHRINKS[shrinks(row)]} towards the input."
    )


def trained(stacks: pd.DataFrame) -> str:
    """Which depths train, and how far apart the words are where not all do."""
    told = []
    for norm, name in NORMS.items():
        mine = stacks[stacks["norm"] == norm]
        learned, failed = mine[mine["trains"] == "yes"], mine[mine["trains"] != "yes"]
        depths = ", ".join(f"{depth:g}" for depth in learned["depth"]) or "none"
        told.append(f"{name} trains with {depths} blocks" + (lost(failed) if len(failed) else ""))
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}."


def lost(failed: pd.DataFrame) -> str:
    """How far apart the words are at the start in stacks that do not train with every seed."""
    depths = ", ".join(f"{depth:g}" for depth in failed["depth"])
    shares = ", ".join(cell(share) for share in failed["apart"])
    return f", and not with {depths}, where at the start {shares} of the last state tells the words apart"
