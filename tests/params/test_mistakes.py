"""A mistake in params.yaml is told in one line that names key, value and what is allowed."""

import pytest

from params.small import BASE, mistake, mistakes

INF, NAN = float("inf"), float("nan")
LIKELIHOOD = BASE["likelihood"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"seed": ..., "sead": 1},
            "sead: unknown key; did you mean 'seed'? allowed: attention, classifier, corruptions, data, ",
        ),
        (
            {"nonsense": 1},
            "nonsense: unknown key; allowed: attention, classifier, corruptions, data, depth, device, ",
        ),
        (
            {"likelihood": ..., "likelyhood": LIKELIHOOD},
            "likelyhood: unknown key; did you mean 'likelihood'? allowed: attention, classifier, corr",
        ),
        (
            {"likelihood.importance_samples": ..., "likelihood.importance_sample": 200},
            "likelihood.importance_sample: unknown key; did you mean 'importance_samples'? "
            "allowed: importance_samples, max_memory",
        ),
        (
            {"vae.v.latent": ..., "vae.v.latnet": 2},
            "vae.v.latnet: unknown key; did you mean 'latent'? allowed: activation, batch_norm, ",
        ),
        (
            {"data.mirror": ..., "data.miror": None},
            "data.miror: unknown key; did you mean 'mirror'? allowed: corpora, mirror, sets",
        ),
        ({"flow.layer": [2]}, "flow.layer: unknown key; did you mean 'layers'? allowed: averaged_losses, "),
        ({"realnvp.r.clipnorm": 5.0}, "realnvp.r.clipnorm: unknown key; did you mean 'clip_norm'? allowed: "),
        ({"gan.g.spectralnorm": True}, "gan.g.spectralnorm: unknown key; did you mean 'spectral_norm'?"),
        (  # in one of the two things that a layer may be
            {"vae.v.encoder": [8, {"channels": 4, "kernel": 3, "strid": 2}]},
            "vae.v.encoder.1.strid: unknown key; did you mean 'stride'? allowed: ",
        ),
        ({"vae.v.encoder": [{"channels": 4}]}, "vae.v.encoder.0.kernel: missing"),
        ({"vae.v.epochs": ...}, "vae.v.epochs: missing"),
        ({"likelihood": ...}, "likelihood: missing"),
        ({"seed": True}, "seed: True: should be a valid integer"),
        ({"device": "gpu"}, "device: 'gpu': should be 'auto', 'cpu', 'cuda' or 'mps'"),
        ({"likelihood": 3}, "likelihood: 3: should be"),
        ({"realnvp.r.hidden": [8, 0]}, "realnvp.r.hidden.1: 0: should be greater than or equal to 1"),
    ],
)
def test_one_line_for_one_mistake(changes, line):
    said = mistake(changes)
    assert said.startswith(line)
    assert "Section" not in said
    assert "pydantic" not in said


def test_a_line_for_each_mistake():
    found = mistakes({"seed": -1, "figures.dpi": 1, "vae.v.latent": ..., "vae.v.latnet": 2})
    assert sorted(line.split(":")[0] for line in found) == ["figures.dpi", "seed", "vae.v.latnet"]


def test_a_key_unlike_the_one_that_is_missing_may_be_a_second_mistake():
    found = mistakes({"figures.dpi": ..., "figures.dots": 100})
    assert [line[:22] for line in found] == ["figures.dpi: missing; ", "figures.dots: unknown "]


def test_no_key_of_a_flow_has_a_default_beside_the_profile_s():
    for key in BASE["flow"]:
        assert mistake({f"flow.{key}": ...}).startswith(f"flow.{key}: missing; ")


LIMITS = {
    "seed": [-1, 1.0, 2**31, None],
    "precision": [32],
    "data.mirror": [7],
    "data.sets": ["digits", []],
    "vae": [{}],
    "attention": [{}],
    "attention.a.attention": ["luong", None],
    "attention.a.teacher_forcing": [-0.1, 1.1, "half"],
    "attention.a.bidirectional": [1],
    "attention.a.hidden": [0, 2.5],
    "attention.a.dropout": [1.0],
    "attention.a.optimizer": ["rmsprop"],
    "attention.a.clip_norm": [0],
    "attention.a.seeds": [[], [-1]],
    "translation.beam": [0, 101],
    "translation.max_length": [0, 1001, 2.5],
    "translation.level": [0, NAN],
    "translation.shown": [0, 21],
    "vae.v.encoder": [300, [], [300, 0], [0], ["conv"], [{"channels": 4, "kernel": 0}]],
    "vae.v.latent": ["ten", "100", 0, 10_001],
    "vae.v.activation": ["ELU", "gelu"],
    "vae.v.binarize": [1, "maybe"],
    "vae.v.batch_norm": ["yes please"],
    "vae.v.dropout": [1.0],
    "vae.v.logit_shift": [-INF],
    "vae.v.learning_rate": ["fast", "1e-3", "nan", 0, -1e-3, NAN, INF, True],
    "vae.v.batch_size": [False],
    "vae.v.epochs": [60.5, 60.0],
    "vae.v.shown_epochs": [[-1], []],
    "vae.v.planar_layers": [-1, True],
    "vae.v.seeds": [[], [-1], [2**31], 3],
    "likelihood.max_memory": [1],
    "dirac.seeds": [1001],
    "dirac.coefficients": [[0.0]],
    "dirac.ema": [1.0, NAN],
    "flow.source": ["file"],
    "flow.seeds": [0, 101, [1, 2]],
    "flow.layers": [[2, 0], [-8], [], 8, [2.5]],
    "flow.learning_rate": [0.0, INF],
    "flow.batch_size": [0],
    "flow.init_scale": [-0.01],
    "flow.averaged_losses": [0],
    "flow.evaluation_samples": [0],
    "realnvp": [{}],
    "realnvp.r.couplings": [0],
    "realnvp.r.hidden": [[]],
    "realnvp.r.alpha": [0.0, 1.0, NAN],
    "realnvp.r.clip_norm": [0.0, INF],
    "realnvp.r.temperature": [0.0],
    "realnvp.r.epochs": [0],
    "gan.g.latent": [-1, 2.5],
    "gan.g.generator": [[4, 0]],
    "gan.g.networks": ["resnet"],
    "gan.g.loss": ["hinge"],
    "gan.g.penalty": ["r2"],
    "gan.g.batch_size": [1],
    "gan.g.shown": [[]],
    "gan.g.betas": [[0.9], [0.0, 1.0]],
    "gan.g.ema": [1.0],
    "gan.g.generator_learning_rate": [0.0],
    "gan.g.critic_weight_decay": [-1.0],
    "classifier.digits.widths": [[], [0]],
    "classifier.digits.epochs": [0],
    "classifier.digits.learning_rate": [0.0],
    "score.extractor": ["vgg16"],
    "score.samples": [1],
    "figures": [None],
    "figures.dpi": [10_000],
    "figures.formats": [["png", "svg"], "png"],
    "figures.interpolation.classes": [[2], [2, -1]],
    "figures.interpolation.steps": [1],
    "figures.manifold": [1000],
}
"""Values that each key refuses for what they are, whatever stands at other keys."""


@pytest.mark.parametrize("key", LIMITS)
def test_a_value_that_a_key_refuses_stands_beside_it(key):
    for value in LIMITS[key]:
        where, shown, _ = mistake({key: value}).split(": ", 2)
        assert where.startswith(key)
        for step in where.removeprefix(key).split(".")[1:]:  # into a list, or a layer in it
            value = value[int(step) if step.isdigit() else step]
        assert shown == repr(value)
