"""The benchmark table: steps of GANs, an evaluation, epochs of the other families; random data throughout."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache, partial
from statistics import median
from typing import Any

import torch

from benchmarks import attention, fidelity, flow, gan, vae
from benchmarks.gpu_day.checks import peak_memory, reset_memory
from benchmarks.gpu_day.plan import row_name
from benchmarks.gpu_day.profile import SHAPE, Profile
from benchmarks.gpu_day.profile import Table as Settings
from benchmarks.timing import compare, seconds, wait
from regen.data.catalog import DATASETS
from regen.gan.sampling import sample
from regen.params.gan import GanRun, ResidualRun
from regen.training.device import set_precision
from regen.vae.networks import build_vae

Row = dict[str, Any]

EVALUATION_TARGET = "5 s on an H200"


def rows(profile: Profile, device: torch.device) -> dict[str, Callable[[], Row]]:
    """All rows by name, none of them measured yet.

    The residual GANs are timed in each precision, recorded and plain; the others as they are trained.
    """
    found: dict[str, Callable[[], Row]] = {}
    settings, params = profile.day.table, profile.params
    ways = [True, False] if device.type == "cuda" else [False]
    for name in profile.day.runs:
        run = params.gan[name]
        residual = isinstance(run, ResidualRun)
        for precision in settings.precisions if residual else [profile.precision]:
            for recorded in ways if residual else ways[:1]:
                row = partial(time_steps, run, precision, recorded, settings, device)
                found[row_name(name, precision, recorded)] = row
    first = next((name for name in profile.day.runs if DATASETS[params.gan[name].data].shape == SHAPE), None)
    if first:
        found["evaluation"] = partial(time_evaluation, params.gan[first], profile, device)
    for name, count in settings.epochs.items():
        found[f"epoch of {name}"] = partial(time_epoch, name, count, profile, device)
    return found


@cache
def rate(precision: str, device: torch.device) -> float:
    """Floating-point operations a second of a large matrix product in a precision that is set."""
    return gan.matrix_rate(device, torch.bfloat16 if precision == "bfloat16" else torch.float32)


def time_steps(run: GanRun, precision: str, recorded: bool, settings: Settings, device: torch.device) -> Row:
    """Time steps of a GAN, of the generator with those of the critic before each."""
    set_precision(precision, device)
    pixels = torch.randint(256, (gan.IMAGES, *DATASETS[run.data].shape), dtype=torch.uint8)
    torch.manual_seed(0)
    taken = reset_memory(device)
    ours = gan.Ours(run, pixels, device, precision, recorded)
    operations = ours.operations()
    many = gan.repeated(ours.step, settings.steps, device)
    timing = compare("", many, None, target="", repeats=settings.repeats, part=settings.steps)
    peak, products = peak_memory(device, taken), rate(precision, device)
    fastest, slowest = timing.spread
    width = run.width if isinstance(run, ResidualRun) else 0
    return {
        "steps_per_second": 1 / timing.seconds,
        "range": [1 / slowest, 1 / fastest],
        "target": gan.TARGETS.get((width, run.penalty), ""),
        "gflop_per_step": operations / 1e9,
        "matrix_products_tflops": products / 1e12,
        "share": operations / timing.seconds / products,
        "peak_memory_gb": peak,
    }


def time_evaluation(run: GanRun, profile: Profile, device: torch.device) -> Row:
    """Time the parts of an evaluation on the way: statistics of batch norm, samples, features, scores."""
    set_precision(profile.params.precision, device)
    count = profile.day.table.samples
    pixels = torch.randint(256, (run.batch_size * run.critic_steps, *SHAPE), dtype=torch.uint8)
    learner = gan.Ours(run, pixels, device, profile.params.precision, recorded=False).learner
    with tempfile.TemporaryDirectory() as folder:
        scorer = fidelity.scorer_of(fidelity.save_weights(folder), count, device)
    model = learner.evaluated()
    images = sample(model, count, run.latent, seed=1)
    parts: dict[str, Callable[[], object]] = {
        "statistics": learner.evaluated,
        "samples": lambda: sample(model, count, run.latent, seed=1),
        "features": lambda: scorer.extractor(images),
        "scores": lambda: scorer(images, full=False),
    }
    times = {name: _median(part, profile.day.table.repeats, device) for name, part in parts.items()}
    times["scores"] = max(0.0, times["scores"] - times["features"])  # which scoring begins with
    batches = run.statistics_batches
    return {
        "seconds": sum(times.values()),
        "parts": times,
        "of": count,
        "statistics_batches": batches,
        "target": EVALUATION_TARGET,
    }


def _median(part: Callable[[], object], repeats: int, device: torch.device) -> float:
    def waited() -> None:
        part()
        wait(device)

    waited()  # a warm-up
    return median(seconds(waited) for _ in range(repeats))


def time_epoch(name: str, count: int, profile: Profile, device: torch.device) -> Row:
    """Time an epoch of a VAE, a flow or a translator on so many images or pairs."""
    params, precision = profile.params, profile.params.precision
    set_precision(precision, device)
    torch.manual_seed(1)
    if name in params.vae:
        run = params.vae[name]
        model = build_vae(run, DATASETS[run.data].shape).to(device)
        epoch = vae.epoch(run, model, count)
    elif name in params.realnvp:
        epoch = flow.realnvp_epoch(params.realnvp[name], count, device, precision)
    else:
        epoch = attention.epoch(params.attention[name], count, device, precision)
    timing = compare("", epoch, None, target="", repeats=profile.day.table.repeats)
    return {"seconds": timing.seconds, "range": list(timing.spread), "of": count}
