"""The tables of the report and the metrics file, from the stages' records of the runs in params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regen.artifacts import Metrics
from regen.params import Params
from regen.report.claims import Claims

Record = Mapping[str, Metrics]
"""What the stages recorded of a run: its metrics by kind (training, likelihood)."""

SHOWN_AS_METRICS = {
    "training": ("train_negative_elbo", "valid_negative_elbo", "valid_kl"),
    "likelihood": ("log_p", "log_p_standard_error", "elbo", "effective_sample_size"),
}


def vae_table(params: Params, records: Mapping[str, Record], claims: Claims) -> pd.DataFrame:
    """Return one row a VAE run: bound and likelihood in nats an image, beside the report's figures."""
    rows = []
    for name, run in params.vae.items():
        training, likelihood = records[name]["training"], records[name]["likelihood"]
        claim = claims.find(name, "log_p")
        rows.append(
            {
                "run": name,
                "data": f"{run.data} (binarized)"
                if run.binarize and run.data != "binarized_mnist"
                else run.data,
                "epochs": training["epochs"],
                "valid_negative_elbo": training["valid_negative_elbo"],
                "report_valid_negative_elbo": claims.expected(name, "valid_negative_elbo"),
                "test_log_p": likelihood["log_p"],
                "standard_error": likelihood["log_p_standard_error"],
                "report_test_log_p": claim and claim.expected,
                "importance_samples": likelihood["importance_samples"],
                "effective_sample_size": likelihood["effective_sample_size"],
                "test_images": likelihood["images"],
                "report_data": claim and claim.data,
            }
        )
    return pd.DataFrame(rows)


def dirac_table(verdicts: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """Return the verdicts with the report's wording beside each: for the averaged runs, of the average."""
    table = verdicts.copy()
    table.insert(1, "report", [claims.expected(name, "verdict") for name in table["name"]])
    return table


def metrics(params: Params, records: Mapping[str, Record], verdicts: pd.DataFrame) -> dict[str, Any]:
    """Return what `dvc metrics` follows: finite numbers and words, by run."""
    content: dict[str, Any] = {}
    for name in params.vae:
        content[name] = {
            key: records[name][kind][key] for kind, keys in SHOWN_AS_METRICS.items() for key in keys
        }
    content["dirac"] = {row["name"]: _dirac_metrics(row) for _, row in verdicts.iterrows()}
    return content


def _dirac_metrics(row: pd.Series[Any]) -> dict[str, Any]:
    """Return a game's verdict (of the average, where one is kept), its rate and final distance."""
    suffix = "" if pd.isna(row["ema"]) else "_ema"
    columns = ("verdict", "agreement", "rate_per_1000", "final_distance")
    return {column: row[column + suffix] for column in columns}
