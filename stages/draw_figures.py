"""Draw the figures of one room from saved artifacts: python stages/draw_figures.py vae l100, ... dirac."""

import typer

from regen import artifacts, stage
from regen.params import read_params

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def vae(name: str) -> None:
    """Draw the figures of the VAE run NAME."""
    from regen.data.images import read_dataset
    from regen.vae.figures import draw
    from regen.vae.networks import load_vae
    from regen.vae.observations import observations

    params = read_params()
    run = params.vae_run(name)
    test = read_dataset(artifacts.dataset_file(run.data)).splits["test"]
    shape = tuple(test.pixels.shape[1:])
    draw(
        load_vae(run, shape, artifacts.weights_file(name)),
        observations(test, run.binarize),
        shape,
        artifacts.read_csv(artifacts.history_file(name)),
        title=f"{name} on {run.data_label}",
        folder=artifacts.figures_dir(name),
        dpi=params.figures.dpi,
    )


@app.command()
def dirac() -> None:
    """Draw the figures of the Dirac games."""
    from regen.dirac import figures
    from regen.dirac.game import Trajectories

    params = read_params()
    tensors, _ = artifacts.read_tensors(artifacts.trajectories_file())
    figures.draw(
        Trajectories.from_tensors(tensors),
        artifacts.read_csv(artifacts.verdicts_file()),
        artifacts.figures_dir("dirac"),
        params.figures.dpi,
    )


if __name__ == "__main__":
    stage.run_app(app)
