import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from regen.errors import InputError
from regen.planar.targets import POINTS, TARGETS, generate, load, sample
from regen.training.device import set_precision

TOY2D = Path(__file__).parents[3] / "shared" / "data" / "toy2d"


def literal(name, z0, z1):
    """Return what protocols.md writes."""
    if name == "arcs":
        ring = -0.5 * ((np.sqrt(z0**2 + z1**2) - 2) / 0.4) ** 2
        return ring + np.log(np.exp(-0.5 * ((z0 - 2) / 0.6) ** 2) + np.exp(-0.5 * ((z0 + 2) / 0.6) ** 2))
    return -0.5 * ((z1 - np.sin(2 * np.pi * z0 / 4)) / 0.4) ** 2


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def uniform(count, target, seed=0):
    z = 2 * torch.rand(count, 2, generator=generator(seed), dtype=torch.float64) - 1
    return z * torch.tensor(target.box)


def probabilities(name, edges):
    """Return the share of the target's mass in each cell of `edges` x `edges`, which divide its box."""
    cells = len(edges) - 1
    n = 1000 // cells  # midpoints a side of each cell
    axis = ((np.arange(cells * n) + 0.5) / (cells * n) * 2 - 1) * 5
    p = np.exp(literal(name, axis[:, None], axis[None])).reshape(cells, n, cells, n).sum((1, 3))
    return p / p.sum()


NAMES = pytest.mark.parametrize("name", TARGETS)


@NAMES
def test_log_densities_are_those_of_the_protocols(name):
    z = 2 * uniform(1000, TARGETS[name])
    expected = literal(name, *z.numpy().T)
    np.testing.assert_allclose(TARGETS[name].log_density(*z.unbind(-1)).numpy(), expected, rtol=1e-10)
    single = TARGETS[name].log_density(*z.float().unbind(-1))
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, rtol=1e-3, atol=1e-3)


@NAMES
def test_log_densities_and_gradients_are_finite_far_out(name):
    z = (100 * uniform(1000, TARGETS[name])).float().requires_grad_()
    log_p = TARGETS[name].log_density(*z.unbind(-1))
    (gradient,) = torch.autograd.grad(log_p.sum(), z)
    assert log_p.isfinite().all()
    assert gradient.isfinite().all()


@NAMES
def test_log_densities_stay_below_the_bound_of_the_rejection(name):
    target = TARGETS[name]
    z = torch.cat([uniform(200_000, target), 10 * uniform(1000, target)])
    highest = float(target.log_density(*z.unbind(-1)).max())
    assert -0.01 < highest <= math.log(2)


def test_the_normaliser_is_the_integral():
    target = TARGETS["arcs"]

    def density(z1, z0):
        return math.exp(literal("arcs", z0, z1))

    area, _ = integrate.dblquad(density, 0, 5, 0, 5, epsabs=1e-8, epsrel=1e-8)  # a quarter: it is symmetric
    assert target.log_normaliser() == pytest.approx(math.log(4 * area), abs=1e-6)
    wider, _ = integrate.dblquad(density, 0, 9, 0, 9, epsabs=1e-8, epsrel=1e-8)
    assert target.proper
    assert area == pytest.approx(wider, rel=1e-6)  # what the box leaves out is nothing


def test_the_sine_s_normaliser_is_that_of_its_box():
    """At every z0 the same Gaussian, of which the box cuts nothing off."""
    assert not TARGETS["sine"].proper
    expected = math.log(10 * 0.4 * math.sqrt(2 * math.pi))
    assert TARGETS["sine"].log_normaliser() == pytest.approx(expected, abs=1e-9)
    assert TARGETS["sine"].entropy() == pytest.approx(expected + 0.5, abs=1e-9)


@NAMES
def test_the_entropy_is_the_mean_of_minus_log_p(name):
    target = TARGETS[name]
    z = sample(target, 50_000, generator()).double()
    surprise = target.log_normaliser() - target.log_density(*z.unbind(-1))
    assert abs(float(surprise.mean()) - target.entropy()) < 4 * float(surprise.std()) / 50_000**0.5


@NAMES
def test_samples_fill_the_cells_of_a_grid_as_the_density_says(name):
    count, edges = 40_000, np.linspace(-5, 5, 41)
    z = sample(TARGETS[name], count, generator()).double().numpy()
    assert np.abs(z).max() <= 5
    found, *_ = np.histogram2d(*z.T, bins=(edges, edges))
    expected = count * probabilities(name, edges)
    enough = expected >= 8
    found = np.append(found[enough], found[~enough].sum())
    expected = np.append(expected[enough], expected[~enough].sum())
    assert len(expected) > 100
    assert stats.chisquare(found, expected).pvalue > 1e-3


@NAMES
def test_samples_have_the_moments(name):
    z = sample(TARGETS[name], 40_000, generator(1)).double()
    edges = np.linspace(-5, 5, 201)
    p, middle = probabilities(name, edges), (edges[1:] + edges[:-1]) / 2
    z0, z1 = np.meshgrid(middle, middle, indexing="ij")
    for i, j in ((1, 0), (0, 1), (2, 0), (0, 2), (1, 1)):
        values = z[:, 0] ** i * z[:, 1] ** j
        error = float(values.std()) / 200
        assert abs(float(values.mean()) - float((p * z0**i * z1**j).sum())) < 4 * error + 1e-3


@NAMES
@pytest.mark.parametrize("count", [1, 7, 5000])
def test_there_are_as_many_samples_as_asked(name, count):
    z = sample(TARGETS[name], count, generator())
    assert (z.shape, z.dtype) == ((count, 2), torch.float64)
    assert torch.equal(sample(TARGETS[name], count, generator()), z)
    assert not torch.equal(sample(TARGETS[name], count, generator(1)), z)
    assert len(z.unique(dim=0)) == count


def test_generated_points_of_every_target():
    points, again, other = generate(1), generate(1), generate(2)
    assert list(points) == list(TARGETS) == ["arcs", "sine"]
    for name in TARGETS:
        assert points[name].shape == (POINTS, 2) == (5000, 2)
        assert torch.equal(points[name], again[name])
        assert not torch.equal(points[name], other[name])


def test_points_are_the_same_in_every_precision():
    expected = generate(1)
    set_precision("float32", torch.device("cpu"))
    for name, points in generate(1).items():
        assert points.dtype == torch.float64
        assert torch.equal(points, expected[name])


# ---- files -----------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Return the paths of good files, by the names that load asks for, and the points in them."""
    points = {name: uniform(POINTS, target, seed=3).numpy() for name, target in TARGETS.items()}
    paths = {target.file.name: tmp_path / f"copy-of-{target.file.name}" for target in TARGETS.values()}
    for name, target in TARGETS.items():
        np.save(tmp_path / f"copy-of-{target.file.name}", points[name])
    return paths, points


def test_files_are_loaded(files):
    paths, points = files
    assert list(paths) == ["data_arcs.npy", "data_sine.npy"]
    loaded = load(paths)
    assert list(loaded) == ["arcs", "sine"]
    for name in TARGETS:
        assert loaded[name].dtype == torch.float32
        np.testing.assert_array_equal(loaded[name].numpy(), points[name].astype(np.float32))


def spoilt(value):
    points = np.zeros((POINTS, 2))
    points[17, 1] = value
    return points


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros((POINTS - 1, 2)), r"\(4999, 2\): should be \(5000, 2\)"),
        (np.zeros((POINTS, 3)), r"\(5000, 3\): should be \(5000, 2\)"),
        (np.zeros((2, POINTS)), r"\(2, 5000\): should be \(5000, 2\)"),
        (np.zeros(()), r"\(\): should be \(5000, 2\)"),
        (spoilt(np.nan), r"\(5000, 2\): should be \(5000, 2\), all finite"),
        (spoilt(-np.inf), "all finite"),
        (spoilt(1e300), "all finite"),  # not in float32
        (spoilt(0).astype(object), "not an array of numbers"),
        (spoilt(0).astype(str), "not an array of numbers"),
        (spoilt(0) * 1j, "not an array of numbers"),
    ],
    ids=["rows", "columns", "transposed", "a number", "nan", "inf", "1e300", "objects", "texts", "complex"],
)
def test_arrays_that_are_no_points(files, content, message):
    paths, _ = files
    np.save(paths["data_sine.npy"], content)
    with pytest.raises(InputError, match=rf"^{paths['data_sine.npy']}: .*{message}") as caught:
        load(paths)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"not an array\n", b"\x93NUMPY\x01\x00", b"\x80\x04N.", b"PK\x03\x04"], ids=str
)
def test_files_that_are_no_arrays(files, content):
    paths, _ = files
    paths["data_arcs.npy"].write_bytes(content)
    with pytest.raises(InputError, match=rf"^{paths['data_arcs.npy']}: not an array of numbers"):
        load(paths)


def test_truncated_files(files):
    path = files[0]["data_arcs.npy"]
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=rf"^{path}: not an array of numbers"):
        load(files[0])


def test_files_that_are_not_there(files):
    path = files[0]["data_arcs.npy"]
    path.unlink()
    with pytest.raises(InputError, match=rf"^{path}: not an array of numbers \(.*No such file"):
        load(files[0])


@pytest.mark.skipif(not TOY2D.exists(), reason=f"no {TOY2D}")
@NAMES
def test_the_reports_own_files(name):
    entry = TARGETS[name].file
    content = (TOY2D / entry.name).read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry.sha256, entry.size)
    points = load({target.file.name: TOY2D / target.file.name for target in TARGETS.values()})[name]
    assert points.dtype == torch.float32
    assert len(points) == POINTS
