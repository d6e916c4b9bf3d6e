"""Time planar flows and RealNVP against plain loops as a course's code writes them.

python -m benchmarks.flow
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.timing import HEADING, Timing, compare, wait
from regen.bijections import dequantise
from regen.params import Params, RealNvpRun, read_params
from regen.planar.flows import Run, runs_of, train
from regen.planar.targets import TARGETS, generate
from regen.realnvp.networks import build_realnvp, checkerboard
from regen.realnvp.training import RealNvpLearner
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast, select_device

ITERATIONS = {2: 2000, 8: 2000, 32: 1000}
"""Iterations that ours is timed on, by k; their times are scaled to what is asked for."""
PLAIN_ITERATIONS = 60
IMAGES, MEASURED, PLAIN_MEASURED = 55_000, 1280, 640
"""Images of an epoch of MNIST, and those that are timed."""


class PlanarLayer(nn.Module):
    """One planar map, as a course's code writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.u = nn.Parameter(0.01 * torch.randn(1, 2))
        self.w = nn.Parameter(0.01 * torch.randn(1, 2))
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the points (B, 2) and log|det J| (B,)."""
        wu = (self.w @ self.u.t()).squeeze()
        u: Tensor = self.u
        if wu < -1:
            u = u + (torch.log1p(wu.exp()) - 1 - wu) * self.w / (self.w**2).sum()
        h = torch.tanh(z @ self.w.t() + self.b)
        psi = (1 - h**2) * self.w
        return z + u * h, torch.log(torch.abs(1 + psi @ u.t())).squeeze(-1)


def train_plainly(run: Run, points: dict[str, Tensor], iterations: int) -> None:
    """Train one run, one layer after another."""
    layers = nn.ModuleList(PlanarLayer() for _ in range(run.layers))
    optimizer = torch.optim.RMSprop(layers.parameters(), lr=5e-4)
    data = points[run.target]
    for _ in range(iterations):
        x = data[torch.randint(len(data), (128,))] if run.source == "samples" else torch.randn(128, 2)
        z, ladj = x, torch.zeros(len(x))
        for layer in layers:
            z, change = layer(z)
            ladj = ladj + change
        if run.source == "samples":
            loss = (0.5 * (z**2).sum(-1) + math.log(2 * math.pi) - ladj).mean()
        else:
            log_q = -0.5 * (x**2).sum(-1) - math.log(2 * math.pi) - ladj
            loss = (log_q - TARGETS[run.target].log_density(z[:, 0], z[:, 1])).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()


def train_ours(layers: int, iterations: int, points: dict[str, Tensor], params: Params) -> None:
    """Train the four runs of `layers` maps and one seed side by side, checkpoints included."""
    settings = params.flow.model_copy(update={"iterations": iterations})
    with tempfile.TemporaryDirectory() as folder:
        train(runs_of(layers, range(1, 2)), points, settings, Checkpoint(Path(folder)))


def time_iterations(points: dict[str, Tensor], params: Params) -> list[Timing]:
    """Time one iteration: ours of four runs together, the plain loop's of one alone."""
    return [
        compare(
            f"planar flows, k={k}: an iteration (ours: 4 runs, plain: 1)",
            lambda k=k: train_ours(k, ITERATIONS[k], points, params),  # type: ignore[misc]
            lambda k=k: train_plainly(Run("arcs", "samples", k, 1), points, PLAIN_ITERATIONS),  # type: ignore[misc]
            target="2 ms" if k == 32 else "",
            part=ITERATIONS[k],
            plain_part=PLAIN_ITERATIONS,
        )
        for k in ITERATIONS
    ]


def time_all(points: dict[str, Tensor], params: Params) -> Timing:
    """Time the twelve runs of one seed at full length: ours by a tenth of it."""
    length, tenth, few = params.flow.iterations, params.flow.iterations // 10, 20

    def ours() -> None:
        for k in ITERATIONS:
            train_ours(k, tenth, points, params)

    def plain() -> None:
        for k in ITERATIONS:
            for run in runs_of(k, range(1, 2)):
                train_plainly(run, points, few)

    what = f"the 12 planar runs, {length:,} iterations, 1 seed (timed on a tenth)"
    return compare(what, ours, plain, target="75 s", repeats=3, part=tenth / length, plain_part=few / length)


class PlainCoupling(nn.Module):
    """An affine coupling, as a course's code writes it: the network sees and gives whole images."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask.float())
        self.nn = nn.Sequential(
            nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 2 * 784)
        )
        for parameter in self.nn[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, z: Tensor, ldj: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images (N, 784) and the log-determinants (N,)."""
        log_scale, shift = self.nn(z * self.mask).chunk(2, dim=1)
        log_scale = torch.tanh(log_scale)
        z = z * self.mask + (1 - self.mask) * (z * torch.exp(log_scale) + shift)
        return z, ldj + ((1 - self.mask) * log_scale).sum(1)


def train_realnvp_plainly(pixels: Tensor, run: RealNvpRun) -> None:
    """Train on `pixels` once, in batches."""
    mask = checkerboard((1, 28, 28))
    flow = nn.ModuleList(PlainCoupling(mask if i % 2 == 0 else ~mask) for i in range(run.couplings)).to(
        pixels.device
    )
    optimizer = torch.optim.Adam(flow.parameters(), lr=run.learning_rate)
    for batch in pixels.split(run.batch_size):
        z, ldj = dequantise(batch, torch.rand(batch.shape, device=batch.device))
        z = z * (1 - run.alpha) + run.alpha / 2
        ldj = ldj - (torch.log(z) + torch.log(1 - z)).sum(1)
        z = torch.log(z) - torch.log(1 - z)
        for coupling in flow:
            z, ldj = coupling(z, ldj)
        loss = -((-0.5 * z**2 - 0.5 * math.log(2 * math.pi)).sum(1) + ldj).mean() / (784 * math.log(2))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), run.clip_norm)
        optimizer.step()
        loss.item()


def realnvp_epoch(run: RealNvpRun, images: int, device: torch.device, precision: str) -> Callable[[], None]:
    """Return what takes the steps of an epoch on so many images; a checkpoint takes a second more."""
    pixels = torch.randint(256, (images, 784), dtype=torch.uint8).to(device)
    flow = build_realnvp("realnvp_mnist", run, (1, 28, 28)).to(device)
    learner = RealNvpLearner(flow, run, pixels[:10], autocast(precision, device))

    def ours() -> None:
        for batch in pixels.split(run.batch_size):
            learner.step(batch)
        wait(device)

    return ours


def time_realnvp(params: Params) -> Timing:
    """Time one epoch of `realnvp_mnist` by a part of its steps."""
    run = params.realnvp_run("realnvp_mnist")
    device = select_device(params.device, params.precision)
    pixels = torch.randint(256, (PLAIN_MEASURED, 784), dtype=torch.uint8).to(device)
    return compare(
        f"`realnvp_mnist`, one epoch on {IMAGES:,} images (timed on {MEASURED:,})",
        realnvp_epoch(run, MEASURED, device, params.precision),
        lambda: train_realnvp_plainly(pixels, run),
        target="ratio 1.5",
        repeats=5,
        part=MEASURED / IMAGES,
        plain_part=PLAIN_MEASURED / IMAGES,
    )


def measure() -> list[Timing]:
    """Return all timings, with the settings of the paper profile."""
    params = read_params(Path(__file__).parent.parent / "profiles" / "paper.yaml")
    points = generate(params.seed)
    return [*time_iterations(points, params), time_all(points, params), time_realnvp(params)]


if __name__ == "__main__":
    print(HEADING)
    for timing in measure():
        print(timing.row(), flush=True)
