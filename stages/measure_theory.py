"""Measure what theory says: closed forms, estimators of p(x), gradients, determinants, the value."""

from regen import artifacts, stage
from regen.params import read_params
from regen.theory import determinant, value
from regen.theory.measure import measure, summary
from regen.training.device import set_up


def measure_theory() -> None:
    """Measure what theory says, and write a table for each question on VAEs and one summary."""
    params = read_params()
    set_up("cpu", "float64")  # what is measured here is the mathematics, in any profile
    tables = measure(params.theory, params.seed)
    for name, table in vars(tables).items():
        artifacts.write_csv(artifacts.theory_table_file(name), table)
    found = {**summary(tables), **value.summary(), **determinant.summary(params.seed)}
    artifacts.write_metrics(artifacts.scores_file("theory", "summary"), found)


if __name__ == "__main__":
    stage.run(measure_theory)
