"""Layers of a network as `params.yaml` writes them, and the shapes that they give; no torch here."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from regen.params.base import Count, Section

Shape = tuple[int, ...]
"""(D,) after a linear layer, (C, H, W) after a convolution."""


class Conv(Section):
    """A convolution, in a decoder a transposed one; then, where `pool` is above 1, max-pooling."""

    channels: Count = Field(description="maps that it gives")
    kernel: Count = Field(description="pixels a side")
    stride: Count = Field(default=1, description="pixels from one place to the next")
    padding: Annotated[int, Field(ge=0)] = Field(default=0, description="empty pixels around the image")
    pool: Count = Field(default=1, description="pixels a side of which the largest is kept")

    def side(self, pixels: int, transposed: bool) -> int:
        """Return how many pixels a side `pixels` a side become; none or fewer where they do not fit."""
        if transposed:
            return ((pixels - 1) * self.stride - 2 * self.padding + self.kernel) // self.pool
        return ((pixels + 2 * self.padding - self.kernel) // self.stride + 1) // self.pool


def _is_conv(layer: Any) -> str:
    return "[conv]" if isinstance(layer, dict | Conv) else "[width]"


Layer = Annotated[
    Annotated[Count, Tag("[width]")] | Annotated[Conv, Tag("[conv]")],
    Discriminator(_is_conv),
]
"""A width, for a linear layer, or a convolution."""


def shapes(layers: Sequence[int | Conv], start: Shape, transposed: bool = False) -> list[Shape]:
    """Return the shape before the first of `layers` and after each; D numbers count as D maps of one pixel.

    Raises:
        ValueError: a convolution does not fit what it is given.
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


def as_maps(shape: Shape) -> Shape:
    """Return `shape` as a convolution takes it: D numbers as (D, 1, 1)."""
    return shape if len(shape) == 3 else (prod(shape), 1, 1)
