import pytest
import torch
import torch.nn.functional as F
from torch import nn

from regen.attention import vocabulary
from regen.attention.vocabulary import mean_loss, word_losses, word_scores


def places(count=7, hidden=5, words=18):
    torch.manual_seed(0)
    features = torch.randn(count, hidden, requires_grad=True)
    return features, nn.Linear(hidden, words), torch.randint(words, (count,))


@pytest.fixture(autouse=True, params=[1, 3, 256])
def block(request, monkeypatch):
    monkeypatch.setattr(vocabulary, "BLOCK", request.param)


def test_scores_and_losses_are_those_of_torch():
    features, output, words = places()
    logits = output(features)
    nats, right = word_losses(features, output, words)
    torch.testing.assert_close(word_scores(features, output), logits.detach(), rtol=1e-12, atol=1e-12)
    expected = F.cross_entropy(logits, words, reduction="none").detach()
    torch.testing.assert_close(nats, expected, rtol=1e-12, atol=1e-12)
    assert right.tolist() == (logits.argmax(1) == words).tolist()


def test_the_loss_and_its_gradients_are_those_of_torch():
    features, output, words = places()
    weights = [features, *output.parameters()]
    ours, theirs = mean_loss(features, output, words), F.cross_entropy(output(features), words)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    found, expected = (torch.autograd.grad(3 * loss.square(), weights) for loss in (ours, theirs))
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


def test_there_is_no_second_gradient():
    features, output, words = places()
    (gradient,) = torch.autograd.grad(
        mean_loss(features, output, words).square(), features, create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_large_scores_have_finite_losses():
    features, output, words = places()
    with torch.no_grad():
        output.weight.mul_(1e3)
    assert mean_loss(features, output, words).isfinite()
