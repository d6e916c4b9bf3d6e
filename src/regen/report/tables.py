"""The tables of the report and the metrics file, from the stages' records of the runs in params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regen.artifacts import Metrics
from regen.errors import InputError
from regen.params import Params
from regen.report.claims import Claim, Claims

Record = Mapping[str, Metrics]
"""What the stages recorded of a run: its metrics by kind (training, likelihood)."""

SHOWN_AS_METRICS = {
    "training": ("train_negative_elbo", "valid_negative_elbo", "valid_kl"),
    "likelihood": ("log_p", "log_p_standard_error", "elbo", "effective_sample_size"),
}

COLUMNS = {"log_p": "test_log_p"}
"""Columns of the VAE table that are called otherwise than the claims' metric."""


def vae_table(params: Params, records: Mapping[str, Record], claims: Claims) -> pd.DataFrame:
    """Return one row a VAE run: bound and likelihood in nats an image, beside the report's figures."""
    rows = []
    for name, run in params.vae.items():
        training, likelihood = records[name]["training"], records[name]["likelihood"]
        claim = claims.find(name, "log_p")
        rows.append(
            {
                "run": name,
                "data": run.data_label,
                "epochs": training["epochs"],
                "valid_negative_elbo": training["valid_negative_elbo"],
                "report_valid_negative_elbo": claims.expected(name, "valid_negative_elbo"),
                "test_log_p": likelihood["log_p"],
                "standard_error": likelihood["log_p_standard_error"],
                "report_test_log_p": claim and claim.expected,
                "importance_samples": likelihood["importance_samples"],
                "effective_sample_size": likelihood["effective_sample_size"],
                "test_images": likelihood["images"],
                "report_data": claim and claim.given.get("data"),
            }
        )
    return pd.DataFrame(rows)


def dirac_table(verdicts: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """Return the verdicts with the report's wording beside each: for the averaged runs, of the average."""
    table = verdicts.copy()
    table.insert(1, "report", [claims.expected(name, "verdict") for name in table["name"]])
    return table


def claims_table(
    params: Params, vae: pd.DataFrame, curves: Mapping[str, list[float]], claims: Claims
) -> pd.DataFrame:
    """Return one row for each numeric claim on a VAE: the report's figure, ours, and whether they agree.

    `curves` are the validation -ELBOs of each epoch. A curve is compared where it is furthest from the
    report's. A run with other settings than the report's, such as its data, gets no verdict.
    """
    rows = []
    for claim in claims.claims:
        if claim.run in params.vae:
            row = vae[vae["run"] == claim.run].iloc[0]
            ours, expected = _compared(claim, row, curves[claim.run])
            verdict = _verdict(claim, row, ours, expected)
            shown = {"claim": claim.id, "what": claim.what, "report": expected, "ours": ours}
            rows.append({**shown, "tolerance": claim.tolerance, "verdict": verdict})
    return pd.DataFrame(rows, columns=["claim", "what", "report", "ours", "tolerance", "verdict"])


def _compared(claim: Claim, row: pd.Series[Any], curve: list[float]) -> tuple[Any, Any]:
    """Return our figure and the report's; of a curve, those of the epoch where they are furthest apart."""
    if isinstance(claim.expected, list):
        return max(zip(curve, claim.expected, strict=False), key=lambda pair: abs(pair[0] - pair[1]))
    column = COLUMNS.get(claim.metric, claim.metric)
    if column not in row or isinstance(claim.expected, str):
        raise InputError(f"claims.yaml: {claim.id}: {claim.metric!r} is no number of the VAE table")
    return row[column], claim.expected


def _verdict(claim: Claim, row: pd.Series[Any], ours: Any, expected: Any) -> str:
    """Return 'agrees' or 'differs', or what of the report's settings is another here."""
    other = [key for key, value in claim.given.items() if row.get(key) != value]
    if other:
        return f"other {other[0].replace('_', ' ')}"
    return "agrees" if isinstance(ours, float) and abs(ours - expected) <= claim.tolerance else "differs"


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
