"""Time one epoch of `l100` and its log-likelihood against plain loops as a course's code writes them.

    python -m benchmarks.vae

The images are random with the density of MNIST's ink: the time does not depend on what they show.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal
from torch.utils.data import DataLoader, TensorDataset

from benchmarks import memory
from benchmarks.timing import HEADING, Timing, compare
from regen.likelihood.importance import estimate
from regen.params import Params, VaeRun, read_params
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast, select_device
from regen.training.loop import fit
from regen.training.schedule import Passes, Schedule
from regen.vae.networks import VAE, build_vae
from regen.vae.training import VaeLearner

TRAIN, TEST, K = 50_000, 10_000, 200
MEASURED_TEST, PLAIN_TEST = 2_000, 250
"""Images that the timed estimates take; their times are scaled to TEST, as each image costs the same."""


def ink(images: int) -> Tensor:
    """Return random binary images (N, 784) uint8, 13 % of the pixels 255."""
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(images, 784, generator=generator) < 0.13).to(torch.uint8) * 255


class PlainVAE(nn.Module):
    """The course's VAE: encoder and decoder of three layers each, logits shifted by -5."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(784, 300), nn.ELU(), nn.Linear(300, 300), nn.ELU(), nn.Linear(300, 200)
        )
        self.decoder = nn.Sequential(
            nn.Linear(100, 300), nn.ELU(), nn.Linear(300, 300), nn.ELU(), nn.Linear(300, 784)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, mean and log-variance."""
        mu, logvar = self.encoder(x).chunk(2, dim=-1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decoder(z) - 5, mu, logvar


def train_plainly(pixels: Tensor, run: VaeRun) -> None:
    """One epoch: a DataLoader of floats, Adam as it comes, the loss read at every step."""
    model = PlainVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=run.learning_rate)
    loader = DataLoader(TensorDataset(pixels / 255), batch_size=run.batch_size, shuffle=True)
    total = 0.0
    for (x,) in loader:
        optimizer.zero_grad()
        logits, mu, logvar = model(x)
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(-1)
        loss = (reconstruction + kl).mean()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)


@torch.no_grad()
def estimate_plainly(pixels: Tensor, importance_samples: int) -> float:
    """Return the mean of log p(x), one image after another, with torch's distributions."""
    model = PlainVAE()
    total = 0.0
    for x in pixels / 255:
        mu, logvar = model.encoder(x[None]).chunk(2, dim=-1)
        q = Normal(mu, torch.exp(0.5 * logvar))
        z = q.sample((importance_samples,))[:, 0]
        log_px = Bernoulli(logits=model.decoder(z) - 5).log_prob(x).sum(-1)
        log_pz = Normal(0.0, 1.0).log_prob(z).sum(-1)
        log_w = log_px + log_pz - q.log_prob(z).sum(-1)
        total += float(torch.logsumexp(log_w, 0)) - math.log(importance_samples)
    return total / len(pixels)


def epoch(run: VaeRun, vae: VAE, images: int) -> Callable[[], None]:
    """Return what trains for an epoch: shuffling, all steps, the bookkeeping, and a checkpoint."""
    device = next(vae.parameters()).device
    train, valid = ink(images).to(device), ink(10).to(device)
    passes = Passes(train, run.batch_size)
    schedule = Schedule.by_epochs("l100", 1, 1, passes.sizes, save_every=1)

    def ours() -> None:
        learner = VaeLearner(vae, run, valid, autocast("auto", device))
        with tempfile.TemporaryDirectory() as folder:
            fit(learner, passes, schedule, Checkpoint(Path(folder)))

    return ours


def time_epoch(run: VaeRun, vae: VAE) -> Timing:
    """Time one epoch of 50,000 images."""
    pixels = ink(TRAIN)
    what = "`l100`, one epoch on 50,000 images"
    return compare(what, epoch(run, vae, TRAIN), lambda: train_plainly(pixels, run), target="3 s")


def peak_memory() -> float:
    """Return the peak memory in GB of a process of its own that estimates log p(x) of all TEST images."""
    command = [sys.executable, "-m", "benchmarks.vae", "--memory"]
    root = Path(__file__).parent.parent
    return float(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)


def print_peak_memory() -> None:
    """Print this process's peak memory in GB after the estimate of all TEST images."""
    params, _, vae = subject()
    estimate(vae, ink(TEST).to(next(vae.parameters()).device), K, params.likelihood.max_memory, 1)
    print(memory.peak())


def time_likelihood(vae: VAE, max_memory: int) -> Timing:
    """Time log p(x) of 10,000 images with K = 200."""
    peak = peak_memory()
    pixels = ink(MEASURED_TEST).to(next(vae.parameters()).device)
    few = ink(PLAIN_TEST)
    return compare(
        f"log-likelihood of 10,000 images, K={K} (timed on {MEASURED_TEST:,}); peak memory {peak:.2f} GB",
        lambda: estimate(vae, pixels, K, max_memory, 1),
        lambda: estimate_plainly(few, K),
        target="15 s",
        part=MEASURED_TEST / TEST,
        plain_part=PLAIN_TEST / TEST,
    )


def subject() -> tuple[Params, VaeRun, VAE]:
    """Return the paper profile, its run `l100`, and the freshly initialised model."""
    params = read_params(Path(__file__).parent.parent / "profiles" / "paper.yaml")
    run = params.vae_run("l100")
    torch.manual_seed(1)
    return params, run, build_vae(run, (1, 28, 28)).to(select_device(params.device, params.precision))


def measure() -> list[Timing]:
    """Return both timings, with `l100` as the paper profile has it."""
    params, run, vae = subject()
    return [time_epoch(run, vae), time_likelihood(vae, params.likelihood.max_memory)]


if __name__ == "__main__":
    if "--memory" in sys.argv:
        print_peak_memory()
    else:
        print("\n".join([HEADING, *(timing.row() for timing in measure())]))
