"""What a CUDA device computes is what the processor computes, to the precision that is asked for."""

import pytest
import torch

from attention.small import RUN as TRANSLATOR
from attention.small import sentences_of, translator_of
from gan.small import networks_of, pixels_of, run_of
from planar.small import RUN as REALNVP
from realnvp.small import built
from regen.attention.training import TranslatorLearner
from regen.gan.learner import GanLearner
from regen.realnvp.training import RealNvpLearner
from regen.training.device import autocast, place, set_precision
from regen.vae.training import VaeLearner
from vae.small import SMALL, random_images, vae_of

pytestmark = pytest.mark.cuda

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
STEPS = 3
ERRORS = {"tf32": (1e-6, 2e-3), "bfloat16": (1e-5, 2e-2)}
"""Relative error of a matrix product, at least and at most; in float32 it is below the least."""


@pytest.fixture(autouse=True)
def _draws(monkeypatch):
    """Random numbers of the processor on every device; those of a device are others for the same seed."""
    draws = {name: getattr(torch, name) for name in ("rand", "randn", "rand_like", "randn_like")}

    def on_cpu(name):
        def draw(*size, device=None, **options):
            if name.endswith("_like"):
                (x,) = size
                return draws[name](torch.empty(x.shape, dtype=x.dtype), **options).to(x.device)
            return draws[name](*size, **options).to(device or CPU)

        return draw

    for name in draws:
        monkeypatch.setattr(torch, name, on_cpu(name))
    normal = torch.Tensor.normal_

    def filled(x, *args, **options):
        return x.copy_(normal(torch.empty(x.shape, dtype=x.dtype), *args, **options))

    monkeypatch.setattr(torch.Tensor, "normal_", filled)


@pytest.fixture(autouse=True)
def _precision():
    yield
    set_precision("float64", CUDA)


def vae(device):
    learner = VaeLearner(
        place(vae_of(), device), SMALL, random_images(2, 6).to(device), autocast("float64", device)
    )
    return learner, learner.vae, [random_images(16, 6, seed).to(device) for seed in range(STEPS)]


def realnvp(device):
    torch.manual_seed(0)
    learner = RealNvpLearner(
        built().to(device), REALNVP, random_images(2, 6).to(device), autocast("float64", device)
    )
    return learner, learner.flow, [random_images(16, 6, seed).to(device) for seed in range(STEPS)]


def translator(device):
    pairs = sentences_of(24).to(device)
    learner = TranslatorLearner(
        translator_of().train().to(device), TRANSLATOR, pairs, pairs, autocast("float64", device)
    )
    return learner, learner.translator, list(learner.rows.split(8))


def gan(device, penalty="none"):
    run = run_of(penalty=penalty, penalty_coefficient=float(penalty != "none"))
    generator, critic = (place(network, device) for network in networks_of(run))
    learner = GanLearner(run, generator, critic, autocast("float64", device))
    count = run.critic_steps * run.batch_size
    return learner, generator, list(pixels_of(STEPS * count).to(device).split(count))


FAMILIES = {
    "vae": vae,
    "realnvp": realnvp,
    "translator": translator,
    "gan": gan,
    "gan with R1": lambda device: gan(device, "r1"),
    "gan with GP": lambda device: gan(device, "gp"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_steps_in_float64_are_those_of_the_processor(family):
    found = []
    for device in (CPU, CUDA):
        learner, network, batches = FAMILIES[family](device)
        torch.manual_seed(1)
        terms = [learner.step(batch).cpu() for batch in batches]
        found.append([*terms, *(p.detach().cpu() for p in network.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


def product(precision):
    """Return a matrix product on CUDA in that precision, in float64."""
    set_precision(precision, CUDA)
    generator = torch.Generator().manual_seed(0)
    a, b = torch.empty(2, 512, 512, dtype=torch.float32).normal_(generator=generator).to(CUDA)
    with autocast(precision, CUDA):
        return (a @ b).double(), a.double() @ b.double()


@pytest.mark.parametrize("precision", ERRORS)
def test_a_lower_precision_is_as_far_from_float32_as_its_mantissa_is_short(precision):
    least, most = ERRORS[precision]
    for name, low, high in (("float32", 0, least), (precision, least, most)):
        found, exact = product(name)
        error = float((found - exact).norm() / exact.norm())
        assert low <= error <= high, name


@pytest.mark.parametrize("precision", ERRORS)
@pytest.mark.parametrize("penalty", ["none", "r1", "gp"])
def test_the_terms_of_a_step_in_lower_precision_are_near_those_in_float32(precision, penalty):
    found = []
    for name in ("float32", precision):
        set_precision(name, CUDA)
        run = run_of(penalty=penalty, penalty_coefficient=float(penalty != "none"), width=16)
        networks = (place(network, CUDA) for network in networks_of(run))
        learner = GanLearner(run, *networks, autocast(name, CUDA))
        torch.manual_seed(1)
        found.append(learner.step(pixels_of(run.critic_steps * run.batch_size).to(CUDA)))
    torch.testing.assert_close(*found, rtol=3e-2, atol=3e-2)
