"""One step against the same step as a course's code writes it, and the average."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import logsigmoid
from torch.utils._python_dispatch import TorchDispatchMode

from gan.small import KINDS, learner_of, networks_of, pixels_of, run_of, vector_of
from regen.gan.learner import STATISTICS_SEED, _averaged
from regen.gan.sampling import noise, scale
from regen.training.device import set_precision
from regen.training.grid import on_grid
from regen.training.schedule import Passes

SHAPE = (3, 16, 16)


class Plain:
    """A course's training loop: a graph for each player, torch's optimisers, weights on the grid."""

    def __init__(self, run, shape=SHAPE):
        self.run = run
        self.generator, self.critic = networks_of(run, shape)
        betas = tuple(map(float, run.betas))
        self.opt_g = on_grid(
            torch.optim.Adam(self.generator.parameters(), lr=run.generator_learning_rate, betas=betas),
            self.generator,
        )
        self.opt_c = on_grid(
            torch.optim.Adam(
                self.critic.parameters(),
                lr=run.critic_learning_rate,
                betas=betas,
                weight_decay=run.critic_weight_decay,
            ),
            self.critic,
        )
        self.ema = [value.clone() for value in self.generator.state_dict().values()]

    def metric(self, p, q):
        if self.run.loss == "w1":
            return p.mean() - q.mean()
        return 0.5 * (logsigmoid(p).mean() + logsigmoid(-q).mean() + math.log(4))

    def penalty(self, real, fake):
        if self.run.penalty == "none":
            return torch.zeros(())
        x = real.clone()
        if self.run.penalty == "gp":
            x = real + torch.rand(len(real), 1, 1, 1) * (fake - real)
        x.requires_grad_(True)
        gradient = torch.autograd.grad(self.critic(x).sum(), x, create_graph=True)[0]
        norm = gradient.square().sum((1, 2, 3)).sqrt()
        return ((norm - 1) ** 2).mean() if self.run.penalty == "gp" else (norm**2).mean()

    def step(self, batch):
        run, terms = self.run, []
        for pixels in batch.split(run.batch_size):
            real = (pixels.float() / 127.5 - 1).double()
            fake = self.generator(torch.randn(run.batch_size, run.latent)).detach()
            if run.spectral_norm:  # each call is one of its power iterations
                p, q = self.critic(torch.cat([real, fake])).chunk(2)
            else:
                p, q = self.critic(real), self.critic(fake)
            metric, penalty = self.metric(p, q), self.penalty(real, fake)
            loss = -metric
            if run.loss == "nonsaturating":
                bce = nn.BCEWithLogitsLoss()
                loss = bce(p, torch.ones(len(p))) + bce(q, torch.zeros(len(q)))
            loss = loss + run.penalty_coefficient * penalty
            self.opt_c.zero_grad()
            loss.backward()
            self.opt_c.step()
            terms.append([metric.item(), loss.item(), penalty.item()])
        q = self.critic(self.generator(torch.randn(run.batch_size, run.latent)))
        if run.loss == "nonsaturating":
            loss = nn.BCEWithLogitsLoss()(q, torch.ones(len(q)))
        else:
            loss = -q.mean() if run.loss == "w1" else 0.5 * logsigmoid(-q).mean()
        self.opt_g.zero_grad()
        loss.backward()
        self.opt_g.step()
        for old, new in zip(self.ema, self.generator.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.copy_(run.ema * old + (1 - run.ema) * new)
        return [*torch.tensor(terms).mean(0).tolist(), loss.item()]


STEPS = {
    "jsd": {},
    "w1": {"loss": "w1"},
    "nonsaturating": {"loss": "nonsaturating", "critic_steps": 1},
    "spectral": {"spectral_norm": True},
    "w1 spectral": {"loss": "w1", "spectral_norm": True},
    "r1": {"penalty": "r1", "penalty_coefficient": 1.0},
    "w1 r1": {"loss": "w1", "penalty": "r1", "penalty_coefficient": 0.5, "critic_steps": 3},
    "gp": {"penalty": "gp", "penalty_coefficient": 0.7},
    "mlp": {"kind": "mlp"},
    "mlp gp": {"kind": "mlp", "loss": "w1", "penalty": "gp", "penalty_coefficient": 10.0},
    "dcgan": {"kind": "dcgan"},
    "dcgan jsd": {"kind": "dcgan", "loss": "jsd", "critic_steps": 2, "ema": 0.5},
}


@pytest.mark.parametrize("changes", STEPS.values(), ids=STEPS)
def test_steps_are_those_of_a_plain_loop(changes):
    # Adam divides by a gradient's size: with the second decay at 0 rounding errors would decide its sign
    run = run_of(**({"betas": [0.5, 0.9], "generator_learning_rate": 1e-3} | changes))
    ours, plain = learner_of(run, SHAPE), Plain(run)
    for seed in range(3):
        batch = pixels_of(run.critic_steps * run.batch_size, SHAPE, seed)
        torch.manual_seed(seed)
        terms = ours.step(batch)
        torch.manual_seed(seed)
        assert terms.tolist() == pytest.approx(plain.step(batch), rel=1e-9, abs=1e-12)
        assert not terms.requires_grad
    expected = vector_of(plain.generator, plain.critic)
    torch.testing.assert_close(vector_of(ours.generator, ours.critic), expected, rtol=1e-9, atol=1e-12)
    if run.ema:
        for one, other in zip(ours.average.state_dict().values(), plain.ema, strict=True):
            if one.is_floating_point():
                torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


class Reads(TorchDispatchMode):
    """Notes the operations that wait for a device, since Python or a shape needs their result."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select"):
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("changes", STEPS.values(), ids=STEPS)
def test_a_step_reads_nothing_back(changes):
    run = run_of(**changes)
    learner = learner_of(run, SHAPE)
    passes = Passes(
        pixels_of(3 * run.critic_steps * run.batch_size, SHAPE), run.critic_steps * run.batch_size
    )
    with Reads() as reads:
        for _ in range(4):
            learner.step(passes.next())
    assert reads.seen == []
    with Reads() as reads:
        float(learner.step(passes.next())[0])
    assert reads.seen == ["_local_scalar_dense"]


def test_the_average_is_a_plain_recurrence():
    run = run_of(ema=0.7)
    learner = learner_of(run)
    expected = [tensor.clone() for tensor in _averaged(learner.generator)]
    assert len(expected) == len(list(learner.generator.parameters())) + 2 * 3  # and a batch norm's buffers
    for seed in range(5):
        learner.step(pixels_of(8, seed=seed))
        for value, new in zip(expected, _averaged(learner.generator), strict=True):
            value.mul_(0.7).add_(0.3 * new)
    for one, other in zip(_averaged(learner.average), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert not torch.equal(vector_of(learner.average), vector_of(learner.generator))


def test_without_an_average_the_generator_itself_is_shown():
    learner = learner_of(run_of(ema=0.0, statistics_batches=0))
    learner.step(pixels_of(8))
    assert torch.equal(vector_of(learner.evaluated()), vector_of(learner.generator))


def test_a_player_s_step_moves_that_player_only():
    learner = learner_of(run_of())
    generator, critic = vector_of(learner.generator), vector_of(learner.critic)
    parameters = [p.clone() for p in learner.generator.parameters()]
    learner.step_critic(scale(pixels_of(4)))
    assert all(map(torch.equal, parameters, learner.generator.parameters()))  # batch norm has seen codes
    assert not torch.equal(vector_of(learner.critic), critic)
    critic = vector_of(learner.critic)
    learner.step_generator()
    assert not torch.equal(vector_of(learner.generator), generator)
    assert torch.equal(vector_of(learner.critic), critic)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("precision", "inside", "outside"),
    [
        ("float64", torch.float64, torch.float64),
        ("float32", torch.float32, torch.float32),
        ("auto", torch.float32, torch.float32),
        ("tf32", torch.float32, torch.float32),
        ("bfloat16", torch.bfloat16, torch.float32),
    ],
)
def test_every_precision_trains_the_critic(kind, precision, inside, outside):
    set_precision(precision, torch.device("cpu"))
    penalty = {} if kind == "dcgan" else {"penalty": "r1", "penalty_coefficient": 0.01}
    learner = learner_of(run_of(kind, **penalty), SHAPE, precision=precision)
    kinds = set()
    layer = next(m for m in learner.critic.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))
    layer.register_forward_hook(lambda _module, _inputs, output: kinds.add(output.dtype))
    torch.manual_seed(0)
    batch = (pixels_of(8, SHAPE) // 4)[: learner.run.batch_size * learner.run.critic_steps]
    terms = torch.stack([learner.step(batch) for _ in range(30)])
    assert kinds == {inside}
    assert terms.dtype == outside
    assert {p.dtype for p in learner.generator_parameters + learner.critic_parameters} == {outside}
    assert terms.isfinite().all()
    assert terms[-5:, 0].mean() > terms[:5, 0].mean()


@pytest.mark.parametrize(("kind", "layers"), [("residual", 6), ("mlp", 1), ("dcgan", 2)])
def test_batch_norm_s_statistics_are_means_of_those_of_batches(kind, layers):
    run = run_of(kind, statistics_batches=5)
    learner = learner_of(run, SHAPE)
    for seed in range(3):
        learner.step(pixels_of(run.batch_size * run.critic_steps, SHAPE, seed))
    state = vector_of(learner.average)
    evaluated = learner.evaluated()
    assert torch.equal(vector_of(learner.average), state)
    assert torch.equal(vector_of(evaluated), vector_of(learner.evaluated()))
    assert not evaluated.training

    seen = {}
    for name, module in learner.average.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.register_forward_pre_hook(
                lambda _module, inputs, name=name: seen.setdefault(name, []).append(inputs[0].detach())
            )
    codes = noise(5 * run.batch_size, run.latent, STATISTICS_SEED, torch.device("cpu"))
    for z in codes.split(run.batch_size):
        learner.average(z)
    assert len(seen) == layers
    for name, inputs in seen.items():
        columns = [x.transpose(0, 1).flatten(1) for x in inputs]
        norm = evaluated.get_submodule(name)
        means, variances = (
            torch.stack([of(c, 1) for c in columns]).mean(0) for of in (torch.mean, torch.var)
        )
        torch.testing.assert_close(norm.running_mean, means, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(norm.running_var, variances, rtol=1e-9, atol=1e-12)
        assert norm.momentum == 0.1
    parameters = zip(evaluated.parameters(), learner.average.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in parameters)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_on_held_out_images_are_those_of_the_formulas(kind):
    run = run_of(kind)
    learner, pixels = learner_of(run, SHAPE), pixels_of(1003, SHAPE)
    losses = learner.losses(pixels)
    learner.generator.eval(), learner.critic.eval()
    with torch.no_grad():
        z = noise(1003, run.latent, 0, torch.device("cpu"))
        P, Q = learner.critic(scale(pixels)), learner.critic(learner.generator(z))
    assert losses["metric"] == pytest.approx(learner.objective.metric(P, Q).item(), rel=1e-9, abs=1e-12)
    assert losses["critic_loss"] == pytest.approx(learner.objective.critic(P, Q).item(), rel=1e-9, abs=1e-12)
    assert losses["generator_loss"] == pytest.approx(
        learner.objective.generator(Q).item(), rel=1e-9, abs=1e-12
    )
