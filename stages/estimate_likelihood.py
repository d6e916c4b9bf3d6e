"""Estimate log p(x) of the test images under one VAE, once for each of its seeds.

python stages/estimate_likelihood.py l100
"""

from regen import artifacts, stage
from regen.data.images import read_dataset
from regen.params import read_params
from regen.training.device import autocast, select_device
from regen.vae.likelihood import by_seed, estimate, stack, summary
from regen.vae.networks import load_vae
from regen.vae.observations import observations


def estimate_likelihood(name: str) -> None:
    """Estimate the test log-likelihood of the run NAME of params.yaml's section `vae`."""
    params = read_params()
    run = params.vae_run(name)
    device = select_device(params.device)
    autocast("float32", device)  # weights span hundreds of nats: the estimate is never made in less
    test = read_dataset(artifacts.dataset_file(run.data)).splits["test"]
    pixels = observations(test, run.binarize).to(device)

    settings = params.likelihood
    results = {}
    for seed in params.vae_seeds(name):
        vae = load_vae(run, tuple(test.pixels.shape[1:]), artifacts.weights_file(name, seed)).to(device)
        results[seed] = estimate(vae, pixels, settings.importance_samples, settings.max_memory, seed)

    artifacts.write_tensors(
        artifacts.likelihoods_file(name), {term: stack(results, term) for term in ("log_p", "elbo", "ess")}
    )
    artifacts.write_csv(artifacts.seeds_file(name), by_seed(results))
    artifacts.write_metrics(
        artifacts.scores_file(name, "likelihood"), summary(results, settings.importance_samples)
    )


if __name__ == "__main__":
    stage.run(estimate_likelihood)
