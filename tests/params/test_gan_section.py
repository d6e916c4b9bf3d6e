"""The rules of a GAN's section in params.yaml, each broken once."""

import pytest
from pydantic import TypeAdapter

from gan.small import DCGAN, KINDS, MLP, RESIDUAL, SECTIONS
from params.small import mistake
from regen.params.gan import GanRun


def without(settings, key):
    return {name: value for name, value in settings.items() if name != key}


MISTAKES = [
    (without(RESIDUAL, "width"), {}, "width: missing; required by networks residual"),
    (without(DCGAN, "width"), {}, "width: missing; required by networks dcgan"),
    (without(MLP, "generator"), {}, "generator: missing; required by networks mlp"),
    (without(MLP, "critic"), {}, "critic: missing; required by networks mlp"),
    (without(MLP, "latent"), {}, "latent: missing; required by the schema"),
    (MLP, {"critic": None}, "critic: None: should be a valid list"),
    (
        MLP,
        {"width": 4},
        "width: 4: not a key of networks mlp; allowed: generator, critic, generator_batch_norm",
    ),
    (RESIDUAL, {"critic": [4]}, "critic: [4]: not a key of networks residual; allowed: width"),
    (
        DCGAN,
        {"generator_batch_norm": True},
        "generator_batch_norm: True: not a key of networks dcgan; allowed: width",
    ),
    (without(MLP, "networks"), {}, "networks: missing; required by the schema"),
    (without(MLP, "networks"), {"netwroks": "mlp"}, "netwroks: unknown key; did you mean 'networks'?"),
    (RESIDUAL, {"networks": None}, "networks: None: should be 'residual', 'dcgan' or 'mlp'"),
    (RESIDUAL, {"networks": ["mlp"]}, "networks: ['mlp']: should be 'residual', 'dcgan' or 'mlp'"),
    (RESIDUAL, {"residual": 1}, "residual: unknown key; allowed: "),
    (without(RESIDUAL, "width"), {"wdith": 3}, "wdith: unknown key; did you mean 'width'?"),
    (RESIDUAL, {"seeds": [3, 1, 3]}, "seeds: [3, 1, 3]: duplicate value 3"),
    (RESIDUAL, {"shown": [6, 0, 6, 0]}, "shown: [6, 0, 6, 0]: duplicate values 6, 0"),
    (RESIDUAL, {"networks": "resnet"}, "networks: 'resnet': should be 'residual', 'dcgan' or 'mlp'"),
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
    (RESIDUAL, {"epochs": 3}, "epochs 3, steps 6: allowed: exactly one of the two"),
    (RESIDUAL, {"steps": None}, "epochs None, steps None: allowed: exactly one of the two"),
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


@pytest.mark.parametrize("kind", KINDS)
def test_networks_decide_the_section(kind):
    settings = KINDS[kind]
    run = TypeAdapter(GanRun).validate_python(settings)
    assert type(run) is SECTIONS[kind]
    assert (run.unit, run.length) == ("steps", 6)
    assert type(run)(**without(settings, "steps"), epochs=9).unit == "epochs"
