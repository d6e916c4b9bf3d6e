"""Small GANs and data, one of each kind of networks."""

import torch

from regen.gan.learner import GanLearner
from regen.gan.networks import build_critic, build_generator
from regen.params.gan import DcganRun, MlpRun, ResidualRun
from regen.training.device import autocast

SHAPE = (3, 8, 8)
"""Of images that all kinds of networks make."""

RESIDUAL = {
    "data": "digits_color",
    "networks": "residual",
    "latent": 5,
    "width": 3,
    "slope": 0.2,
    "loss": "jsd",
    "critic_steps": 2,
    "batch_size": 4,
    "betas": [0.0, 0.99],
    "generator_learning_rate": 2e-3,
    "critic_learning_rate": 4e-3,
    "critic_weight_decay": 1e-2,
    "ema": 0.9,
    "steps": 6,
    "shown": [0, 4, 6],
    "evaluate_every": 2,
    "statistics_batches": 3,
}
MLP = {
    **{key: value for key, value in RESIDUAL.items() if key != "width"},
    "networks": "mlp",
    "generator": [6, 7],
    "critic": [8],
    "generator_batch_norm": True,
    "loss": "nonsaturating",
    "critic_steps": 1,
    "ema": 0.0,
}
DCGAN = {**RESIDUAL, "networks": "dcgan", "loss": "nonsaturating", "critic_steps": 1, "ema": 0.0}
KINDS = {"residual": RESIDUAL, "mlp": MLP, "dcgan": DCGAN}
SECTIONS = {"residual": ResidualRun, "mlp": MlpRun, "dcgan": DcganRun}


def run_of(kind="residual", **changes):
    """Return the run of that kind of networks with some keys changed."""
    return SECTIONS[kind](**(KINDS[kind] | changes))


def networks_of(run, shape=SHAPE, seed=0):
    torch.manual_seed(seed)
    return build_generator(run, shape), build_critic(run, shape)


def learner_of(run, shape=SHAPE, seed=0, precision="float64"):
    return GanLearner(run, *networks_of(run, shape, seed), autocast(precision, torch.device("cpu")))


def pixels_of(count, shape=SHAPE, seed=0):
    """Return random images (count, *shape) uint8."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, *shape), dtype=torch.uint8, generator=generator)


def images_of(count, shape=SHAPE, seed=0):
    """Return random images (count, *shape) in [-1, 1]."""
    return pixels_of(count, shape, seed) / 127.5 - 1


def vector_of(*networks):
    """Return all parameters and buffers, one after another."""
    states = [network.state_dict().values() for network in networks]
    return torch.cat([tensor.detach().double().flatten() for state in states for tensor in state])
