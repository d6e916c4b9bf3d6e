"""Draw the figures of one room from saved artifacts: python stages/draw_figures.py vae l100, ... dirac."""

import pandas as pd
import typer

from regen import artifacts, stage
from regen.params import FigureFiles, Params, read_params

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
WITH = {"additive": "attention", "none": "no attention"}


def compute_exactly(params: Params) -> None:
    """Have what is drawn of trained networks computed on the CPU, in float64 if they were trained in it."""
    from regen.training.device import exact, set_up

    set_up("cpu", exact(params.precision))


def files_of(params: Params) -> FigureFiles:
    """Settings of figure files, without those of the VAEs' figures."""
    return FigureFiles(dpi=params.figures.dpi, formats=params.figures.formats)


@app.command()
def vae(name: str) -> None:
    """Draw the figures of the VAE run NAME, of its first seed."""
    from regen.artifacts.datasets import read_dataset
    from regen.figures.vae import Artifacts, draw
    from regen.vae.networks import load_vae
    from regen.vae.observations import observations

    params = read_params()
    compute_exactly(params)
    run = params.vae_run(name)
    test = read_dataset(artifacts.dataset_file(run.data)).splits["test"]
    shape = tuple(test.pixels.shape[1:])
    drawn = Artifacts(
        load_vae(run, shape, artifacts.weights_file(name, params.seeds_of(name)[0])),
        artifacts.read_snapshots(artifacts.snapshots_file(name)),
        artifacts.read_csv(artifacts.history_file(name)),
        observations(test, run.binarize),
        test.labels,
    )
    draw(drawn, f"{name} on {params.data_label(run)}", artifacts.figures_dir(name), params.figures)


@app.command()
def realnvp(name: str) -> None:
    """Draw the figures of the RealNVP run NAME."""
    from regen.artifacts.datasets import read_dataset
    from regen.figures.realnvp import Artifacts, draw
    from regen.realnvp.networks import load_realnvp

    params = read_params()
    compute_exactly(params)
    run = params.realnvp_run(name)
    test = read_dataset(artifacts.dataset_file(run.data)).splits["test"].pixels
    drawn = Artifacts(
        load_realnvp(
            name, run, tuple(test.shape[1:]), artifacts.weights_file(name, params.seeds_of(name)[0])
        ),
        artifacts.read_snapshots(artifacts.snapshots_file(name)),
        first_seed(artifacts.read_csv(artifacts.history_file(name))),
        test.flatten(1),
    )
    draw(drawn, f"{name} on {params.data_label(run)}", artifacts.figures_dir(name), files_of(params))


@app.command()
def gan(name: str) -> None:
    """Draw the figures of the GAN run NAME."""
    from regen.figures.gan import Artifacts, Curves, draw
    from regen.gan.networks import build_generator

    params = read_params()
    compute_exactly(params)
    run = params.gan_run(name)
    snapshots = artifacts.read_snapshots(artifacts.snapshots_file(name))
    generator = build_generator(run, tuple(next(iter(snapshots.values())).shape[1:]))
    artifacts.load_weights(generator, artifacts.weights_file(name, params.seeds_of(name)[0]))
    curves = Curves(run, *map(first_seed, _curves(name)))
    drawn = Artifacts(curves, generator.eval(), snapshots)
    draw(drawn, f"{name} on {params.data_label(run)}", artifacts.figures_dir(name), files_of(params))


@app.command(name="gan_overview")
def gan_overview() -> None:
    """Draw the curves of all GAN runs whose players move one metric, JSD or W1, and their distances."""
    from regen.figures import distances
    from regen.figures.gan import Curves, draw_overview

    params = read_params()
    folder, files = artifacts.figures_dir("gan"), files_of(params)
    runs = {
        f"{name} on {params.data_label(run)}": name
        for name, run in params.gan.items()
        if run.loss in ("jsd", "w1")
    }
    tables = {title: _curves(name) for title, name in runs.items()}
    curves = {
        title: Curves(params.gan[name], *map(first_seed, tables[title])) for title, name in runs.items()
    }
    draw_overview(curves, folder, files)
    distances.draw({title: scores for title, (_, scores) in tables.items()}, folder, files)


@app.command()
def corruptions() -> None:
    """Draw distance and images of corrupted training images, a figure for each data set with a classifier."""
    from regen.figures import corruptions as figures

    params = read_params()
    for data in params.classifier:
        examples, _ = artifacts.read_tensors(artifacts.corrupted_file(data))
        figures.draw(
            artifacts.read_csv(artifacts.corruptions_file(data)),
            examples,
            f"{data}{params.copy_mark(data)}",
            artifacts.figures_dir("corruptions") / data,
            files_of(params),
        )


def _curves(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Learning curves of a GAN and its scores on the way, of all seeds."""
    files = artifacts.gan_history_file(name), artifacts.evaluations_file(name)
    history, evaluations = map(artifacts.read_csv, files)
    return history, evaluations


def first_seed(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the first seed, where the table holds several."""
    return table[table["seed"] == table["seed"].iloc[0]] if "seed" in table else table


@app.command()
def attention(name: str) -> None:
    """Draw the figures of the translator NAME: curves, and with attention also maps of the first seed."""
    from regen.figures.attention import draw

    params = read_params()
    run = params.translator_run(name)
    draw(
        artifacts.read_maps(artifacts.translations_file(name)),
        artifacts.read_csv(artifacts.translator_history_file(name)),
        f"{name} on {run.data}",
        artifacts.figures_dir(name),
        files_of(params),
    )


@app.command(name="attention_overview")
def attention_overview() -> None:
    """Draw all translators in one figure: validation losses, and BLEU by the length of the source."""
    from regen.figures.attention import Records, draw_overview

    params = read_params()
    runs = [
        Records(
            f"{name}: {WITH[run.attention]}, forcing {run.teacher_forcing:g}",
            run.data,
            artifacts.read_csv(artifacts.translator_history_file(name)),
            artifacts.read_csv(artifacts.lengths_file(name)),
        )
        for name, run in params.attention.items()
    ]
    draw_overview(runs, artifacts.figures_dir("attention"), files_of(params))


@app.command()
def flow() -> None:
    """Draw the figures of the planar flows."""
    from regen.figures.planar import draw, draw_maps
    from regen.planar.flows import Flows, runs_of

    params = read_params()
    points, about = artifacts.read_tensors(artifacts.points_file())
    seeds = range(params.seed, params.seed + params.flow.seeds)
    trained = {
        k: (runs_of(k, seeds), Flows(**artifacts.read_tensors(artifacts.planar_flows_file(k))[0]))
        for k in params.flow.layers
    }
    folder = artifacts.figures_dir("flow")
    draw(trained, points, about["source"], folder, files_of(params))
    moved, _ = artifacts.read_tensors(artifacts.planar_maps_file())
    draw_maps(moved, artifacts.read_csv(artifacts.planar_maps_table_file()), folder, files_of(params))


@app.command()
def theory() -> None:
    """Draw the figures of the measured theory."""
    from regen.figures import theory as figures

    params = read_params()
    figures.draw(
        artifacts.read_csv(artifacts.theory_table_file("rate")),
        artifacts.read_csv(artifacts.theory_table_file("dimensions")),
        artifacts.read_csv(artifacts.theory_table_file("gradients")),
        artifacts.figures_dir("theory"),
        files_of(params),
    )


@app.command()
def depth() -> None:
    """Draw the figures of the deep stacks."""
    from regen.figures import depth as figures

    params = read_params()
    figures.draw(
        artifacts.read_csv(artifacts.depth_table_file("layers")),
        artifacts.read_csv(artifacts.depth_table_file("training")),
        params.depth.words,
        artifacts.figures_dir("depth"),
        files_of(params),
    )


@app.command()
def dirac() -> None:
    """Draw the figures of the Dirac games."""
    from regen.dirac.game import Trajectories
    from regen.figures import dirac as figures

    params = read_params()
    tensors, _ = artifacts.read_tensors(artifacts.trajectories_file())
    figures.draw(
        Trajectories.from_tensors(tensors),
        artifacts.read_csv(artifacts.verdicts_file()),
        artifacts.figures_dir("dirac"),
        files_of(params),
    )


if __name__ == "__main__":
    stage.run_app(app)
