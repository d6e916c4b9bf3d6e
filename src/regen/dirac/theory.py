"""Theory of the game: its update, linearised at the equilibrium.

Near an equilibrium an iteration multiplies the deviation (psi0, psi1, theta) by the Jacobian J = G K, K the
critic's step and G the generator's after it. With h the step size, c the penalty's coefficient and m the
strength of the players' pull on each other (sigmoid(0) / 2 = 1/4 for jsd, 1 for w1),

        [1 - 2hc     0      -hm]          [ 1   0   0]
    K = [   0     1 - h/4    0 ]      G = [ 0   1   0]
        [   0        0       1 ]          [hm   0   1]

(1 - h/4 becomes 1 for w1). The spectral radius of J, the largest |eigenvalue|, decides: below 1 the
equilibrium attracts, at the rate log(radius) per iteration; above 1 it repels; at 1 the linear part does
neither, and terms of higher order decide.

- Without a penalty the (psi0, theta) block has determinant 1 and trace 2 - h^2 m^2: two conjugate eigenvalues
  of modulus exactly 1 as long as h m < 2. The alternating step rotates without spiralling. The w1 game is
  linear, so it circles forever. For jsd the curvature adds a weak attraction, which is only algebraic: the
  distance falls like 1/sqrt(iterations), by one or two percent in 5000.
- R1 shrinks psi0: the determinant becomes 1 - 2hc, and the radius sqrt(1 - 2hc) as long as the eigenvalues
  are complex.
- For w1 the equilibria fill the line psi0 = theta = 0. psi1 never changes along it: that eigenvalue is
  exactly 1, does not affect whether the line attracts, and is left out.
- GP has no equilibrium to linearise at. Its penalty has a kink at psi0 = 0, where autograd's convention of
  derivative 0 makes the update vanish; at any other psi0, however small, it adds 2hc away from 0. Rounding
  the kink off, |psi0| -> sqrt(psi0^2 + eps^2), gives an eigenvalue of about 1 + 2hc/eps, which grows without
  bound as eps -> 0: the point repels, and its radius is recorded as infinite. Far out the penalty's other
  half shrinks psi0 as R1 does, so the game ends up on an orbit. For w1, where in the limit of small steps
  (psi0^2 + theta^2) / 2 changes by -2c (psi0^2 - |psi0|) a unit of time, the two balance on a circle of
  radius 4/pi = 1.27, whatever the coefficient.

References:
    Which Training Methods for GANs do actually Converge? Mescheder, Geiger, Nowozin, 2018, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regen.artifacts import rounded
from regen.dirac.game import Array, Configuration

ONE = 1e-9
"""Tolerance for a radius of 1: eigenvalues of these 3 x 3 matrices have errors of about 1e-15."""


@dataclass(frozen=True)
class Linearisation:
    """The linearised update of one configuration at its equilibrium."""

    eigenvalues: tuple[complex, ...]
    """Sorted by modulus, largest first; empty for GP, which has no derivative at its kink."""
    spectral_radius: float
    """Infinite for GP."""
    at: str
    """Description of what was linearised."""

    @property
    def word(self) -> str:
        """Conclusion from comparing the radius with 1."""
        if abs(self.spectral_radius - 1) <= ONE:
            return "= 1: neutral"
        return "< 1: attracts" if self.spectral_radius < 1 else "> 1: repels"


def jacobian(run: Configuration, rate: float) -> Array:
    """Jacobian d(psi0', psi1', theta') / d(psi0, psi1, theta) of an iteration at 0, shape (3, 3).

    `rate` is both players' step size.

    Raises:
        ValueError: the penalty is GP, which is not differentiable there.
    """
    if run.penalty == "gp":
        raise ValueError(f"{run.name}: the gradient penalty has no derivative at psi0 = 0")
    pull, damping = (0.25, 0.25) if run.metric == "jsd" else (1.0, 0.0)
    critic, generator = np.eye(3), np.eye(3)
    critic[0] = 1 - 2 * rate * run.coefficient, 0, -rate * pull
    critic[1, 1] = 1 - rate * damping
    generator[2, 0] = rate * pull
    return generator @ critic


def linearise(run: Configuration, rate: float) -> Linearisation:
    """Eigenvalues that decide whether the equilibrium set of `run` attracts."""
    if run.penalty == "gp":
        return Linearisation((), float("inf"), "kink at psi0 = 0, no derivative")
    update, at = jacobian(run, rate), "point 0"
    if run.metric == "w1":
        update, at = update[np.ix_([0, 2], [0, 2])], "line psi0 = theta = 0, across it"
    values = sorted(np.linalg.eigvals(update), key=lambda value: (-round(abs(value), 12), -value.imag))
    return Linearisation(tuple(complex(value) for value in values), abs(values[0]), at)


def eigenvalues_text(linearisation: Linearisation) -> str:
    """Format eigenvalues, with conjugate pairs as one: `0.9949 +- 0.0998i, 0.975`."""
    texts = []
    for value in linearisation.eigenvalues:
        if value.imag == 0:
            texts.append(f"{rounded(value.real):.6g}")
        elif value.imag > 0:
            texts.append(f"{rounded(value.real):.6g} +- {rounded(value.imag):.6g}i")
    return ", ".join(texts)
