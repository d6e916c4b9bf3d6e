"""Score one VAE on the test images, once for each of its seeds: python stages/estimate_likelihood.py l100."""

from regen import artifacts, stage
from regen.likelihood.measure import measure
from regen.params import read_params
from regen.training.device import exact, place, set_up
from regen.vae.networks import load_vae
from regen.vae.observations import observations


def estimate_likelihood(name: str) -> None:
    """Score the run NAME of params.yaml's section `vae` on the test images."""
    params = read_params()
    run = params.vae_run(name)
    # weights span hundreds of nats: the estimate is never made in less than float32
    device = set_up(params.device, exact(params.precision))
    test = artifacts.read_dataset(artifacts.dataset_file(run.data)).splits["test"]
    pixels, shape = observations(test, run.binarize).to(device), tuple(test.pixels.shape[1:])
    files = ((seed, artifacts.weights_file(name, seed)) for seed in params.seeds_of(name))
    vaes = ((seed, place(load_vae(run, shape, file), device)) for seed, file in files)
    found = measure(vaes, pixels, test.labels, run.sees_binary, params.likelihood)
    # in float32: the last bits of float64 depend on the processor and the number of threads
    tensors = {key: each.float() if each.is_floating_point() else each for key, each in found.tensors.items()}
    artifacts.write_tensors(artifacts.likelihoods_file(name), tensors)
    artifacts.write_csv(artifacts.seeds_file(name), found.table)
    artifacts.write_metrics(artifacts.scores_file(name, "likelihood"), found.metrics)


if __name__ == "__main__":
    stage.run(estimate_likelihood)
