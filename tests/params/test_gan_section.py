"""The rules of a GAN's section in params.yaml, each broken once."""

import pytest
from gan.small import DCGAN, MLP, RESIDUAL

from params.small import mistake
from regen.params.gan import GanRun

MISTAKES = [
    (RESIDUAL, {"width": None}, "width: missing; networks residual ask for it"),
    (DCGAN, {"width": None}, "width: missing; networks dcgan ask for it"),
    (MLP, {"generator": None}, "generator: missing; networks mlp ask for it"),
    (MLP, {"critic": None}, "critic: missing; networks mlp ask for it"),
    (MLP, {"width": 4}, "width 4: not of networks mlp; allowed: generator, critic, generator_batch_norm"),
    (RESIDUAL, {"critic": [4]}, "critic [4]: not of networks residual; allowed: width"),
    (
        DCGAN,
        {"generator_batch_norm": True},
        "generator_batch_norm True: not of networks dcgan; allowed: width",
    ),
    (
        RESIDUAL,
        {"data": "mnist"},
        "networks residual: makes squares of 8, 16, 32, 64, ... pixels, not 28x28, as of mnist; try mlp",
    ),
    (
        DCGAN,
        {"data": "digits"},
        "networks dcgan: makes squares of 8, 16, 32, 64, ... pixels, not 28x28, as of digits; try mlp",
    ),
    (
        RESIDUAL,
        {"batch_size": 5000},
        "batch_size 5000: with critic_steps 2 a step of the generator takes 10000 images; digits_color has "
        "5188 for training",
    ),
    (RESIDUAL, {"penalty": "r1"}, "penalty_coefficient 0: with penalty r1, allowed: a number above 0"),
    (RESIDUAL, {"penalty_coefficient": 0.5}, "penalty_coefficient 0.5: with penalty none, allowed: 0"),
    (
        DCGAN,
        {"penalty": "gp", "penalty_coefficient": 1.0},
        "penalty gp: one image's gradient has no meaning under dcgan's batch norm; allowed: none",
    ),
    (RESIDUAL, {"epochs": 3}, "epochs 3, steps 6: allowed: one of the two"),
    (RESIDUAL, {"steps": None}, "epochs None, steps None: allowed: one of the two"),
    (RESIDUAL, {"shown": [0, 7]}, "shown [0, 7]: allowed: 0 to steps, which is 6"),
    (
        RESIDUAL,
        {"steps": None, "epochs": 5, "shown": [6]},
        "shown [6]: allowed: 0 to epochs, which is 5",
    ),
    (RESIDUAL, {"evaluate_every": 7}, "evaluate_every 7: allowed: 0 to steps, which is 6"),
]


@pytest.mark.parametrize(("base", "changes", "line"), MISTAKES, ids=[line[:40] for *_, line in MISTAKES])
def test_one_line_for_each_mistake(base, changes, line):
    assert mistake({"gan.g": base | changes}).startswith(f"gan.g.{line}")


@pytest.mark.parametrize("settings", [RESIDUAL, MLP, DCGAN])
def test_what_is_right_is_taken(settings):
    run = GanRun(**settings)
    assert (run.unit, run.length) == ("steps", 6)
    whole = {key: value for key, value in settings.items() if key != "steps"}
    assert GanRun(**whole, epochs=9).unit == "epochs"
