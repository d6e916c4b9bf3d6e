import torch

from regen.realnvp.networks import RealNVP
from regen.realnvp.sampling import sample


def flow():
    torch.manual_seed(0)
    flow = RealNVP((1, 4, 4), 2, [8], 0.05)
    for parameter in flow.parameters():
        parameter.data.add_(torch.randn(parameter.shape) * 0.1)  # the last layers start at zero
    return flow.eval()


def test_images_are_those_of_normal_codes_at_a_temperature():
    subject = flow()
    z = torch.randn(6, 16, generator=torch.Generator().manual_seed(3))
    assert torch.equal(sample(subject, 6, 0.7, seed=3), subject.sample(z, 0.7).detach())
    assert not torch.equal(sample(subject, 6, 0.7, seed=3), sample(subject, 6, 1.0, seed=3))


def test_the_seed_decides_and_the_global_stream_does_not():
    subject = flow()
    before = torch.get_rng_state()
    one, again, other = (sample(subject, 9, 1.0, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.shape == (9, 1, 4, 4)
