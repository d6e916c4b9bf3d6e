"""Layers of a network as written in `params.yaml`, and the shapes of their outputs, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from regen.params.base import Count, Section

Shape = tuple[int, ...]
"""(D,) after a linear layer, (C, H, W) after a convolution."""


class Conv(Section):
    """A convolution, transposed in a decoder, followed by max-pooling if `pool` is above 1."""

    channels: Count = Field(description="output channels")
    kernel: Count = Field(description="side of the kernel in pixels")
    stride: Count = Field(default=1, description="step in pixels")
    padding: Annotated[int, Field(ge=0)] = Field(default=0, description="pixels of zero padding on each side")
    pool: Count = Field(default=1, description="side of the max-pooling window in pixels; 1: no pooling")

    def side(self, pixels: int, transposed: bool) -> int:
        """Compute the output's side from the input's, in pixels; 0 or less if the kernel does not fit."""
        if transposed:
            return ((pixels - 1) * self.stride - 2 * self.padding + self.kernel) // self.pool
        return ((pixels + 2 * self.padding - self.kernel) // self.stride + 1) // self.pool


def _is_conv(layer: Any) -> str:
    return "[conv]" if isinstance(layer, dict | Conv) else "[width]"


Layer = Annotated[
    Annotated[Count, Tag("[width]")] | Annotated[Conv, Tag("[conv]")],
    Discriminator(_is_conv),
]
"""The width of a linear layer, or a convolution."""


def shapes(layers: Sequence[int | Conv], start: Shape, transposed: bool = False) -> list[Shape]:
    """Shapes before the first of `layers` and after each; D numbers count as D maps of one pixel.

    Raises:
        ValueError: a convolution does not fit its input.
    """
    found = [start]
    for number, layer in enumerate(layers):
        shape = found[-1]
        if isinstance(layer, Conv):
            _, *sides = as_maps(shape)
            after = [layer.side(side, transposed) for side in sides]
            if min(after) < 1:
                raise ValueError(
                    f"layer {number}: kernel {layer.kernel} and pool {layer.pool} do not fit the "
                    f"{'x'.join(map(str, as_maps(shape)))} before it"
                )
            found.append((layer.channels, *after))
        else:
            found.append((layer,))
    return found


def is_followed(layers: Sequence[int | Conv], number: int) -> bool:
    """Whether activation, norm and dropout follow layer `number`: all do but the last, and those before maps.

    These are linear layers that spread a code into maps, which a convolution takes as they are (World Models,
    Ha and Schmidhuber, 2018).
    """
    layer, *following = layers[number : number + 2]
    return bool(following) and (isinstance(layer, Conv) or not isinstance(following[0], Conv))


def as_maps(shape: Shape) -> Shape:
    """Shape as the input of a convolution: (D,) becomes (D, 1, 1)."""
    return shape if len(shape) == 3 else (prod(shape), 1, 1)
