"""The deep stacks' chapter: gradients at initialisation, and which stacks learn to copy."""

from __future__ import annotations

import pandas as pd

from regen import artifacts
from regen.params import Params
from regen.report.chapter import Chapter, Table
from regen.report.claims import Facts
from regen.report.columns import Column, hidden
from regen.report.markdown import cell, spread

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
SURE = 2.0
"""Standard errors by which a slope must be below 0."""
SHRINKS = {True: "shrinks", False: "does not shrink"}
REPORT = {"post": True, "pre": False}
"""Whether gradients shrink, as the report has it."""
AGREES = {True: "agrees", False: "disagrees"}

SECTION = """\
## Deep stacks of self-attention

Blocks of self-attention A alone, without feed-forward layers: {heads} heads, d = {width}, sequences of
{length} words. Layer normalisation LN comes after each block, x = LN(x + A(x)), or before it,
x = x + A(LN(x)), the two that Xiong et al. (2020) compare. Means over {seeds} initialisations, before any
training; the last two columns are after {steps} steps of Adam on copying the words of a sequence, without
warm-up.

{table}

The gradient is the norm of d loss / d x_l at layer l. Slope: that of its logarithm on the way from the output
back to the input; below 0, it shrinks. A block's gain is the gradient at x_l over that at x_(l+1), its
LayerNorm's the part that LN alone has in it. λ is the spectral norm of LN's Jacobian, the inverse of the
standard deviation that LN divides by. Words apart: the part of the last state that differs between the words
of a sequence, at most 1. A stack trains if its last loss is below half of log {words}, the loss of guessing.

![Norm of the gradient over the layers](figures/depth/gradients.png)

![Loss of copying over the steps](figures/depth/losses.png)

**The report's argument**, on paper: on the way back through a post-norm stack, each block multiplies the
gradient by LN's λ < 1, so that it vanishes in a deep one; a pre-norm stack hands it back whole. Measured with
{depth} blocks:

{measured}

{trained}
"""


def chapter(params: Params) -> Chapter:
    """Deep stacks of `params`; InputError names a table that is absent."""
    stacks = artifacts.read_csv(artifacts.depth_table_file("stacks"))
    settings = params.depth
    table = Table.of("depth", stacks, COLUMNS, shown=stacks.assign(norm=stacks["norm"].map(NORMS)))
    deepest = {row["norm"]: row for _, row in stacks[stacks["depth"] == stacks["depth"].max()].iterrows()}
    return Chapter(
        section=SECTION.format(
            **settings.model_dump(include={"heads", "length", "width", "seeds", "steps", "words"}),
            table=table.text,
            depth=f"{stacks['depth'].max():g}",
            measured="\n".join(measured(row) for row in deepest.values()),
            trained=trained(stacks),
        ),
        tables=[table],
        facts={
            "depth": Facts(
                {"depth": max(settings.depths)},
                {"gradients": verdict(deepest)},
                {"gradients": slopes(deepest)},
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


def slopes(deepest: dict[str, pd.Series[float]]) -> str:
    """The numbers behind `verdict`, as a sentence."""
    each = (
        f"{spread(deepest[norm]['slope'], deepest[norm]['slope_standard_error'], 3)} {name}"
        for norm, name in NORMS.items()
    )
    return f"The slope per block (± s.e.) is {' and '.join(each)}."


def measured(row: pd.Series[float]) -> str:
    """What is found of one stack, against the report's argument."""
    norm, depth = str(row["norm"]), f"{row['depth']:g}"
    power = f", and λ^{depth} = {cell(row['norm_lambda'] ** row['depth'])}" if norm == "post" else ""
    slope = spread(row["slope"], row["slope_standard_error"], 3)
    return (
        f"- {NORMS[norm]}: λ is {row['norm_lambda']:.3f}{power}. The whole block, with the derivative of A, "
        f"has a gain of {row['gain']:.3f}. Relative to that at the output, the gradient is "
        f"{row['input_gradient']:.2f} at the input and {row['least_gradient']:.2f} at its smallest. With a "
        f"slope of {slope} it {SHRINKS[shrinks(row)]} towards the input: ours "
        f"{AGREES[shrinks(row) == REPORT[norm]]} with the report."
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
