"""The planar flows' chapter: flows of points, and single planar maps."""

from __future__ import annotations

import pandas as pd

from regen import artifacts
from regen.params import Params
from regen.report.chapter import Chapter, Table
from regen.report.claims import Claims, Facts
from regen.report.columns import Column
from regen.report.markdown import markdown

RUN, DEPTH, SEEDS = Column("run"), Column("layers", "k"), Column("seeds")
REPORT = Column("report", "(report)", digits=4)
SAMPLES = (
    Column("loss", "NLL, last minibatches", digits=3, better="lower"),
    Column("nll", "NLL, all points", digits=3, better="lower"),
)
DENSITY = (
    Column("kl_up_to_constant", "KL(q ‖ p) - log Z", digits=3, better="lower"),
    Column("kl", "KL(q ‖ p)", digits=3, better="lower"),
    Column("effective_sample_share", "ESS / N", digits=3, better="higher"),
)
"""What is shown of flows trained from samples, and of those trained from the density."""
SCORES = [column.key for column in (*SAMPLES, *DENSITY)]
MAPS = (
    *map(Column, ("mean", "variance", "b", "u_corrected")),
    Column("largest_move", "furthest move"),
    Column("smaller_group", "share of the smaller side"),
    Column("verdict"),
)
FOLLOWED = {"samples": ("loss", "nll"), "density": ("kl_up_to_constant", "effective_sample_share")}
FIGURES = [
    f"{source}_{target}{what}"
    for source in ("samples", "density")
    for target in ("arcs", "sine")
    for what in ("", "_samples")
]
POINTS = {"generated": "generated here, not the report's", "files": "the report's files"}

SECTION = """\
## Planar flows

k maps z + u tanh(w.z + b), {iterations} iterations; means over {seeds} seeds (± standard deviation), in nats.
The points are {points}. The report's NLL is the mean of the last {averaged} minibatch losses.

{samples_table}

Flows trained from the density: KL up to the constant log Z, the true KL where Z can be integrated, and the
effective sample size of {evaluated} samples of the flow as weighted samples of the target. 'sine' goes on for
ever along its axis: it has no Z, and its weights no bound.

{density_table}

{figures}

![Minibatch losses over the iterations](figures/flow/losses.png)

### Single planar maps

The entries of u and w are from N(mean, variance). 'One group': all points move the same way.

![Single planar maps of normal samples](figures/flow/maps.png)

{maps_table}
"""


def chapter(params: Params, claims: Claims) -> Chapter:
    """Planar flows of `params`; InputError names a record that is absent."""
    flows = flows_table(read_scores(params), claims)
    maps = maps_table(artifacts.read_csv(artifacts.planar_maps_table_file()))
    rows = [{str(key): value for key, value in row.items()} for row in flows.data.to_dict("records")]
    iterations = params.flow.iterations
    return Chapter(
        section=_section(params, flows.data, maps),
        tables=[flows, maps],
        facts={
            **{row["run"]: Facts({"points": row["points"], "iterations": iterations}, row) for row in rows},
            "maps": Facts({}, maps_facts(maps.data)),
        },
        metrics={row["run"]: {key: row[key] for key in FOLLOWED[row["source"]]} for row in rows},
    )


def read_scores(params: Params) -> pd.DataFrame:
    """Scores of all flows, a row a run and seed."""
    files = [artifacts.planar_scores_file(layers) for layers in params.flow.layers]
    return pd.concat([artifacts.read_csv(file) for file in files], ignore_index=True)


def flows_table(scores: pd.DataFrame, claims: Claims) -> Table:
    """One row a run: means and standard deviations over the seeds, in nats."""
    groups = scores.groupby("run", sort=False)
    first = groups[["target", "source", "layers", "points"]].first()
    means, deviations = groups[SCORES].mean(), groups[SCORES].std()
    data = first.join(means).join(deviations, rsuffix="_deviation").assign(seeds=groups.size())
    data["report"] = [claims.expected(str(name), "loss") for name in data.index]
    data = data.reset_index().sort_values(["source", "target", "layers"], ascending=[False, True, True])
    text = "\n\n".join(flows_markdown(data, source) for source in ("samples", "density"))
    return Table("planar", data, (*SAMPLES, *DENSITY), text)


def flows_markdown(data: pd.DataFrame, source: str) -> str:
    """Markdown of the runs from `samples`, or of those from the `density`."""
    scores = (*SAMPLES, REPORT) if source == "samples" else DENSITY
    return markdown(data[data["source"] == source], (RUN, DEPTH, *scores, SEEDS))


def maps_table(maps: pd.DataFrame) -> Table:
    """One row a single map."""
    corrected = maps["u_corrected"].map({True: "yes", False: ""})
    return Table.of("maps", maps, MAPS, shown=maps.assign(u_corrected=corrected))


def maps_facts(maps: pd.DataFrame) -> dict[str, str]:
    """Facts on the small map and the large ones: one word where all of these do the same."""
    large = maps[maps["mean"] > 0]["verdict"].value_counts()
    words = str(large.index[0]) if len(large) == 1 else ", ".join(f"{word}: {n}" for word, n in large.items())
    return {"small": maps[maps["mean"] == 0]["verdict"].iloc[0], "large": words}


def _section(params: Params, flows: pd.DataFrame, maps: Table) -> str:
    return SECTION.format(
        iterations=params.flow.iterations,
        seeds=params.flow.seeds,
        averaged=params.flow.averaged_losses,
        evaluated=params.flow.evaluation_samples,
        points=POINTS[str(flows["points"].iloc[0])],
        samples_table=flows_markdown(flows, "samples"),
        density_table=flows_markdown(flows, "density"),
        figures="\n\n".join(f"![{name}](figures/flow/{name}.png)" for name in FIGURES),
        maps_table=maps.text,
    )
