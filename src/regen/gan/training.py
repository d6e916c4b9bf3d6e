"""Training of a GAN: a run with one seed, and the metrics of a finished run."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from torch import Tensor, nn

from regen.artifacts import Metrics
from regen.gan.learner import GanLearner
from regen.gan.networks import build_critic, build_generator
from regen.gan.sampling import sample
from regen.params.gan import GanRun
from regen.training.device import place
from regen.training.graphs import Recorded
from regen.training.runs import Job, Trained, last_metrics
from regen.training.schedule import Passes, Schedule

Scorer = Callable[[Tensor], Metrics]
"""From samples (N, C, H, W) uint8, on the run's device, to named scores."""


def train(
    run: GanRun,
    images: Tensor,
    valid: Tensor | None,
    job: Job,
    scorer: Scorer | None = None,
    samples: int = 0,
    recorded: bool = False,
) -> Trained[GanLearner]:
    """Train `run` on `images` (N, C, H, W) uint8, from weights by torch's random stream as it is.

    `scorer`, where there is one, scores so many `samples` on the way. `recorded` replays a CUDA graph of
    the step.
    """
    shape = tuple(images.shape[1:])
    generator, critic = (place(build(run, shape), job.device) for build in (build_generator, build_critic))
    learner = GanLearner(run, generator, critic, job.autocast, valid)
    passes = Passes(images, run.batch_size * run.critic_steps, drop_last=True)
    step = Recorded(learner.step) if recorded else None

    def score(model: nn.Module) -> Metrics:
        assert scorer is not None
        return scorer(sample(model, samples, run.latent, job.seed))

    return job.fit(learner, passes, schedule_of(run, passes, job), step, score if scorer else None)


def schedule_of(run: GanRun, passes: Passes, job: Job) -> Schedule:
    """Schedule in the unit that `run` counts: epochs, or steps of the generator."""
    if run.epochs is not None:
        return job.by_epochs(run.epochs, passes, shown=run.shown, score_every=run.evaluate_every)
    return Schedule.by_steps(
        job.name, job.seed, run.length, passes.sizes, shown=run.shown, score_every=run.evaluate_every
    )


def evaluations(trained: Trained[GanLearner]) -> pd.DataFrame:
    """Scores on the way: `step`, `metric` and a column a score."""
    return pd.DataFrame(trained.fitted.scores or {name: [] for name in ("step", "metric")})


def summary(trained: Trained[GanLearner]) -> dict[str, float | int | str]:
    """Metrics of a finished run: its length, its size and its last row's terms."""
    networks = trained.learner.generator, trained.learner.critic
    sizes = [sum(p.numel() for p in network.parameters()) for network in networks]
    return {
        "steps": trained.fitted.step,
        "epochs": trained.fitted.step / trained.schedule.epoch,
        "parameters": sum(sizes),
        "generator_parameters": sizes[0],
        "critic_parameters": sizes[1],
        **last_metrics(trained.history),
    }
