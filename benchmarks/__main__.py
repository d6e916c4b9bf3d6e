"""Run all benchmarks and print their table: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

from benchmarks import attention, dirac, fidelity, figures, flow, gan, imagenette, pipeline, vae, vae_images
from benchmarks.timing import HEADING
from regen.training.device import select_device
from regen.training.environment import environment


def main() -> None:
    made_with = environment(select_device("auto", "auto"))
    print(
        ", ".join(f"{key}: {made_with[key]}" for key in ("processor", "threads", "device", "torch", "python"))
    )
    print()
    print(HEADING)
    for measure in (
        vae.measure,
        vae_images.measure,
        figures.measure,
        imagenette.measure,
        dirac.measure,
        flow.measure,
        gan.measure,
        attention.measure,
        fidelity.measure,
        pipeline.measure,
    ):
        for timing in measure():
            print(timing.row(), flush=True)


if __name__ == "__main__":
    main()
