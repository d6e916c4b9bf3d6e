"""Time a step of the residual GAN against a plain loop as a course's code writes it.

    python -m benchmarks.gan

The images are random: the time does not depend on what they show. Where there is a CUDA device the
protocol's width is timed beside the quick profile's; where the processor has bfloat16, the width of
profiles/cpu.yaml, against the plain loop under autocast.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import flop_registry

from benchmarks.timing import HEADING, Timing, compare, wait
from regen.gan.learner import GanLearner
from regen.gan.networks import build_critic, build_generator
from regen.params.gan import GanRun, ResidualRun
from regen.training.device import autocast, has_bfloat16, place, select_device, set_precision
from regen.training.graphs import Recorded
from regen.training.schedule import Passes

SHAPE, IMAGES = (3, 32, 32), 5188
STEPS = {16: 10, 32: 5, 128: 200}
"""Steps of the generator that are timed, by width."""
TARGETS = {
    (32, "none"): "ratio 1.5",
    (32, "r1"): "ratio 1.5",
    (128, "none"): "400 steps/s",
    (128, "r1"): "250 steps/s",
}
"""By width and penalty; 128 is timed on CUDA only, 32 where the CPU has bfloat16."""
SIDE = {"cpu": 1024, "cuda": 8192}
"""Of the square matrices whose product gives the device's rate."""


def run_of(width: int, **changes: object) -> ResidualRun:
    """Return `cifar10_jsd_1` with some keys changed."""
    settings = {
        "data": "digits_color",
        "networks": "residual",
        "latent": 100,
        "width": width,
        "slope": 0.2,
        "loss": "jsd",
        "critic_steps": 2,
        "batch_size": 64,
        "betas": [0.0, 0.99],
        "generator_learning_rate": 2e-4,
        "critic_learning_rate": 4e-4,
        "critic_weight_decay": 1e-6,
        "ema": 0.998,
        "steps": 1000,
        "shown": [0],
        "evaluate_every": 0,
        "statistics_batches": 0,
    }
    return ResidualRun.model_validate(settings | changes)


class PlainBlock(nn.Module):
    """A residual block with a learnt gate, as a course's code writes it."""

    def __init__(self, f: nn.Module) -> None:
        super().__init__()
        self.f = f
        self.a = nn.Parameter(torch.tensor(-3.0))

    def forward(self, x: Tensor) -> Tensor:
        """Return (1 - s(a)) x + s(a) f(x)."""
        return (1 - torch.sigmoid(self.a)) * x + torch.sigmoid(self.a) * self.f(x)


def plain_generator(width: int) -> nn.Module:
    """Return the protocol's generator."""
    layers: list[nn.Module] = [nn.ConvTranspose2d(100, 4 * width, 4)]
    for d in (4 * width, 2 * width, width):
        f = nn.Sequential(
            nn.Conv2d(d, d, 3, padding=1), nn.BatchNorm2d(d), nn.ReLU(),
            nn.Conv2d(d, d, 1), nn.BatchNorm2d(d), nn.ReLU(),
        )  # fmt: skip
        out = d // 2 if d > width else 3
        layers += [nn.BatchNorm2d(d), nn.ReLU(), PlainBlock(f), nn.ConvTranspose2d(d, out, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


def plain_critic(width: int) -> nn.Module:
    """Return the protocol's critic."""
    layers: list[nn.Module] = []
    for inputs, d in ((3, width), (width, 2 * width), (2 * width, 4 * width)):
        f = nn.Sequential(
            nn.Conv2d(d, d, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(d, d, 1), nn.LeakyReLU(0.2)
        )
        layers += [nn.Conv2d(inputs, d, 4, 2, 1), nn.LeakyReLU(0.2), PlainBlock(f)]
    return nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 4))


class PlainTrainer:
    """Floats from a DataLoader in float32, a graph for each network's call, losses read at every step."""

    def __init__(self, run: ResidualRun, pixels: Tensor, device: torch.device) -> None:
        self.run, self.device = run, device
        self.generator, self.critic = (make(run.width).to(device) for make in (plain_generator, plain_critic))
        self.ema = plain_generator(run.width).to(device)
        self.opt_g = torch.optim.Adam(self.generator.parameters(), lr=2e-4, betas=(0.0, 0.99))
        self.opt_c = torch.optim.Adam(self.critic.parameters(), lr=4e-4, betas=(0.0, 0.99), weight_decay=1e-6)
        images = TensorDataset(pixels / 127.5 - 1)
        self.loader = DataLoader(images, batch_size=run.batch_size, shuffle=True, drop_last=True)
        self.batches: Iterator[list[Tensor]] = iter(self.loader)

    def _real(self) -> Tensor:
        try:
            return next(self.batches)[0].to(self.device)
        except StopIteration:
            self.batches = iter(self.loader)
            return next(self.batches)[0].to(self.device)

    def _fake(self) -> Tensor:
        fake: Tensor = self.generator(torch.randn(self.run.batch_size, 100, 1, 1, device=self.device))
        return fake

    def step(self) -> None:
        """Take two steps of the critic and one of the generator."""
        for _ in range(2):
            real, fake = self._real(), self._fake().detach()
            p, q = self.critic(real), self.critic(fake)
            metric = 0.5 * (logsigmoid(p).mean() + logsigmoid(-q).mean() + math.log(4))
            loss = -metric
            if self.run.penalty == "r1":
                x = real.clone().requires_grad_(True)
                gradient = torch.autograd.grad(self.critic(x).sum(), x, create_graph=True)[0]
                loss = loss + gradient.square().sum((1, 2, 3)).mean()
            self.opt_c.zero_grad()
            loss.backward()
            self.opt_c.step()
            metric.item()
        loss = 0.5 * logsigmoid(-self.critic(self._fake())).mean()
        self.opt_g.zero_grad()
        loss.backward()
        self.opt_g.step()
        loss.item()
        with torch.no_grad():
            for old, new in zip(self.ema.parameters(), self.generator.parameters(), strict=True):
                old.mul_(0.998).add_(0.002 * new)


class Operations(TorchDispatchMode):
    """Counts floating-point operations of products and convolutions, by torch's own formulas.

    FlopCounterMode, which has them too, follows modules, and cannot follow R1's gradient at the images.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do what is asked for, and count it."""
        out = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func.overloadpacket):
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


class Ours:
    """The learner and its batches, as training drives them; its steps are `recorded` on CUDA only."""

    def __init__(
        self, run: GanRun, pixels: Tensor, device: torch.device, precision: str, recorded: bool = True
    ) -> None:
        shape = tuple(pixels.shape[1:])
        generator, critic = (place(build(run, shape), device) for build in (build_generator, build_critic))
        self.learner = GanLearner(run, generator, critic, autocast(precision, device))
        recorded = recorded and device.type == "cuda"
        self.take = Recorded(self.learner.step) if recorded else self.learner.step
        self.passes = Passes(pixels.to(device), run.batch_size * run.critic_steps, drop_last=True)

    def step(self) -> Tensor:
        """Take one step; return its terms, which the next one may overwrite."""
        return self.take(self.passes.next())

    def operations(self) -> int:
        """Return the floating-point operations of one step's convolutions."""
        with Operations() as counter:
            self.learner.step(self.passes.next())
        return counter.total


def repeated(step: Callable[[], object], steps: int, device: torch.device) -> Callable[[], None]:
    """Return what takes `steps` steps and waits for the last."""

    def many() -> None:
        for _ in range(steps):
            step()
        wait(device)

    return many


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Return the floating-point operations a second of a large matrix product: the best of five."""
    side = SIDE[device.type]
    a = torch.randn(side, side, device=device, dtype=dtype)
    best = math.inf
    for _ in range(6):  # the first one warms up
        wait(device)
        began = time.perf_counter()
        a @ a
        wait(device)
        best = min(best, time.perf_counter() - began)
    return 2 * side**3 / best


def time_step(width: int, precision: str, penalty: str, device: torch.device) -> Timing:
    """Time a step of the generator, with the two of the critic that go before it.

    The plain loop computes in float32, on a CPU under autocast where `precision` is bfloat16.
    """
    run = run_of(width, penalty=penalty, penalty_coefficient=float(penalty != "none"))
    pixels = torch.randint(256, (IMAGES, *SHAPE), dtype=torch.uint8)
    torch.manual_seed(0)
    plain = PlainTrainer(run, pixels, device)
    ours = Ours(run, pixels, device, "auto")
    operations = ours.operations()
    steps = STEPS[width]

    def plain_steps() -> None:
        set_precision("float32", device)
        with autocast(precision if device.type == "cpu" else "float32", device):
            repeated(plain.step, steps, device)()

    def our_steps() -> None:
        set_precision(precision, device)
        ours.learner.autocast = autocast(precision, device)
        repeated(ours.step, steps, device)()

    plain_steps()
    our_steps()  # and records them, on CUDA
    timing = compare(
        "",
        our_steps,
        plain_steps,
        target=TARGETS.get((width, penalty), "ratio 1.3"),
        repeats=5,
        part=steps,
        plain_part=steps,
    )
    set_precision(precision, device)  # the plain loop came last, without tf32
    rate = matrix_rate(device, torch.bfloat16 if precision == "bfloat16" else torch.float32)
    share = operations / timing.seconds / rate
    what = (
        f"a step of jsd{'' if penalty == 'none' else f', {penalty}'}, width {width}, batch 64, {precision} "
        f"on {device.type}: {1 / timing.seconds:.3g} steps/s, {operations / 1e9:.3g} GFLOP each, {share:.0%} "
        f"of the measured {rate / 1e12:.3g} TFLOP/s"
    )
    return Timing(what, timing.seconds, timing.plain_seconds, timing.ratio, timing.target, timing.spread)


def measure() -> list[Timing]:
    """Return all timings."""
    cpu, best = torch.device("cpu"), select_device("auto", "auto")
    subjects = [(16, "float32", cpu)]
    if has_bfloat16():
        subjects.append((32, "bfloat16", cpu))
    if best.type == "cuda":
        subjects += [(16, "bfloat16", best), (128, "auto", best), (128, "bfloat16", best)]
    return [
        time_step(width, precision, penalty, device)
        for width, precision, device in subjects
        for penalty in ("none", "r1")
    ]


if __name__ == "__main__":
    print("\n".join([HEADING, *(timing.row() for timing in measure())]))
