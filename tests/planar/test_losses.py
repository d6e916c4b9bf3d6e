"""Which flows are trained, and the loss of each."""

import pytest
import torch

from planar.literal import RUNS, K, flow_of, literal_loss, parameters_of
from planar.small import literal_log_normal
from regen.planar.flows import Objective, Run, runs_of
from regen.planar.targets import TARGETS


def test_runs_of_every_target_way_and_seed():
    assert [run.name for run in RUNS] == [
        "planar_arcs_3",
        "planar_arcs_3",
        "planar_sine_3",
        "planar_sine_3",
        "density_arcs_3",
        "density_arcs_3",
        "density_sine_3",
        "density_sine_3",
    ]
    assert [run.seed for run in RUNS] == [4, 5] * 4
    assert {run.layers for run in RUNS} == {3}
    assert [run.name for run in runs_of(32, range(1))][-1] == "density_sine_32"


def losses_of(runs, x, *parameters):
    objective = Objective.of(runs)
    return objective.losses(x, *parameters) + objective.constants(x)


@pytest.mark.parametrize(
    "runs",
    [RUNS, RUNS[:1], RUNS[:3], RUNS[4:], RUNS[5:7], RUNS[3:5], runs_of(3, range(1)), RUNS[::-1], RUNS[::3]],
    ids=["all", "one", "samples", "densities", "two densities", "one of each", "one seed", "back", "mixed"],
)
def test_each_loss_is_that_of_its_own_run(runs):
    parameters = parameters_of(runs)
    x = torch.randn(2, len(runs), 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = losses_of(runs, x, *parameters)
    expected = [literal_loss(run, flow_of(parameters, i), x[:, i].T).mean() for i, run in enumerate(runs)]
    torch.testing.assert_close(found, torch.stack(expected))


def test_the_loss_from_a_density_is_the_divergence_up_to_a_constant():
    """KL(q || p) by quadrature over the normal samples that the flow starts from, in place of a batch."""
    run = Run("arcs", "density", K, 0)
    parameters = parameters_of([run], scale=0.7)
    axis = torch.linspace(-7, 7, 281, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    weight = literal_log_normal(x).exp() * 0.05**2
    z, ladj = flow_of(parameters, 0).forward(x)
    log_p = TARGETS["arcs"].log_density(*z.unbind(-1)) - TARGETS["arcs"].log_normaliser()
    divergence = float((weight * (literal_log_normal(x) - ladj - log_p)).sum())
    assert divergence > 0
    batch = torch.randn(40_000, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = float(losses_of([run], batch.T[:, None], *parameters)) + TARGETS["arcs"].log_normaliser()
    assert found == pytest.approx(
        divergence, abs=4 * float(literal_loss(run, flow_of(parameters, 0), batch).std()) / 200
    )
