"""Train flows of params.yaml: python stages/train_flow.py realnvp realnvp_mnist, ... planar 8."""

import typer

from regen import artifacts, stage
from regen.errors import InputError
from regen.params import read_params
from regen.stage import OneSeed

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def planar(layers: int) -> None:
    """Train and score all planar flows of LAYERS maps side by side, on the CPU; killed, it goes on."""
    from regen.planar.flows import runs_of, train
    from regen.planar.scores import score
    from regen.training.checkpoint import Checkpoint, fingerprint
    from regen.training.device import set_up

    params = read_params()
    set_up("cpu", params.precision)  # of operations that are smaller than a launch on a GPU
    if layers not in params.flow.layers:
        raise InputError(
            f"params.yaml: flow.layers: {layers} is not among them; allowed: {params.flow.layers}"
        )
    points, about = artifacts.read_tensors(artifacts.points_file())
    runs = runs_of(layers, range(params.seed, params.seed + params.flow.seeds))
    key = fingerprint("train_planar", str(layers), params.seed)
    checkpoint = Checkpoint.of(f"planar-{layers}", key)
    flows = train(runs, points, params.flow, checkpoint)

    artifacts.write_tensors(artifacts.planar_flows_file(layers), vars(flows))
    scores = score(runs, flows, points, params.flow).assign(points=about["source"])
    artifacts.write_csv(artifacts.planar_scores_file(layers), scores)
    checkpoint.remove()


@app.command()
def maps() -> None:
    """Move normal samples by single planar maps, with the settings that the report tries."""
    from regen.planar.maps import map_points, table
    from regen.training.device import set_up

    set_up("cpu", "float64")
    mappings = map_points(read_params().seed)
    moved = {f"after-{i}": each.after for i, each in enumerate(mappings)}
    artifacts.write_tensors(artifacts.planar_maps_file(), {"before": mappings[0].before, **moved})
    artifacts.write_csv(artifacts.planar_maps_table_file(), table(mappings))


@app.command()
def realnvp(name: str, seed: OneSeed = None) -> None:
    """Train the run NAME of params.yaml's section `realnvp`; killed and started again, it goes on."""
    from regen.realnvp.training import summary, train
    from regen.training.runs import Session, by_seed

    params = read_params()
    run = params.realnvp_run(name)
    session = Session.start("train_realnvp", name, params)
    splits = artifacts.read_dataset(artifacts.dataset_file(run.data)).splits
    shape = tuple(splits["train"].pixels.shape[1:])
    images, valid, test = (
        splits[split].pixels.flatten(1).to(session.device) for split in ("train", "valid", "test")
    )
    trained = session.train(lambda job: train(run, shape, images, valid, job), params.seeds_of(name), seed)
    if seed is None:
        curves = by_seed({seed: each.history.drop(columns="step") for seed, each in trained.items()})
        artifacts.write_csv(artifacts.history_file(name), curves)
        scores = [summary(each.learner.flow, each.history, test, seed) for seed, each in trained.items()]
        session.publish(trained, artifacts.over_seeds(scores))


if __name__ == "__main__":
    stage.run_app(app)
