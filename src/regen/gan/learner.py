"""Training step of a GAN: both players' updates, and the average of the generator."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.swa_utils import get_ema_multi_avg_fn, update_bn

from regen.gan.losses import OBJECTIVES, between, gp, has_batch_norm, r1, values
from regen.gan.sampling import SNAPSHOT_IMAGES, SNAPSHOT_SEED, device_of, noise, sample, scale
from regen.params.gan import GanRun
from regen.training.device import cast
from regen.training.grid import on_grid
from regen.training.loop import Stateful
from regen.training.modes import evaluating

STATISTICS_SEED = 2_718_281_828
"""Of the codes that give batch norm its statistics, alike each time; unlike any `seed` of samples."""
VALID_BATCH = 1000


class GanLearner:
    """Adam on both players' losses, `critic_steps` of the critic before each of the generator."""

    terms: tuple[str, ...] = ("metric", "critic_loss", "penalty", "generator_loss")

    def __init__(
        self,
        run: GanRun,
        generator: nn.Module,
        critic: nn.Module,
        autocast: torch.autocast,
        valid: Tensor | None = None,
    ) -> None:
        self.run = run
        self.valid = valid
        self.rates = {
            "generator_learning_rate": run.generator_learning_rate,
            "critic_learning_rate": run.critic_learning_rate,
        }
        self.generator = generator
        self.critic = critic
        self.autocast = autocast
        self.objective = OBJECTIVES[run.loss]
        self.device = device_of(generator)
        self.together = run.penalty != "r1" and not has_batch_norm(critic)
        self.generator_parameters = list(generator.parameters())
        self.critic_parameters = list(critic.parameters())
        b1, b2 = map(float, run.betas)  # Adam takes no int
        adam = partial(Adam, betas=(b1, b2), fused=True, capturable=self.device.type == "cuda")
        self.generator_optimizer = on_grid(
            adam(self.generator_parameters, run.generator_learning_rate), generator
        )
        self.critic_optimizer = on_grid(
            adam(self.critic_parameters, run.critic_learning_rate, weight_decay=run.critic_weight_decay),
            critic,
        )
        self.average = deepcopy(generator) if run.ema else generator
        # not AveragedModel, which asks the device for its counter at every step and waits for the answer; it
        # starts from the first step's result, this from what was before that, which after t steps is ema ** t
        self.move_average = get_ema_multi_avg_fn(run.ema)
        self.averaged = _averaged(self.average), _averaged(generator)

    def stateful(self) -> dict[str, Stateful]:
        """Networks, optimisers and the average; spectral norm's vectors are buffers of the critic."""
        average = {"average": self.average} if self.run.ema else {}
        return {
            "generator": self.generator,
            "critic": self.critic,
            "generator_optimizer": self.generator_optimizer,
            "critic_optimizer": self.critic_optimizer,
            **average,
        }

    def step(self, batch: Tensor) -> Tensor:
        """Take a step of the generator, after `critic_steps` of the critic on a share of `batch` each.

        batch: (critic_steps * batch_size, C, H, W) uint8. Returns the terms (4,) on the device; those of
        the critic are means over its steps. Never waits for the device.
        """
        reals = scale(batch).split(self.run.batch_size)
        critic_terms = torch.stack([self.step_critic(real) for real in reals]).mean(0)
        generator_loss = self.step_generator()
        if self.run.ema:
            self.move_average(*self.averaged, None)
        return torch.cat([critic_terms, generator_loss[None]])

    def step_critic(self, real: Tensor) -> Tensor:
        """Move the critic up the metric, minus the penalty; return metric, loss and penalty (3,).

        real: (N, C, H, W) in [-1, 1].
        """
        with torch.no_grad(), self.autocast:
            fake = cast(self.generator(self._codes()))
        if self.run.penalty == "r1":
            real = real.detach().requires_grad_()
        with self.autocast:
            P, Q = values(self.critic, real, fake, together=self.together)
        penalty = self._penalty(P, real, fake)
        loss = self.objective.critic(P, Q) + self.run.penalty_coefficient * penalty
        self.critic_optimizer.zero_grad()
        loss.backward(inputs=self.critic_parameters)
        self.critic_optimizer.step()
        return torch.stack([self.objective.metric(P, Q), loss, penalty]).detach()

    def step_generator(self) -> Tensor:
        """Move the generator; return its loss ()."""
        with self.autocast:
            Q = cast(self.critic(self.generator(self._codes())))
        loss = self.objective.generator(Q)
        self.generator_optimizer.zero_grad()
        loss.backward(inputs=self.generator_parameters)  # spares the critic's gradients
        self.generator_optimizer.step()
        return loss.detach()

    def _codes(self) -> Tensor:
        return torch.randn(self.run.batch_size, self.run.latent, device=self.device)

    def _penalty(self, P: Tensor, real: Tensor, fake: Tensor) -> Tensor:
        """Penalty (), before its coefficient; P are the values of `real`."""
        if self.run.penalty == "r1":
            return r1(P, real)
        if self.run.penalty == "gp":
            x = between(real, fake).requires_grad_()
            with self.autocast:
                C = cast(self.critic(x))
            return gp(C, x)
        return P.new_zeros(())

    def evaluated(self) -> nn.Module:
        """Generator that is shown and scored: the average, with its batch norm's statistics.

        A copy, in evaluation mode; the statistics are those of `statistics_batches` in training mode.
        """
        generator = deepcopy(self.average)
        if self.run.statistics_batches:
            count = self.run.batch_size * self.run.statistics_batches
            codes = noise(count, self.run.latent, STATISTICS_SEED, self.device)
            update_bn(codes.split(self.run.batch_size), generator)
        return generator.eval()

    def snapshot(self, model: nn.Module) -> Tensor:
        """Images (100, C, H, W) uint8 of the same codes at every call."""
        return sample(model, SNAPSHOT_IMAGES, self.run.latent, SNAPSHOT_SEED)

    def validate(self) -> dict[str, float]:
        """`losses` of the validation images; nothing where there are none."""
        return {} if self.valid is None else self.losses(self.valid)

    @torch.no_grad()
    def losses(self, pixels: Tensor) -> dict[str, float]:
        """Metric and losses, penalty aside, on held-out `pixels` (N, C, H, W) uint8.

        Both networks are in evaluation mode, and the codes are the same at every call.
        """
        with evaluating(self.generator, self.critic):
            P, Q = (torch.cat(parts) for parts in zip(*self._held_out(pixels), strict=True))
        return {
            "metric": float(self.objective.metric(P, Q)),
            "critic_loss": float(self.objective.critic(P, Q)),
            "generator_loss": float(self.objective.generator(Q)),
        }

    def _held_out(self, pixels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield P and Q of each batch of `pixels`, and of as many generated images."""
        codes = noise(len(pixels), self.run.latent, SNAPSHOT_SEED, self.device)
        for batch, z in zip(pixels.split(VALID_BATCH), codes.split(VALID_BATCH), strict=True):
            yield self.critic(scale(batch)), self.critic(self.generator(z))


def _averaged(network: nn.Module) -> list[Tensor]:
    """Tensors that are averaged: parameters and buffers, counters excepted."""
    tensors = [*network.parameters(), *network.buffers()]
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
