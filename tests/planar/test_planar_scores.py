import math

import pytest
import torch

from planar.small import SETTINGS, flows_of, grid, literal_log_normal, no_maps, random_maps
from regen.planar.flows import Run, runs_of
from regen.planar.scores import (
    COLUMNS,
    INVERTED,
    divergence,
    inverse_error,
    log_density,
    log_likelihood,
    log_normal,
    score,
)
from regen.planar.targets import TARGETS, Target, generate

POINTS = generate(0)
LOG_2PI = math.log(2 * math.pi)
MEAN, DEVIATION = (0.5, -1.0), 1.5


def gaussian(z0, z1):
    """Return the log-density of N(MEAN, DEVIATION^2 I), not normalised."""
    return 3 - 0.5 * (((z0 - MEAN[0]) / DEVIATION).square() + ((z1 - MEAN[1]) / DEVIATION).square())


def gaussian_divergence():
    """Return KL(N(0, I) || N(MEAN, DEVIATION^2 I))."""
    return 2 * math.log(DEVIATION) - 1 + 1 / DEVIATION**2 + (MEAN[0] ** 2 + MEAN[1] ** 2) / (2 * DEVIATION**2)


GAUSSIAN = Target(gaussian, box=(12.0, 12.0), proper=True, file=TARGETS["arcs"].file)
NORMAL = Target(lambda z0, z1: -0.5 * (z0**2 + z1**2), (9.0, 9.0), proper=True, file=TARGETS["arcs"].file)
IDENTITY = flows_of(no_maps())[0]
FLOWS = [
    flows_of(random_maps(3, scale=scale, seed=seed))[0] for seed, scale in enumerate((0.1, 0.6, 1.0, 1.5))
]
ALL_FLOWS = pytest.mark.parametrize("flow", [IDENTITY, *FLOWS], ids=["identity", "0.1", "0.6", "1", "1.5"])


def noise(count=20_000, seed=3):
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_normal_density():
    z = 3 * noise(100)
    torch.testing.assert_close(log_normal(z), literal_log_normal(z))
    normal = torch.distributions.Normal(torch.zeros(2).double(), 1.0)
    torch.testing.assert_close(log_normal(z), normal.log_prob(z).sum(-1))


def test_a_flow_that_does_nothing_is_a_standard_normal():
    z = 2 * noise(100)
    torch.testing.assert_close(log_likelihood(IDENTITY, z), literal_log_normal(z))
    torch.testing.assert_close(log_density(IDENTITY, z), literal_log_normal(z))


@pytest.mark.parametrize("flow", FLOWS[:3], ids=["0.1", "0.6", "1"])
@pytest.mark.parametrize("density", [log_likelihood, log_density])
def test_densities_integrate_to_1(flow, density):
    z, area = grid(edge=10.0, cells=300)
    assert float(density(flow, z).exp().sum() * area) == pytest.approx(1, abs=1e-3)


@ALL_FLOWS
def test_the_density_of_samples_is_that_of_the_noise_less_the_change_of_volume(flow):
    start = noise(1000)
    z, ladj = flow.forward(start)
    torch.testing.assert_close(log_density(flow, z), literal_log_normal(start) - ladj)


def test_the_divergence_of_a_normal_from_a_gaussian():
    z = noise()
    found = divergence(IDENTITY, GAUSSIAN, z)
    log_w = gaussian(*z.unbind(-1)) - literal_log_normal(z)
    log_z = 3 + math.log(2 * math.pi * DEVIATION**2)
    assert found["kl_up_to_constant"] == pytest.approx(-float(log_w.mean()))
    assert found["kl"] == pytest.approx(log_z - float(log_w.mean()))
    assert found["kl"] == pytest.approx(gaussian_divergence(), abs=4 * float(log_w.std()) / len(z) ** 0.5)
    w = log_w.exp()
    assert found["effective_sample_share"] == pytest.approx(float(w.sum() ** 2 / (len(z) * (w**2).sum())))


def test_a_flow_that_is_the_target_diverges_by_nothing():
    assert divergence(IDENTITY, NORMAL, noise(1000)) == {
        "kl_up_to_constant": pytest.approx(-LOG_2PI),
        "kl": pytest.approx(0, abs=1e-8),
        "effective_sample_share": pytest.approx(1),
    }


def test_a_flow_s_own_density_as_target():
    flow = FLOWS[1]

    def own(z0, z1):
        return log_density(flow, torch.stack(torch.broadcast_tensors(z0, z1), -1))

    found = divergence(flow, Target(own, (9.0, 9.0), proper=False, file=TARGETS["arcs"].file), noise(1000))
    assert found == {
        "kl_up_to_constant": pytest.approx(0, abs=1e-9),
        "effective_sample_share": pytest.approx(1),
    }


@pytest.mark.parametrize("name", TARGETS)
@ALL_FLOWS
def test_what_holds_for_all_flows(flow, name):
    found = divergence(flow, TARGETS[name], noise(5000))
    assert ("kl" in found) == (name == "arcs")
    assert found.get("kl", 1) > 0
    assert 1 / 5000 <= found["effective_sample_share"] < 1


def test_weights_far_out_of_range():
    """Where p is next to nothing at all samples of q but one, that one is all that counts."""
    steep = Target(lambda z0, z1: 1e4 * z0 + 0 * z1, (9.0, 9.0), proper=False, file=TARGETS["arcs"].file)
    found = divergence(IDENTITY, steep, noise(1000))
    assert found["effective_sample_share"] == pytest.approx(1 / 1000)
    assert math.isfinite(found["kl_up_to_constant"])


@ALL_FLOWS
def test_the_inverse_gives_the_points_back(flow):
    x = 2 * noise(1000)
    assert inverse_error(flow, x) < 1e-6
    single = flows_of(random_maps(3, seed=2))[0]
    assert inverse_error(single, x) == float((single.inverse(single.forward(x).y) - x).norm(dim=-1).max())


class Shifting:
    """A map whose inverse is wrong, by (0.3, 0.4) where z0 > 2 and by (6, 8) where it is above 9."""

    def forward(self, x):
        return IDENTITY.forward(x)

    def inverse(self, y):
        wrong = 1.0 * (y[:, :1] > 2) + 19 * (y[:, :1] > 9)
        return y + wrong * torch.tensor([0.3, 0.4])


def test_the_largest_error_among_the_first_points_is_told():
    x = (2 * noise(INVERTED + 1)).clamp(-8, 8)
    x[INVERTED] = 10
    assert inverse_error(Shifting(), x) == pytest.approx(0.5)
    x[INVERTED - 1] = 10
    assert inverse_error(Shifting(), x) == pytest.approx(10)


# ---- the table -------------------------------------------------------------------------------------------

RUNS = runs_of(3, range(2))
LOSSES = [100.0, 100.0, 1.0, 2.0, 3.0, 4.0]


@pytest.fixture(scope="module")
def table():
    flows = flows_of(*(random_maps(3, scale=0.5, seed=seed) for seed in range(len(RUNS))), losses=LOSSES)
    return score(RUNS, flows, POINTS, SETTINGS), flows


def test_a_row_for_each_run_and_seed(table):
    scores, _ = table
    assert tuple(scores.columns) == COLUMNS
    assert scores["run"].tolist() == [run.name for run in RUNS]
    for column in ("target", "source", "layers", "seed"):
        assert scores[column].tolist() == [getattr(run, column) for run in RUNS]
    assert scores["loss"].tolist() == [2.5] * len(RUNS)  # the last four
    assert (scores["largest_inverse_error"] < 1e-6).all()


def test_each_row_has_the_scores_that_its_run_can_have(table):
    scores, _ = table
    samples, arcs = scores["source"] == "samples", scores["target"] == "arcs"
    assert scores["nll"].notna().tolist() == samples.tolist()
    assert scores["kl"].notna().tolist() == (~samples & arcs).tolist()
    for column in ("kl_up_to_constant", "effective_sample_share"):
        assert scores[column].notna().tolist() == (~samples).tolist()
    assert scores["effective_sample_share"].dropna().between(0, 1, inclusive="right").all()


def test_each_row_is_about_its_own_flow_and_points(table):
    scores, flows = table
    for i, run in enumerate(RUNS):
        if run.source == "samples":
            x = POINTS[run.target].double()
            z, ladj = flows[i].forward(x)
            expected = -float((literal_log_normal(z) + ladj).mean())
            assert scores["nll"][i] == pytest.approx(expected)
        else:
            seeded = torch.Generator().manual_seed(-1 - run.seed)
            start = torch.randn(SETTINGS.evaluation_samples, 2, generator=seeded).double()
            expected = divergence(flows[i], TARGETS[run.target], start)
            for name, value in expected.items():
                assert scores[name][i] == pytest.approx(value)


def test_the_nll_of_a_flow_that_does_nothing(monkeypatch):
    monkeypatch.setitem(TARGETS, "arcs", GAUSSIAN)
    runs = [Run("arcs", "samples", 2, 1), Run("arcs", "density", 2, 1)]
    scores = score(runs, flows_of(no_maps(), no_maps()), POINTS, SETTINGS)
    squares = POINTS["arcs"].double().square().sum(-1)
    assert scores["nll"][0] == pytest.approx(float(squares.mean()) / 2 + LOG_2PI)
    assert scores["nll"][0] > TARGETS["arcs"].entropy() - 1  # the points are not the Gaussian's
    assert scores["kl"][1] == pytest.approx(gaussian_divergence(), abs=0.1)
    assert scores["largest_inverse_error"].tolist() == [1e-9, 1e-9]  # or less


@pytest.mark.parametrize("name", TARGETS)
def test_no_flow_s_nll_is_below_the_entropy(name):
    x, entropy = POINTS[name].double(), TARGETS[name].entropy()
    for flow in (IDENTITY, *FLOWS):
        log_p = log_likelihood(flow, x)
        assert -float(log_p.mean()) > entropy - 4 * float(log_p.std()) / len(x) ** 0.5
