"""A recorded step does what the step does; on a made-up device here, and on a real one where there is one."""

from contextlib import contextmanager, nullcontext

import pytest
import torch

from gan.small import networks_of, pixels_of, run_of
from regen.gan.learner import GanLearner
from regen.training.device import autocast, place
from regen.training.graphs import WARM_UP, Recorded


class MadeUpDevice:
    """Runs a step at once, but while it records: then only when the graph is replayed, as CUDA does."""

    def __init__(self, monkeypatch):
        self.seen, self.recording, self.recorded = [], False, None
        self.result = torch.zeros(1)
        for name, fake in {
            "Stream": MadeUpStream,
            "current_stream": MadeUpStream,
            "stream": lambda _: nullcontext(),
            "CUDAGraph": lambda: self,
            "graph": self.graph,
        }.items():
            monkeypatch.setattr(torch.cuda, name, fake)

    def step(self, batch):
        if self.recording:
            self.recorded = batch
        else:
            self.run(batch)
        return self.result

    def run(self, batch):
        self.seen.append(batch.item())
        self.result.fill_(-batch.item())

    def replay(self):
        self.run(self.recorded)

    @contextmanager
    def graph(self, graph, stream):  # noqa: ARG002  as torch.cuda.graph
        self.recording = True
        yield
        self.recording = False


class MadeUpStream:
    def wait_stream(self, other):
        assert isinstance(other, MadeUpStream)


def test_every_call_takes_one_step_on_its_batch(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    device = MadeUpDevice(monkeypatch)
    step = Recorded(device.step)
    batches = range(1, WARM_UP + 5)
    assert [step(torch.tensor([float(batch)])).item() for batch in batches] == [-batch for batch in batches]
    assert device.seen == list(batches)
    assert step.graph is device


def test_a_batch_may_be_reused_after_the_call(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    device = MadeUpDevice(monkeypatch)
    step, batch = Recorded(device.step), torch.zeros(1)
    for value in range(2 * WARM_UP):
        step(batch.fill_(value))
    assert device.seen == list(range(2 * WARM_UP))


@pytest.mark.cuda
@pytest.mark.parametrize("loss", ["jsd", "w1", "nonsaturating"])
@pytest.mark.parametrize("penalty", ["none", "r1", "gp"])
@pytest.mark.parametrize("spectral_norm", [False, True])
def test_a_recorded_gan_is_the_plain_one(loss, penalty, spectral_norm):
    run = run_of(
        loss=loss, penalty=penalty, penalty_coefficient=float(penalty != "none"), spectral_norm=spectral_norm
    )
    plain, recorded = (trained(run, wrap, 3 * WARM_UP) for wrap in (lambda step: step, Recorded))
    for one, other in zip(plain, recorded, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def trained(run, wrap, steps):
    """Return the terms of all steps, and the parameters after them."""
    device = torch.device("cuda")
    networks = (place(network, device) for network in networks_of(run))
    learner = GanLearner(run, *networks, autocast("float64", device))
    step = wrap(learner.step)
    count = run.critic_steps * run.batch_size
    terms = [step(batch).clone() for batch in pixels_of(steps * count).to(device).split(count)]
    return [*terms, *learner.generator.parameters(), *learner.critic.parameters()]
