"""Train flows of params.yaml: python stages/train_flow.py realnvp realnvp_mnist, ... planar 8."""

import typer

from regen import artifacts, stage
from regen.errors import InputError
from regen.params import read_params
from regen.training.checkpoint import Checkpoint, fingerprint, sources

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def planar(layers: int) -> None:
    """Train and score all planar flows of LAYERS maps side by side, on the CPU; killed, it goes on."""
    from regen.planar.flows import runs_of, train
    from regen.planar.scores import score
    from regen.training.device import set_up

    params = read_params()
    set_up("cpu", params.precision)  # of operations that are smaller than a launch on a GPU
    if layers not in params.flow.layers:
        raise InputError(
            f"params.yaml: flow.layers: {layers} is not among them; allowed: {params.flow.layers}"
        )
    points, about = artifacts.read_tensors(artifacts.points_file())
    runs = runs_of(layers, range(params.seed, params.seed + params.flow.seeds))
    settings = [params.flow.model_dump(exclude={"layers", "source"}), params.seed, params.precision]
    files = [artifacts.points_file(), *sources("train_planar")]
    checkpoint = Checkpoint.of(f"planar-{layers}", fingerprint(settings, files))
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
def realnvp(name: str) -> None:
    """Train the run NAME of params.yaml's section `realnvp`; killed and started again, it goes on."""
    import torch

    from regen.artifacts.datasets import read_dataset
    from regen.realnvp.networks import build_realnvp
    from regen.realnvp.training import RealNvpLearner, summary
    from regen.training.device import autocast, set_up
    from regen.training.environment import timing
    from regen.training.loop import Plan, fit

    params = read_params()
    run = params.realnvp_run(name)
    device = set_up(params.device, params.precision)
    data_file = artifacts.dataset_file(run.data)
    splits = read_dataset(data_file).splits
    train, valid, test = (splits[split].pixels.flatten(1).to(device) for split in ("train", "valid", "test"))

    torch.manual_seed(params.seed)
    flow = build_realnvp(name, run, tuple(splits["train"].pixels.shape[1:])).to(device)
    learner = RealNvpLearner(flow, run, valid, autocast(params.precision, device))
    settings = [run.model_dump(), params.seed, str(device), params.precision]
    checkpoint = Checkpoint.of(name, fingerprint(settings, [data_file, *sources("train_realnvp")]))
    plan = Plan(
        name,
        run.epochs,
        run.batch_size,
        run.learning_rate,
        params.seed,
        params.training.checkpoint_every,
        tuple(run.shown_epochs),
    )
    fitted = fit(learner, train, plan, checkpoint)

    artifacts.write_tensors(artifacts.weights_file(name, params.seed), flow.state_dict())
    artifacts.write_snapshots(artifacts.snapshots_file(name), fitted.snapshots)
    artifacts.write_csv(artifacts.history_file(name), fitted.table)
    artifacts.write_metrics(artifacts.scores_file(name, "training"), summary(flow, fitted, test, params.seed))
    images = len(fitted.history) * len(train)
    artifacts.write_metrics(
        artifacts.timing_file(name), timing(fitted.seconds, images // run.batch_size, images, device)
    )
    checkpoint.remove()


if __name__ == "__main__":
    stage.run_app(app)
