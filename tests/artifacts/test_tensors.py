"""Tensors and weights come back as they were, or are refused."""

import logging

import pytest
import torch

from artifacts.small import TENSORS
from regen.artifacts import (
    load_state,
    load_weights,
    read_snapshots,
    read_tensors,
    write_snapshots,
    write_tensors,
)
from regen.errors import InputError


def test_tensors_come_back(tmp_path):
    path = tmp_path / "t.safetensors"
    write_tensors(path, TENSORS, {"name": "digits", "source": "embedded"})
    tensors, about = read_tensors(path)
    assert about == {"name": "digits", "source": "embedded"}
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == TENSORS[name].dtype
        torch.testing.assert_close(tensor, TENSORS[name], rtol=0, atol=0, equal_nan=True)


def test_equal_content_has_equal_bytes(tmp_path):
    about = {f"key{i}": str(i) for i in range(10)}
    contents = set()
    for turn in range(20):
        order = sorted(TENSORS, reverse=turn % 2)
        write_tensors(
            tmp_path / "t.safetensors",
            {name: TENSORS[name] for name in order},
            {key: about[key] for key in sorted(about, reverse=turn % 2)},
        )
        contents.add((tmp_path / "t.safetensors").read_bytes())
    assert len(contents) == 1


def test_views_and_parameters_are_written_as_what_they_show(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    write_tensors(tmp_path / "t", {"columns": base.T[1:3], "all": torch.nn.Parameter(base)})
    tensors, about = read_tensors(tmp_path / "t")
    assert about == {}
    assert torch.equal(tensors["columns"], base.T[1:3])
    assert torch.equal(tensors["all"], base)


def test_snapshots_come_back_first_epoch_first(tmp_path):
    """By number: in the file they stand as words, where 10 comes before 2."""
    path = tmp_path / "snapshots.safetensors"
    shown = {epoch: torch.full((4, 1, 2, 3), epoch, dtype=torch.uint8) for epoch in (10, 2, 0, 100)}
    write_snapshots(path, shown)
    back = read_snapshots(path)
    assert list(back) == [0, 2, 10, 100]
    assert all(torch.equal(back[epoch], images) for epoch, images in shown.items())
    assert {images.dtype for images in back.values()} == {torch.uint8}


def normed():
    """Return a network with parameters, and with a buffer that counts."""
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))


def test_weights_come_back_without_a_word(tmp_path, caplog):
    network, other = normed(), normed()
    network(torch.randn(4, 2))
    write_tensors(tmp_path / "w", network.state_dict())
    with caplog.at_level(logging.INFO):
        load_weights(other, tmp_path / "w")
    assert caplog.messages == []
    for name, value in other.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


def test_weights_of_another_precision_are_converted_and_one_line_says_so(tmp_path, caplog):
    network, single = normed(), normed().float()
    write_tensors(tmp_path / "w", single.state_dict())
    load_weights(network, tmp_path / "w")
    assert caplog.messages == [
        f"{tmp_path / 'w'}: weights in float32, converted to the float64 that this run computes in"
    ]
    for name, value in single.state_dict().items():
        own = network.state_dict()[name]
        assert own.dtype == (torch.float64 if value.is_floating_point() else value.dtype)
        assert torch.equal(own, value.to(own.dtype))


@pytest.mark.parametrize("kind", [torch.int64, torch.uint8, torch.bool])
def test_weights_that_are_no_floats_are_refused_and_none_is_loaded(tmp_path, caplog, kind):
    network = normed()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    wrong = network.state_dict() | {"0.weight": torch.ones(3, 2, dtype=kind)}
    with pytest.raises(InputError) as caught:
        load_state(network, wrong, tmp_path / "w")
    assert str(caught.value).startswith(f"{tmp_path / 'w'}: not the weights of this run's networks (")
    assert str(kind).removeprefix("torch.") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caplog.messages == []
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_weights_of_another_architecture_are_refused(tmp_path, caplog):
    with pytest.raises(InputError, match="not the weights of this run's networks") as caught:
        load_state(normed(), torch.nn.Linear(2, 3).float().state_dict(), tmp_path / "w")
    assert "\n" not in str(caught.value)
    assert caplog.messages == []
