"""What all figures share: one style, and small PNG files that are published whole."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from regen.artifacts import atomic_path

STYLE = Path(__file__).with_name("regen.mplstyle")


def use_style() -> AbstractContextManager[None]:
    """Return the context in which figures are drawn: the house style, without a screen."""
    mpl.use("agg")
    return plt.style.context(["default", STYLE])


def save_figure(figure: Figure, path: Path, dpi: int) -> None:
    """Publish `figure` as a PNG of at most 256 colours (a third of the size, no visible loss); close it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    plt.close(figure)
    image = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    with atomic_path(path) as part:
        image.save(part, format="PNG", optimize=True)
