"""The log-determinant of planar maps, against that of their Jacobian.

References:
    Variational Inference with Normalizing Flows (Rezende and Mohamed, 2015), equation 12: the matrix
    determinant lemma, O(d) a map.
"""

from __future__ import annotations

import torch

from regen.artifacts import at_most
from regen.bijections import Composition, Planar
from regen.theory.streams import stream

DIMENSIONS, MAPS, POINTS = 6, 4, 32


def summary(seed: int) -> dict[str, float]:
    """Largest difference, in nats, of log|det| by the lemma and by LU of the Jacobian, over random points."""
    numbers = stream(seed, "determinant")
    shapes = (MAPS, DIMENSIONS), (MAPS, DIMENSIONS), (MAPS,), (POINTS, DIMENSIONS)
    u, w, b, z = (torch.from_numpy(numbers.standard_normal(shape)) for shape in shapes)
    flow = Composition([Planar(u[i], w[i], b[i]) for i in range(MAPS)])
    jacobians = torch.func.vmap(torch.func.jacrev(lambda point: flow.forward(point).y))(z)
    exact = torch.linalg.slogdet(jacobians).logabsdet
    return {"determinant_difference": at_most(float((flow.forward(z).ladj - exact).abs().max()))}
