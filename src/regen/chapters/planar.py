"""The planar flows' chapter: flows of points, and single planar maps."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from regen import artifacts
from regen.params import Params
from regen.report.chapter import Chapter, Table
from regen.report.claims import Claims, Facts
from regen.report.columns import Column

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


def chapter(params: Params, claims: Claims) -> Chapter:
    """Planar flows of `params`; InputError names a record that is absent."""
    flows = flows_scores(read_scores(params), claims)
    maps = maps_table(artifacts.read_csv(artifacts.planar_maps_table_file()))
    rows = [{str(key): value for key, value in row.items()} for row in flows.to_dict("records")]
    iterations = params.flow.iterations
    return Chapter(
        tables=[*flows_tables(flows), maps],
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


def flows_scores(scores: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """One row a run: means and standard deviations over the seeds, in nats."""
    groups = scores.groupby("run", sort=False)
    first = groups[["target", "source", "layers", "points"]].first()
    means, deviations = groups[SCORES].mean(), groups[SCORES].std()
    data = first.join(means).join(deviations, rsuffix="_deviation").assign(seeds=groups.size())
    data["report"] = [claims.expected(str(name), "loss") for name in data.index]
    return data.reset_index().sort_values(["source", "target", "layers"], ascending=[False, True, True])


def flows_tables(flows: pd.DataFrame) -> list[Table]:
    """Flows trained from samples, `planar`, and those trained from the density, `density`."""
    samples, density = (flows[flows["source"] == source] for source in ("samples", "density"))
    return [
        Table("planar", _without(samples, DENSITY), (RUN, DEPTH, *SAMPLES, REPORT, SEEDS)),
        Table("density", _without(density, SAMPLES), (RUN, DEPTH, *DENSITY, SEEDS)),
    ]


def _without(flows: pd.DataFrame, scores: Sequence[Column]) -> pd.DataFrame:
    return flows.drop(columns=[f"{each.key}{suffix}" for each in scores for suffix in ("", "_deviation")])


def maps_table(maps: pd.DataFrame) -> Table:
    """One row a single map."""
    corrected = maps["u_corrected"].map({True: "yes", False: ""})
    return Table("maps", maps, MAPS, shown=maps.assign(u_corrected=corrected))


def maps_facts(maps: pd.DataFrame) -> dict[str, str]:
    """Facts on the small map and the large ones: one word where all of these do the same."""
    large = maps[maps["mean"] > 0]["verdict"].value_counts()
    words = str(large.index[0]) if len(large) == 1 else ", ".join(f"{word}: {n}" for word, n in large.items())
    return {"small": maps[maps["mean"] == 0]["verdict"].iloc[0], "large": words}
