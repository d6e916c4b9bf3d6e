"""Training of a VAE: the learner, a run with one seed, and the metrics of a finished run."""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor
from torch.optim import Adam

from regen.artifacts import metric
from regen.params import VaeRun
from regen.training.device import place
from regen.training.grid import on_grid
from regen.training.loop import Stateful
from regen.training.modes import evaluating
from regen.training.runs import Job, Trained
from regen.training.schedule import Passes
from regen.vae.elbo import Elbo, elbo
from regen.vae.networks import VAE, build_vae
from regen.vae.observations import scale, to_pixels

EVALUATION_BATCH = 1000
SNAPSHOT_IMAGES = 64


class VaeLearner:
    """Adam on the negative ELBO, with the bound on validation images after each epoch."""

    terms: tuple[str, ...] = ("negative_elbo", "reconstruction", "kl")

    def __init__(self, vae: VAE, run: VaeRun, valid: Tensor, autocast: torch.autocast) -> None:
        self.vae = vae
        self.rates = {"learning_rate": run.learning_rate}
        generator = torch.Generator().manual_seed(0)  # the codes of what is shown, alike in all runs
        self.codes = torch.randn(SNAPSHOT_IMAGES, vae.latent, generator=generator).to(valid.device)
        self.optimizer = on_grid(Adam(vae.parameters(), lr=run.learning_rate, fused=True), vae)
        self.valid = valid
        self.autocast = autocast

    def stateful(self) -> dict[str, Stateful]:
        """The model and the optimiser."""
        return {"vae": self.vae, "optimizer": self.optimizer}

    def step(self, batch: Tensor) -> Tensor:
        """Take one step on `batch` (N, D) uint8; return the means of the terms, (3,) nats per image."""
        self.optimizer.zero_grad()
        with self.autocast:
            terms = mean_terms(elbo(self.vae, scale(batch)))
        terms[0].backward()
        self.optimizer.step()
        return terms.detach()

    def validate(self) -> dict[str, float]:
        """Terms of the validation images, in nats an image."""
        return dict(zip(self.terms, evaluate(self.vae, self.valid).tolist(), strict=True))

    def evaluated(self) -> VAE:
        """The model itself."""
        return self.vae

    @torch.no_grad()
    def snapshot(self, model: VAE) -> Tensor:
        """Means of p(x|z) for the same z at every call, as images (N, C, H, W) uint8."""
        with evaluating(model):
            means = model.decode(self.codes).sigmoid()
        return to_pixels(means).unflatten(-1, model.shape)


def train(
    run: VaeRun, shape: tuple[int, ...], images: Tensor, valid: Tensor, job: Job
) -> Trained[VaeLearner]:
    """Train `run` on `images` (N, D) uint8 of `shape` (C, H, W), from weights by torch's stream as it is."""
    vae = place(build_vae(run, shape), job.device)
    passes = Passes(images, run.batch_size)
    schedule = job.by_epochs(run.epochs, passes, shown=run.shown_epochs)
    return job.fit(VaeLearner(vae, run, valid, job.autocast), passes, schedule)


def mean_terms(bound: Elbo) -> Tensor:
    """Means of -ELBO, reconstruction error and KL, (3,) nats per image."""
    log_likelihood, kl = torch.stack([bound.log_likelihood, bound.kl]).mean(-1)
    return torch.stack([kl - log_likelihood, -log_likelihood, kl])


@torch.no_grad()
def evaluate(vae: VAE, pixels: Tensor) -> Tensor:
    """Terms of `mean_terms` over all `pixels` (N, D) uint8, with one sample of z per image."""
    batches = pixels.split(EVALUATION_BATCH)
    with evaluating(vae):
        sums = [mean_terms(elbo(vae, scale(batch))).cpu().double() * len(batch) for batch in batches]
    return torch.stack(sums).sum(0) / len(pixels)


def summary(vae: VAE, history: pd.DataFrame) -> dict[str, float | int | str]:
    """Metrics of a finished run: the terms after the last epoch, and the number of parameters.

    `history` has one row per seed and epoch. With several seeds the terms are means, and their standard
    deviations are included.
    """
    last = history.groupby("seed").tail(1).set_index("seed")  # last() would skip NaN
    terms = [str(name) for name in last.columns if name != "epoch"]
    scores = {name: metric(float(last[name].mean(skipna=False))) for name in terms}
    if len(last) > 1:
        scores |= {f"{name}_deviation": metric(float(last[name].std(skipna=False))) for name in terms}
    parameters = sum(p.numel() for p in vae.parameters())
    return {"epochs": int(last["epoch"].max()), "seeds": len(last), "parameters": parameters, **scores}
