"""What the players play for: metrics, their losses, and penalties on the critic's gradient.

C is the critic, p the real images and q the generated ones; P = C(p) and Q = C(q) are (N,). For
`jsd` and `nonsaturating` they are logits, and what is said of probabilities is computed from them.

References:
    Generative Adversarial Nets (Goodfellow et al., 2014): jsd, eq. 1 scaled and shifted to estimate the
    Jensen-Shannon divergence; nonsaturating, section 3.
    Wasserstein GAN (Arjovsky, Chintala and Bottou, 2017), eq. 2.
    Which Training Methods for GANs do actually Converge? (Mescheder, Geiger and Nowozin, 2018), eq. 9: R1.
    Improved Training of Wasserstein GANs (Gulrajani et al., 2017), eq. 3: GP.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regen.training.device import cast


def jsd(P: Tensor, Q: Tensor) -> Tensor:
    """Metric (E log s(P) + E log s(-Q) + log 4) / 2, at the best critic JSD(p, q) in nats; at most log 2."""
    return (F.logsigmoid(P).mean() + F.logsigmoid(-Q).mean() + math.log(4)) / 2


def w1(P: Tensor, Q: Tensor) -> Tensor:
    """Metric E P - E Q: over 1-Lipschitz critics at most W1(p, q)."""
    return P.mean() - Q.mean()


def cross_entropy(P: Tensor, Q: Tensor) -> Tensor:
    """Cross entropy -E log s(P) - E log s(-Q) of telling real from generated images, in nats."""
    return F.softplus(-P).mean() + F.softplus(Q).mean()


@dataclass(frozen=True)
class Objective:
    """What one kind of GAN logs and what its players minimise; each gives a number ()."""

    metric: Callable[[Tensor, Tensor], Tensor]
    """Of P and Q: what the training curve shows."""
    critic: Callable[[Tensor, Tensor], Tensor]
    """Of P and Q: the critic's loss, penalty aside."""
    generator: Callable[[Tensor], Tensor]
    """Of Q: the part of the generator's loss that depends on it."""


OBJECTIVES = {
    "jsd": Objective(jsd, lambda P, Q: -jsd(P, Q), lambda Q: F.logsigmoid(-Q).mean() / 2),
    "w1": Objective(w1, lambda P, Q: -w1(P, Q), lambda Q: -Q.mean()),
    "nonsaturating": Objective(jsd, cross_entropy, lambda Q: F.softplus(-Q).mean()),
}
"""By the name of the loss in `params.yaml`. Under jsd and w1 one moves the metric up, one down."""


def has_batch_norm(network: nn.Module) -> bool:
    """Whether the result for an image depends on the rest of its batch."""
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())


def values(critic: nn.Module, real: Tensor, fake: Tensor, *, together: bool) -> tuple[Tensor, Tensor]:
    """P and Q of images (N, C, H, W), through the critic `together` or one after the other.

    Together is faster. It is not for a critic with batch norm, which would see a mixture of p and q, nor
    where the gradient at `real` is wanted, which would be carried through `fake` as well.
    """
    if together:
        P, Q = cast(critic(torch.cat([real, fake]))).chunk(2)
        return P, Q
    return cast(critic(real)), cast(critic(fake))


def slopes(C: Tensor, x: Tensor) -> Tensor:
    """Gradient dC/dx of each image, flattened: (N, C*H*W), differentiable.

    `C` (N,) are the critic's values of `x` (N, C, H, W), which requires a gradient.
    """
    (gradient,) = torch.autograd.grad(C.sum(), x, create_graph=True)
    return gradient.flatten(1)


def r1(P: Tensor, real: Tensor) -> Tensor:
    """Penalty E |dC/dx|^2 at the real images, (); `real` requires a gradient and P are its values."""
    return slopes(P, real).square().sum(1).mean()


def gp(C: Tensor, between: Tensor) -> Tensor:
    """Penalty E (|dC/dx| - 1)^2, (), at images `between` real and generated ones; C are its values.

    At dC/dx = 0, a kink, the norm's derivative counts as 0.
    """
    return (torch.linalg.vector_norm(slopes(C, between), dim=1) - 1).square().mean()


def between(real: Tensor, fake: Tensor) -> Tensor:
    """Images drawn uniformly between each real one and its generated partner, (N, C, H, W)."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    return real + share * (fake - real)
