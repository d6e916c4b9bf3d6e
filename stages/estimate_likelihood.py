"""Score one VAE on the test images, once for each of its seeds: python stages/estimate_likelihood.py l100.

The bound, reconstructions and codes of every VAE; a walk between two classes where there are labels; log p(x)
where a Bernoulli likelihood is one of its data.
"""

from regen import artifacts, stage
from regen.artifacts.datasets import read_dataset
from regen.likelihood import importance, scores
from regen.likelihood.interpolation import can_walk, largest_step
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
    test = read_dataset(artifacts.dataset_file(run.data)).splits["test"]
    pixels = observations(test, run.binarize).to(device)

    settings = params.likelihood
    scored, estimates, steps = {}, {}, []
    for seed in params.seeds_of(name):
        weights = artifacts.weights_file(name, seed)
        vae = place(load_vae(run, tuple(test.pixels.shape[1:]), weights), device)
        scored[seed] = scores.score(vae, pixels, seed)
        if can_walk(test.labels):
            steps.append(largest_step(vae, pixels, test.labels))
        if run.sees_binary:
            estimates[seed] = importance.estimate(
                vae, pixels, settings.importance_samples, settings.max_memory, seed
            )

    tensors = scores.tensors(scored)
    table, metrics = scores.by_seed(scored), scores.summary(scored)
    if steps:
        table["largest_step"] = steps
        metrics["largest_step"] = artifacts.metric(float(table["largest_step"].mean(skipna=False)))
    if estimates:
        tensors |= importance.tensors(estimates)
        table = table.merge(importance.by_seed(estimates), on="seed")
        metrics |= importance.summary(estimates, settings.importance_samples)
        metrics |= scores.gap(scored, estimates)
    artifacts.write_tensors(artifacts.likelihoods_file(name), tensors)
    artifacts.write_csv(artifacts.seeds_file(name), table)
    artifacts.write_metrics(artifacts.scores_file(name, "likelihood"), metrics)


if __name__ == "__main__":
    stage.run(estimate_likelihood)
