import math

import pytest
import torch

from depth.small import NORMS, SETTINGS, copier_of, states
from regen.depth.stacks import BLOCKS, EPS, Copier, copying_loss, spectral_norm


def block_of(norm):
    return copier_of(norm, 1)[0].blocks[0]


def literal_attention(block, x):
    """A(x) of one sequence (T, d), a word, a head and an entry at a time."""
    length, width = x.shape
    size = width // block.heads
    rows = block.project.weight
    taken = torch.zeros(length, width)
    for head in range(block.heads):
        first = head * size
        q, k, v = (x @ rows[part * width + first : part * width + first + size].T for part in range(3))
        for i in range(length):
            scores = torch.stack([(q[i] * k[j]).sum() / math.sqrt(size) for j in range(length)])
            shares = scores.exp() / scores.exp().sum()
            for j in range(length):
                taken[i, first : first + size] += shares[j] * v[j]
    return taken @ block.merge.weight.T


def literal_norm(norm, x):
    """Each word's entries with mean 0 and variance 1, scaled and shifted."""
    rows = []
    for row in x:
        mean = row.sum() / len(row)
        variance = ((row - mean) ** 2).sum() / len(row)
        rows.append((row - mean) / torch.sqrt(variance + 1e-5) * norm.weight + norm.bias)
    return torch.stack(rows)


def test_attention_as_it_is_written():
    block, x = block_of("post"), states(3)
    with torch.no_grad():
        expected = torch.stack([literal_attention(block, sequence) for sequence in x])
        torch.testing.assert_close(block.attend(x), expected, rtol=1e-12, atol=1e-12)


def test_the_two_ways_to_normalise():
    x = states(1)
    with torch.no_grad():
        post, pre = block_of("post"), block_of("pre")
        after = literal_norm(post.norm, x[0] + literal_attention(post, x[0]))
        before = x[0] + literal_attention(pre, literal_norm(pre.norm, x[0]))
        torch.testing.assert_close(post(x).output[0], after, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(pre(x).output[0], before, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_what_a_block_normalises(norm):
    block, x = block_of(norm), states()
    passed = block(x)
    assert torch.equal(block.norm(passed.entering), passed.normalised)
    if norm == "post":
        assert torch.equal(passed.output, passed.normalised)
    else:
        assert torch.equal(passed.entering, x)


@pytest.mark.parametrize("norm", NORMS)
def test_a_sequence_is_read_alone_and_without_regard_to_order(norm):
    block, x = block_of(norm), states(4)
    order = torch.tensor([3, 0, 4, 1, 2])
    with torch.no_grad():
        whole = block(x).output
        torch.testing.assert_close(block(x[2:3]).output[0], whole[2], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(block(x[:, order]).output, whole[:, order], rtol=1e-12, atol=1e-12)


def test_states_and_matrices_have_their_variances_at_the_start():
    torch.manual_seed(0)
    settings = SETTINGS.model_copy(update={"width": 64, "words": 200, "length": 32})
    copier = Copier("pre", 2, settings)
    start = copier.embed(torch.randint(200, (64, 32)))
    assert start.var().item() == pytest.approx(1, rel=0.05)
    for block in copier.blocks:
        for linear in (block.project, block.merge):
            assert linear.weight.var().item() * 64 == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("norm", NORMS)
def test_the_stack_is_its_blocks_in_turn(norm):
    copier, words = copier_of(norm)
    with torch.no_grad():
        x = copier.words[words] + copier.positions
        for block in copier.blocks:
            x = block(x).output
        if norm == "pre":
            x = torch.stack([literal_norm(copier.last, sequence) for sequence in x])
        torch.testing.assert_close(copier(words), copier.read(x), rtol=1e-12, atol=1e-12)
    assert sum(p.numel() for p in copier.blocks.parameters()) == 3 * (4 * 8 * 8 + 2 * 8)


def test_the_loss_is_that_of_the_word_at_each_place():
    logits = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(1))
    words = torch.tensor([[0, 1, 2, 3, 4], [5, 5, 0, 2, 1]])
    terms = [
        math.log(sum(math.exp(value) for value in logits[n, t])) - float(logits[n, t, words[n, t]])
        for n in range(2)
        for t in range(5)
    ]
    assert float(copying_loss(logits, words)) == pytest.approx(sum(terms) / 10, rel=1e-12)
    assert float(copying_loss(torch.zeros(2, 5, 6), words)) == pytest.approx(math.log(6), rel=1e-12)


def test_layer_normalisation_s_jacobian_and_its_spectral_norm_in_closed_form():
    d = SETTINGS.width
    norm = BLOCKS["post"](d, 2).norm
    for scale in (0.01, 1.0, 7.0):
        x = scale * states(seed=3)[0] + 2
        jacobians = torch.func.vmap(torch.func.jacrev(norm))(x)
        for row, jacobian, found in zip(x, jacobians, spectral_norm(x), strict=True):
            s = torch.sqrt(row.var(correction=0) + EPS)
            y = (row - row.mean()) / s
            expected = (torch.eye(d) - torch.ones(d, d) / d - torch.outer(y, y) / d) / s
            torch.testing.assert_close(jacobian, expected, rtol=1e-9, atol=1e-9)
            assert float(found) == pytest.approx(torch.linalg.matrix_norm(jacobian, 2).item(), rel=1e-9)
