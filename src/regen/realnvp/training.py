"""Training of a RealNVP: the learner, a run with one seed, and the metrics of the finished flow."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor
from torch.optim import Adam

from regen.artifacts import at_most, metric
from regen.params import RealNvpRun
from regen.realnvp.networks import RealNVP, build_realnvp
from regen.training.grid import on_grid
from regen.training.loop import Stateful
from regen.training.runs import Job, Trained, last_metrics
from regen.training.schedule import Passes

EVALUATION_BATCH = 1000
SNAPSHOT_IMAGES = 64


class RealNvpLearner:
    """Adam on bits per dimension, the gradient's norm clipped, and the validation images' bits."""

    terms: tuple[str, ...] = ("bits_per_dimension",)

    def __init__(self, flow: RealNVP, run: RealNvpRun, valid: Tensor, autocast: torch.autocast) -> None:
        self.flow = flow
        self.run = run
        self.rates = {"learning_rate": run.learning_rate}
        self.optimizer = on_grid(Adam(flow.parameters(), lr=run.learning_rate, fused=True), flow)
        self.valid = valid
        self.autocast = autocast
        generator = torch.Generator().manual_seed(0)  # the noise of what is shown, alike in all runs
        noise = torch.randn(SNAPSHOT_IMAGES, math.prod(flow.shape), generator=generator)
        self.noise = noise.to(valid.device)

    def stateful(self) -> dict[str, Stateful]:
        """The flow and the optimiser."""
        return {"flow": self.flow, "optimizer": self.optimizer}

    def step(self, batch: Tensor) -> Tensor:
        """Take one step on `batch` (N, D) uint8; return its mean bits per dimension (1,)."""
        self.optimizer.zero_grad()
        noise = torch.rand(batch.shape, device=batch.device)
        with self.autocast:
            loss = self.flow.bits_per_dimension(batch, noise).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.flow.parameters(), self.run.clip_norm)
        self.optimizer.step()
        return loss.detach()[None]

    def validate(self) -> dict[str, float]:
        """Mean bits per dimension of the validation images."""
        return {"bits_per_dimension": float(bits(self.flow, self.valid).mean())}

    def evaluated(self) -> RealNVP:
        """The flow itself."""
        return self.flow

    @torch.no_grad()
    def snapshot(self, model: RealNVP) -> Tensor:
        """Images (N, C, H, W) uint8 of the same z at every call, at the run's temperature."""
        return model.sample(self.noise, self.run.temperature)


def train(
    run: RealNvpRun, shape: tuple[int, ...], images: Tensor, valid: Tensor, job: Job
) -> Trained[RealNvpLearner]:
    """Train `run` on `images` (N, D) uint8 of `shape` (C, H, W), from weights by torch's stream as it is."""
    flow = build_realnvp(job.name, run, shape).to(job.device)
    passes = Passes(images, run.batch_size)
    schedule = job.by_epochs(run.epochs, passes, shown=run.shown_epochs)
    return job.fit(RealNvpLearner(flow, run, valid, job.autocast), passes, schedule)


def _dequantised(pixels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of `pixels` (N, D), each with uniform noise from torch's global generator."""
    for batch in pixels.split(EVALUATION_BATCH):
        yield batch, torch.rand(batch.shape, device=batch.device)


@torch.no_grad()
def bits(flow: RealNVP, pixels: Tensor) -> Tensor:
    """Bits per dimension of each of `pixels` (N, D) uint8: (N,) float64."""
    return torch.cat([flow.bits_per_dimension(*batch).cpu().double() for batch in _dequantised(pixels)])


@torch.no_grad()
def reconstruction_error(flow: RealNVP, pixels: Tensor) -> float:
    """Largest |decode(encode(x)) - x| over `pixels` (N, D) dequantised to x, in grey levels (1/256)."""
    errors = [
        (flow.decode(flow.encode(batch, noise).z) * 256 - (batch + noise)).abs().max()
        for batch, noise in _dequantised(pixels)
    ]
    return float(torch.stack(errors).max())


def summary(flow: RealNVP, history: pd.DataFrame, test: Tensor, seed: int) -> dict[str, float | int | str]:
    """Metrics of a finished run: its last epoch's terms, and the scores of the test images."""
    torch.manual_seed(seed)
    test_bits = bits(flow, test)
    return {
        "epochs": len(history),
        "parameters": sum(p.numel() for p in flow.parameters()),
        **last_metrics(history),
        "test_images": len(test),
        "test_bits_per_dimension": metric(float(test_bits.mean())),
        "test_bits_standard_error": metric(float(test_bits.std() / math.sqrt(len(test)))),
        "reconstruction_error": metric(at_most(reconstruction_error(flow, test))),
    }
