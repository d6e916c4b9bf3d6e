"""Measure what theory says of VAEs: closed forms, estimators of p(x), gradients, the terms of the bound."""

from regen import artifacts, stage
from regen.params import read_params
from regen.vae.theory.measure import measure, summary


def measure_theory() -> None:
    """Measure what theory says of VAEs, and write a table for each question."""
    params = read_params()
    tables = measure(params.theory, params.seed)
    for name, table in vars(tables).items():
        artifacts.write_csv(artifacts.theory_table_file(name), table)
    artifacts.write_metrics(artifacts.scores_file("theory", "summary"), summary(tables))


if __name__ == "__main__":
    stage.run(measure_theory)
