"""Estimate log p(x) of the test images under one trained VAE: python stages/estimate_likelihood.py l100."""

from regen import artifacts, stage
from regen.data.images import read_dataset
from regen.params import read_params
from regen.training.device import autocast, select_device
from regen.vae.likelihood import estimate, summary
from regen.vae.networks import load_vae
from regen.vae.observations import observations


def estimate_likelihood(name: str) -> None:
    """Estimate the test log-likelihood of the run NAME of params.yaml's section `vae`."""
    params = read_params()
    run = params.vae_run(name)
    device = select_device(params.device)
    autocast("float32", device)  # weights span hundreds of nats: the estimate is never made in less
    test = read_dataset(artifacts.dataset_file(run.data)).splits["test"]
    vae = load_vae(run, test.pixels.shape[1:], artifacts.weights_file(name)).to(device)
    pixels = observations(test, run.binarize).to(device)

    settings = params.likelihood
    result = estimate(vae, pixels, settings.importance_samples, settings.max_memory, params.seed)

    artifacts.write_tensors(
        artifacts.likelihoods_file(name), {"log_p": result.log_p, "elbo": result.elbo, "ess": result.ess}
    )
    artifacts.write_metrics(
        artifacts.scores_file(name, "likelihood"), summary(result, settings.importance_samples)
    )


if __name__ == "__main__":
    stage.run(estimate_likelihood)
