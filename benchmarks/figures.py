"""Time the figures of a VAE's latent space, from its networks to the published file.

    python -m benchmarks.figures

The networks are those of `l100` with two latent dimensions, freshly initialised, and the images are
random: the time does not depend on what they show.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.figure import Figure

from benchmarks.timing import HEADING, Timing, compare
from benchmarks.vae import TEST, ink
from regen.figures.latent import interpolation, manifold, scatter
from regen.figures.style import save_figure, use_style
from regen.params import read_params
from regen.vae.networks import build_vae


def measure() -> list[Timing]:
    """Return the timings of the manifold, the interpolation and the codes by class, as PNG and PDF."""
    params = read_params(Path(__file__).parent.parent / "profiles" / "paper.yaml")
    settings = params.figures.model_copy(update={"formats": ["png", "pdf"]})
    torch.manual_seed(1)
    vae = build_vae(params.vae_run("l100").model_copy(update={"latent": 2}), (1, 28, 28)).eval()
    pixels, labels = ink(TEST), torch.arange(TEST) % 10

    def time_figure(what: str, draw: Callable[[], Figure], target: str) -> Timing:
        def ours() -> None:
            with tempfile.TemporaryDirectory() as folder, use_style():
                save_figure(draw(), Path(folder) / "figure", settings)

        return compare(f"{what}, PNG and PDF", ours, None, target=target)

    side, walk = settings.manifold, settings.interpolation
    return [
        time_figure(f"manifold of {side} x {side} images", lambda: manifold(vae, side, "bench"), "5 s"),
        time_figure(
            f"interpolation, {walk.steps} steps, linear and spherical",
            lambda: interpolation(vae, pixels, labels, walk, "bench"),
            "5 s",
        ),
        time_figure("codes by class", lambda: scatter(vae, pixels, labels, "bench"), ""),
    ]


if __name__ == "__main__":
    print("\n".join([HEADING, *(timing.row() for timing in measure())]))
