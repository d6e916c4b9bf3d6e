"""RealNVP's chapter."""

from __future__ import annotations

from regen import artifacts
from regen.artifacts import Metrics
from regen.chapters.shared import over_seeds, read_each
from regen.params import Params
from regen.report.chapter import Chapter, Table
from regen.report.claims import Claims, Facts
from regen.report.columns import Column, frame, hidden

COLUMNS = (
    *map(Column, ("run", "data", "epochs")),
    *hidden("parameters"),
    Column("train_bits_per_dimension", "train bits/dim", better="lower"),
    Column("valid_bits_per_dimension", "valid bits/dim", better="lower"),
    *hidden("test_images"),
    Column("test_bits_per_dimension", "test bits/dim", digits=3, better="lower"),
    Column("test_bits_standard_error", "s.e.", digits=3),
    Column("reconstruction_error", "largest error of decode(encode(x)), grey levels", better="lower"),
    Column("report_data", "(report's data)"),
)
FOLLOWED = (*(f"{split}_bits_per_dimension" for split in artifacts.SPLITS), "reconstruction_error")


def chapter(params: Params, claims: Claims) -> Chapter:
    """RealNVP runs of `params`; InputError names a record that is absent."""
    training = read_each(params.realnvp, "training")
    table = runs_table(params, training, claims)
    return Chapter(
        tables=[table],
        facts={
            name: Facts(
                {"data": run.data, "epochs": run.epochs}, {"progress": progress(name), **training[name]}
            )
            for name, run in params.realnvp.items()
        },
        metrics={name: {key: found[key] for key in FOLLOWED} for name, found in training.items()},
        trained=list(params.realnvp),
    )


def runs_table(params: Params, training: dict[str, Metrics], claims: Claims) -> Table:
    """One row a run, in bits per dimension."""
    rows = [
        {
            **training[name],
            "run": name,
            "data": params.data_label(run),
            "report_data": claims.data(name),
        }
        for name, run in params.realnvp.items()
    ]
    return Table("realnvp", frame(rows, COLUMNS), COLUMNS)


def progress(run: str) -> str:
    """Whether the last epoch's validation bits are below the first's, on average over the seeds."""
    history = over_seeds(artifacts.read_csv(artifacts.history_file(run)), "epoch")
    bits = history["valid_bits_per_dimension"]
    return "falls" if bits.iloc[-1] < bits.iloc[0] else "does not fall"
