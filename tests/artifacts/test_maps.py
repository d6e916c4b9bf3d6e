import pytest
import torch

from regen.artifacts import AttentionMap, read_maps, write_maps, write_tensors
from regen.errors import InputError


def a_map(source="un deux trois </s>", translation="one two </s>"):
    source, translation = source.split(), translation.split()
    weights = torch.rand(len(translation), len(source))
    return AttentionMap(source, translation, "one two", weights, [True] + [False] * (len(translation) - 1))


def test_maps_come_back_in_their_order(tmp_path):
    path = tmp_path / "maps.safetensors"
    maps = [a_map(translation=" ".join(["mot"] * length)) for length in range(1, 13)]
    write_maps(path, maps)
    for found, expected in zip(read_maps(path), maps, strict=True):
        assert (found.source, found.translation) == (expected.source, expected.translation)
        assert (found.reference, found.swapped) == (expected.reference, expected.swapped)
        assert torch.equal(found.weights, expected.weights)


def test_no_maps(tmp_path):
    write_maps(tmp_path / "maps.safetensors", [])
    assert read_maps(tmp_path / "maps.safetensors") == []


@pytest.mark.parametrize(
    ("tensors", "about"),
    [
        ({}, {"0.words": '[["a"], ["b"], "b", [false]]'}),
        ({"0.weights": torch.ones(1, 2)}, {"0.words": '[["a"], ["b"], "b", [false]]'}),
        ({"0.weights": torch.ones(1, 1)}, {"0.words": '[["a"], ["b"], "b", []]'}),
        ({"0.weights": torch.ones(1, 1)}, {"0.words": '[["a"], ["b"], "b"]'}),
        ({"0.weights": torch.ones(1, 1)}, {"0.words": '["a", ["b"], "b", [false]]'}),
        ({"0.weights": torch.ones(1, 1)}, {"0.words": "7"}),
        ({"0.weights": torch.ones(1, 1)}, {"words": "[]"}),
    ],
)
def test_what_is_no_map_is_refused_in_one_line(tmp_path, tensors, about):
    path = tmp_path / "maps.safetensors"
    write_tensors(path, tensors, about)
    with pytest.raises(InputError, match=r"no attention maps .*; run the stage that makes them$") as caught:
        read_maps(path)
    assert "\n" not in str(caught.value)
