"""The flows in the report: planar flows of points, single planar maps, RealNVP on images."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regen.params import Params
from regen.report.claims import Claims, Facts
from regen.report.markdown import markdown, spread
from regen.report.records import Records

SCORES = ("loss", "nll", "kl_up_to_constant", "kl", "effective_sample_share")
SAMPLES_HEADINGS = {
    "run": "run",
    "layers": "k",
    "loss": "NLL, last minibatches",
    "nll": "NLL, all points",
    "report": "(report)",
    "seeds": "seeds",
}
DENSITY_HEADINGS = {
    "run": "run",
    "layers": "k",
    "kl_up_to_constant": "KL(q ‖ p) - log Z",
    "kl": "KL(q ‖ p)",
    "effective_sample_share": "ESS / N",
    "seeds": "seeds",
}
MAPS_HEADINGS = {
    "mean": "mean",
    "variance": "variance",
    "b": "b",
    "u_corrected": "u corrected",
    "largest_move": "furthest move",
    "smaller_group": "share of the smaller side",
    "verdict": "verdict",
}
REALNVP_HEADINGS = {
    "run": "run",
    "data": "data",
    "epochs": "epochs",
    "train_bits_per_dimension": "train bits/dim",
    "valid_bits_per_dimension": "valid bits/dim",
    "test": "test bits/dim (± s.e.)",
    "reconstruction_error": "largest error of decode(encode(x)), grey levels",
    "report_data": "(report's data)",
}
PLANAR_FIGURES = [
    f"{source}_{target}{what}"
    for source in ("samples", "density")
    for target in ("arcs", "sine")
    for what in ("", "_samples")
]
REALNVP_FIGURES = ("learning_curves", "samples", "interpolations", "reconstructions")
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

## RealNVP

{realnvp_table}

Bits per dimension of dequantised pixels, an upper bound; at temperature 1 the samples are those of the model.

{realnvp_figures}
"""


def planar_table(flow: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """Return one row a run of planar flows: means and standard deviations over the seeds, in nats."""
    groups = flow.groupby("run", sort=False)
    first = groups[["target", "source", "layers", "points"]].first()
    means, deviations = groups[list(SCORES)].mean(), groups[list(SCORES)].std()
    table = first.join(means).join(deviations, rsuffix="_deviation").assign(seeds=groups.size())
    table["report"] = [claims.expected(str(name), "loss") for name in table.index]
    return table.reset_index().sort_values(["source", "target", "layers"], ascending=[False, True, True])


def planar_markdown(table: pd.DataFrame, source: str) -> str:
    """Return the table of runs from `samples` or from the `density` for readers."""
    shown = table[table["source"] == source].copy()
    for name in SCORES:
        shown[name] = [spread(*pair, 3) for pair in zip(shown[name], shown[f"{name}_deviation"], strict=True)]
    shown["report"] = [spread(value, None, 4) for value in shown["report"]]
    return markdown(shown, SAMPLES_HEADINGS if source == "samples" else DENSITY_HEADINGS)


def planar_tables_markdown(table: pd.DataFrame) -> str:
    """Return the tables of both sources for readers."""
    return "\n\n".join(planar_markdown(table, source) for source in ("samples", "density"))


def maps_markdown(maps: pd.DataFrame) -> str:
    """Return the table of single maps for readers."""
    return markdown(maps.assign(u_corrected=maps["u_corrected"].map({True: "yes", False: ""})), MAPS_HEADINGS)


def realnvp_table(params: Params, records: Records, claims: Claims) -> pd.DataFrame:
    """Return one row a RealNVP run, in bits per dimension."""
    rows = []
    for name, run in params.realnvp.items():
        claim = claims.find(name, "progress")
        scores = records.realnvp[name]["training"]
        report_data = claim and claim.given.get("data")
        rows.append({"run": name, "data": params.data_label(run), **scores, "report_data": report_data})
    return pd.DataFrame(rows)


def realnvp_markdown(table: pd.DataFrame) -> str:
    """Return the RealNVP table for readers."""
    pairs = zip(table["test_bits_per_dimension"], table["test_bits_standard_error"], strict=True)
    return markdown(table.assign(test=[spread(*pair, 3) for pair in pairs]), REALNVP_HEADINGS)


def flow_section(params: Params, records: Records, planar: pd.DataFrame, realnvp: pd.DataFrame) -> str:
    """Return the flows' part of the page."""
    return SECTION.format(
        iterations=params.flow.iterations,
        seeds=params.flow.seeds,
        averaged=params.flow.averaged_losses,
        evaluated=params.flow.evaluation_samples,
        points=POINTS[str(planar["points"].iloc[0])],
        samples_table=planar_markdown(planar, "samples"),
        density_table=planar_markdown(planar, "density"),
        figures="\n\n".join(f"![{name}](figures/flow/{name}.png)" for name in PLANAR_FIGURES),
        maps_table=maps_markdown(records.maps),
        realnvp_table=realnvp_markdown(realnvp),
        realnvp_figures="\n\n".join(_realnvp_figures(name) for name in params.realnvp),
    )


def _realnvp_figures(run: str) -> str:
    return "\n".join(f"![{run}: {name}](figures/{run}/{name}.png)" for name in REALNVP_FIGURES)


def flow_facts(params: Params, records: Records, planar: pd.DataFrame) -> dict[str, Facts]:
    """Return what claims may ask for of each flow, and of the single maps."""
    iterations = params.flow.iterations
    rows = {
        str(row["run"]): {str(key): value for key, value in row.items()} for row in planar.to_dict("records")
    }
    facts = {
        run: Facts({"points": row["points"], "iterations": iterations}, row) for run, row in rows.items()
    }
    for name, run in params.realnvp.items():
        scores = records.realnvp[name]["training"]
        bits = records.histories[name]["valid_bits_per_dimension"]
        progress = "falls" if bits.iloc[-1] < bits.iloc[0] else "does not fall"
        facts[name] = Facts({"data": run.data, "epochs": run.epochs}, {"progress": progress, **scores})
    return facts | {"maps": Facts({}, _maps_facts(records.maps))}


def _maps_facts(maps: pd.DataFrame) -> dict[str, str]:
    """Return what the small map does, and what the large ones do: one word where all do the same."""
    large = maps[maps["mean"] > 0]["verdict"].value_counts()
    words = str(large.index[0]) if len(large) == 1 else ", ".join(f"{word}: {n}" for word, n in large.items())
    return {"small": maps[maps["mean"] == 0]["verdict"].iloc[0], "large": words}


def flow_metrics(params: Params, records: Records, planar: pd.DataFrame) -> dict[str, Any]:
    """Return what `dvc metrics` follows of each flow."""
    columns = {"samples": ("loss", "nll"), "density": ("kl_up_to_constant", "effective_sample_share")}
    content = {row["run"]: {key: row[key] for key in columns[row["source"]]} for _, row in planar.iterrows()}
    bits = ("train_bits_per_dimension", "valid_bits_per_dimension", "test_bits_per_dimension")
    for name in params.realnvp:
        scores = records.realnvp[name]["training"]
        content[name] = {key: scores[key] for key in (*bits, "reconstruction_error")}
    return content
