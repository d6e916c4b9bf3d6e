"""Attention of a translator on a sentence."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regen.artifacts import AttentionMap
from regen.errors import InputError
from regen.figures.style import RENDERERS, save_figure, use_style
from regen.params import FigureFiles

DPI = 150
WORD = 0.3
"""Inches per word."""


def attention_axes(axes: Axes, found: AttentionMap) -> None:
    """Draw a map in `axes`: source words above, translated words on the left, those that swapped in bold."""
    axes.imshow(found.weights.numpy(), cmap="Greys", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(found.source)), found.source, rotation=60, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(found.translation)), found.translation)
    axes.xaxis.tick_top()
    axes.grid(False)
    for label, swapped in zip(axes.get_yticklabels(), found.swapped, strict=True):
        label.set_fontweight("bold" if swapped else "normal")


def attention_figure(found: AttentionMap) -> Figure:
    """Map of one sentence, large enough for its words to be read."""
    size = (1.5 + WORD * len(found.source), 1.2 + WORD * len(found.translation))
    figure, axes = plt.subplots(figsize=size)
    attention_axes(axes, found)
    return figure


def draw_map(found: AttentionMap, path: Path) -> None:
    """Write the map of one sentence to `path`; InputError unless that is a PNG or PDF."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in RENDERERS:
        allowed = " or ".join(f".{name}" for name in RENDERERS)
        raise InputError(f"--figure: {str(path)!r}: should end in {allowed}")
    files = FigureFiles(dpi=DPI, formats=["png"]).model_copy(update={"formats": [kind]})
    with use_style():
        save_figure(attention_figure(found), path.with_suffix(""), files)
