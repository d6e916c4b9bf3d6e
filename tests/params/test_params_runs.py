"""Mistakes in the sections of flows and runs: one line each, with file, key, value and what is allowed."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from regen.errors import InputError
from regen.params import FAMILIES, TAKEN, read_params
from regen.params.yaml_files import read_yaml

REPO = Path(__file__).parents[2]
QUICK = read_yaml(REPO / "profiles" / "quick.yaml")
VAE = QUICK["vae"]["l100"] | {"epochs": 9, "shown_epochs": [0, 9]}
REALNVP = QUICK["realnvp"]["realnvp_mnist"] | {"epochs": 9, "shown_epochs": [0, 9]}
GAN = QUICK["gan"]["vu_gan"]
BASE = QUICK | {"vae": {"v": VAE}, "realnvp": {"r": REALNVP}, "gan": {"g": GAN}}
BASE |= {"score": QUICK["score"] | {"runs": {"g": "digits"}}, "data": QUICK["data"] | {"sets": ["digits"]}}
CLASSIFIER = QUICK["classifier"]["digits"]
BASE["classifier"] = {"digits": CLASSIFIER}


def settings(changes):
    """Return BASE with other values at some keys, such as "flow.seeds"."""
    content = deepcopy(BASE)
    for key, value in changes.items():
        *sections, last = key.split(".")
        section = content
        for name in sections:
            section = section[name]
        section[last] = value
    return content


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return a function that writes changed settings and reads them."""
    monkeypatch.chdir(tmp_path)

    def write_and_read(**changes):
        Path("params.yaml").write_text(yaml.safe_dump(settings(changes)))
        return read_params()

    return write_and_read


@pytest.fixture
def refused(read):
    """Return a function that returns what is said of changed settings."""

    def said(**changes):
        with pytest.raises(InputError) as caught:
            read(**changes)
        return str(caught.value)

    return said


def test_the_base_is_allowed(read):
    assert read().vae_run("v").shown_epochs == [0, 9]
    assert read().realnvp_run("r").shown_epochs == [0, 9]


SHOWN = "allowed: 0 to epochs, which is 9"
AT_LEAST_1 = "should be greater than or equal to 1"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("flow.layers", [2, 0], f"flow.layers.1: 0: {AT_LEAST_1}"),
        ("flow.layers", [-8], f"flow.layers.0: -8: {AT_LEAST_1}"),
        ("flow.layers", [2, 8, 2], "flow.layers: [2, 8, 2]: duplicate value 2"),
        ("flow.layers", [], "flow.layers: []: List should have at least 1 item"),
        ("flow.layers", 8, "flow.layers: 8: should be a valid list"),
        ("flow.layers", [2.5], "flow.layers.0: 2.5: should be a valid integer"),
        ("flow.source", "file", "flow.source: 'file': should be 'generated' or 'files'"),
        ("flow.seeds", 0, f"flow.seeds: 0: {AT_LEAST_1}"),
        ("flow.seeds", 101, "flow.seeds: 101: should be less than or equal to 100"),
        ("flow.seeds", [1, 2], "flow.seeds: [1, 2]: should be a valid integer"),
        ("flow.learning_rate", 0.0, "flow.learning_rate: 0.0: should be greater than 0"),
        ("flow.learning_rate", float("inf"), "flow.learning_rate: inf: should be a finite number"),
        ("flow.batch_size", 0, f"flow.batch_size: 0: {AT_LEAST_1}"),
        ("flow.init_scale", -0.01, "flow.init_scale: -0.01: should be greater than 0"),
        ("flow.averaged_losses", 0, f"flow.averaged_losses: 0: {AT_LEAST_1}"),
        ("flow.evaluation_samples", 0, f"flow.evaluation_samples: 0: {AT_LEAST_1}"),
        ("flow.layer", [2], "flow.layer: unknown key; did you mean 'layers'? allowed: averaged_losses, "),
        ("vae.v.shown_epochs", [0, 10], f"vae.v.shown_epochs [0, 10]: {SHOWN}"),
        ("vae.v.shown_epochs", [1, 1], "vae.v.shown_epochs: [1, 1]: duplicate value 1"),
        ("vae.v.shown_epochs", [-1], "vae.v.shown_epochs.0: -1: should be greater than or equal to 0"),
        ("vae.v.shown_epochs", [], "vae.v.shown_epochs: []: Value should have at least 1 item"),
        ("vae.v.planar_layers", -1, "vae.v.planar_layers: -1: should be greater than or equal to 0"),
        ("vae.v.planar_layers", True, "vae.v.planar_layers: True: should be a valid integer"),
        ("vae.v.seeds", [1, 2, 1], "vae.v.seeds: [1, 2, 1]: duplicate value 1"),
        ("vae.v.seeds", [], "vae.v.seeds: []: Value should have at least 1 item"),
        ("vae.v.seeds", [-1], "vae.v.seeds.0: -1: should be greater than or equal to 0"),
        ("vae.v.seeds", [2**63], f"vae.v.seeds.0: {2**63}: should be less than {2**63}"),
        ("vae.v.seeds", 3, "vae.v.seeds: 3: should be a valid list"),
        ("realnvp.r.shown_epochs", [10], f"realnvp.r.shown_epochs [10]: {SHOWN}"),
        ("realnvp.r.shown_epochs", [0, 0], "realnvp.r.shown_epochs: [0, 0]: duplicate value 0"),
        ("realnvp.r.couplings", 0, f"realnvp.r.couplings: 0: {AT_LEAST_1}"),
        ("realnvp.r.hidden", [], "realnvp.r.hidden: []: List should have at least 1 item"),
        ("realnvp.r.hidden", [8, 0], f"realnvp.r.hidden.1: 0: {AT_LEAST_1}"),
        ("realnvp.r.alpha", 0.0, "realnvp.r.alpha: 0.0: should be greater than 0"),
        ("realnvp.r.alpha", 1.0, "realnvp.r.alpha: 1.0: should be less than 1"),
        ("realnvp.r.alpha", float("nan"), "realnvp.r.alpha: nan: should be "),
        ("realnvp.r.clip_norm", 0.0, "realnvp.r.clip_norm: 0.0: should be greater than 0"),
        ("realnvp.r.clip_norm", float("inf"), "realnvp.r.clip_norm: inf: should be a finite number"),
        ("realnvp.r.temperature", 0.0, "realnvp.r.temperature: 0.0: should be greater than 0"),
        ("realnvp.r.epochs", 0, f"realnvp.r.epochs: 0: {AT_LEAST_1}"),
        (
            "realnvp.r.data",
            "digts",
            "realnvp.r.data: 'digts': no such data set; did you mean 'digits'? allowed: ",
        ),
        (
            "realnvp.r.clipnorm",
            5.0,
            "realnvp.r.clipnorm: unknown key; did you mean 'clip_norm'? allowed: alpha, ",
        ),
        ("realnvp.R1", REALNVP, "realnvp.R1: 'R1': a run's name has lower-case letters, digits and _, and "),
        ("realnvp.a-b", REALNVP, "realnvp.a-b: 'a-b': a run's name has lower-case letters"),
        ("realnvp", {}, "realnvp"),
    ],
)
def test_one_line_for_one_mistake(refused, key, value, message):
    said = refused(**{key: value})
    assert said.startswith(f"params.yaml: {message}")
    assert "\n" not in said


def test_more_losses_averaged_than_there_are(refused, read):
    said = refused(**{"flow.iterations": 199, "flow.averaged_losses": 200})
    assert said == "params.yaml: flow.averaged_losses 200: allowed: 1 to iterations, 199"
    assert read(**{"flow.iterations": 200, "flow.averaged_losses": 200}).flow.averaged_losses == 200


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", TAKEN)
def test_names_under_which_other_results_lie(refused, family, name):
    said = refused(**{f"{family}.{name}": {"vae": VAE, "realnvp": REALNVP, "gan": GAN}[family]})
    assert said.startswith(
        f"params.yaml: {family}.{name}: {name!r}: this name is reserved; allowed: any but "
    )
    assert "\n" not in said
    assert "flow" in TAKEN


def test_a_name_in_two_families(refused):
    said = refused(**{"realnvp.v": REALNVP})
    assert (
        said
        == "params.yaml: realnvp.v: already the name of a run of vae; names must be unique across families"
    )
    said = refused(**{"gan.r": GAN})
    assert (
        said
        == "params.yaml: gan.r: already the name of a run of realnvp; names must be unique across families"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score.runs": {"h": "digits"}}, "score.runs.h: no such run; allowed: g, r, v"),
        ({"score.runs": {"g": "mnist"}}, "score.runs.g: 'mnist': has no classifier; allowed: digits, or "),
        (
            {"data.sets": ["digits", "digits_color"], "gan.g.data": "digits_color"},
            "gan.g.data: 'digits_color': has no classifier; allowed: digits, or ",
        ),
        (
            {
                "data.sets": ["digits", "digits_color"],
                "classifier.digits_color": CLASSIFIER,
                "score.runs": {"g": "digits_color"},
            },
            "score.runs.g: 'digits_color': its images are not of the shape of digits's",
        ),
        (
            {"data.sets": ["digits", "binarized_mnist"], "classifier.binarized_mnist": CLASSIFIER},
            "classifier.binarized_mnist: allowed: of data.sets those with labels, digits",
        ),
        (
            {"classifier.mnist": CLASSIFIER},
            "classifier.mnist: allowed: of data.sets those with labels, digits",
        ),
    ],
)
def test_what_is_scored_has_something_like_it_to_be_held_against(refused, changes, message):
    said = refused(**changes)
    assert said.startswith(f"params.yaml: {message}")
    assert "\n" not in said


@pytest.mark.parametrize("run", ["vae.v", "realnvp.r"])
def test_data_that_is_not_prepared(refused, run):
    said = refused(**{"data.sets": ["digits"], f"{run}.data": "mnist"})
    assert said == (
        f"params.yaml: {run}.data: 'mnist': not among data.sets ['digits']; add it there, or use one of those"
    )


@pytest.mark.parametrize("key", [*QUICK["flow"], None])
def test_no_key_of_a_flow_has_a_second_default(tmp_path, key):
    content = settings({})
    del (content if key is None else content["flow"])[key or "flow"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=rf"params.yaml: flow{f'.{key}' if key else ''}: missing; "):
        read_params(tmp_path / "params.yaml")


def test_two_mistakes_two_lines(refused):
    said = refused(**{"flow.seeds": 0, "realnvp.r.alpha": 2.0}).splitlines()
    assert [line.split(": ")[1] for line in said] == ["flow.seeds", "realnvp.r.alpha"]


@pytest.mark.parametrize("run", ["vae.v", "realnvp.r", "gan.g"])
def test_seeds_of_a_run_are_its_own_or_the_one_seed(read, run):
    name = run.partition(".")[2]
    assert read(**{f"{run}.seeds": [7, 3], "seed": 5}).seeds_of(name) == [7, 3]
    assert read(**{f"{run}.seeds": None, "seed": 5}).seeds_of(name) == [5]


def test_seeds_of_a_run_that_is_not_there(read):
    with pytest.raises(InputError, match=r"^params.yaml: no run 'rr'; did you mean 'r'\? allowed: "):
        read().seeds_of("rr")


def test_epochs_in_any_order_and_planar_layers_from_0_on(read):
    assert read(**{"vae.v.shown_epochs": [9, 0, 3], "vae.v.planar_layers": 0}).vae["v"].shown_epochs == [
        9,
        0,
        3,
    ]


def test_runs_that_are_not_there(read):
    with pytest.raises(
        InputError, match=r"^params.yaml: realnvp: no run 'rr'; did you mean 'r'\? allowed: r$"
    ):
        read().realnvp_run("rr")
    with pytest.raises(InputError, match=r"^params.yaml: realnvp: no run 'v'; allowed: r$"):
        read().realnvp_run("v")
    with pytest.raises(InputError, match=r"^params.yaml: vae: no run 'r'; allowed: v$"):
        read().vae_run("r")


def test_paper_has_the_reports_numbers():
    paper = read_params(REPO / "profiles" / "paper.yaml")
    flow = paper.flow
    assert (flow.layers, flow.iterations) == ([2, 8, 32], 20_000)
    assert (flow.learning_rate, flow.batch_size, flow.init_scale) == (5e-4, 128, 0.01)
    assert flow.averaged_losses == 200
    run = paper.realnvp_run("realnvp_mnist")
    assert (run.data, run.couplings, run.hidden, run.alpha) == ("mnist", 8, [1024, 1024], 1e-5)
    assert (run.learning_rate, run.batch_size, run.clip_norm, run.epochs) == (1e-3, 128, 5.0, 40)
    assert {1, 20, 40} <= set(run.shown_epochs)
    planar, plain = paper.vae_run("l100_planar"), paper.vae_run("l100")
    assert planar == plain.model_copy(update={"planar_layers": 8})


def test_data_without_validation_images(refused, read):
    """A VAE is validated on the test images then, a flow is not."""
    sets = {"data.sets": ["digits", "cifar10"]}
    said = refused(**sets, **{"realnvp.r.data": "cifar10"})
    assert said == "params.yaml: realnvp.r.data: 'cifar10': has no validation images; allowed: digits"
    assert read(**sets, **{"vae.v.data": "cifar10"}).vae_run("v").data == "cifar10"


CONV = {"channels": 4, "kernel": 3}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("encoder", [CONV | {"kernel": 0}], f"encoder.0.kernel: 0: {AT_LEAST_1}"),
        (
            "encoder",
            [8, CONV | {"strid": 2}],
            "encoder.1.strid: unknown key; did you mean 'stride'? allowed: ",
        ),
        ("encoder", [{"channels": 4}], "encoder.0.kernel: missing"),
        ("encoder", [0], f"encoder.0: 0: {AT_LEAST_1}"),
        ("encoder", ["conv"], "encoder.0: 'conv': should be a valid integer"),
        ("encoder", [CONV | {"kernel": 29}], "encoder: layer 0: kernel 29 and pool 1 do not fit the 1x28x28"),
        ("encoder", [CONV | {"pool": 27}], "encoder: layer 0: kernel 3 and pool 27 do not fit the 1x28x28"),
        ("encoder", [8, CONV], "encoder: layer 1: kernel 3 and pool 1 do not fit the 8x1x1"),
        ("decoder", [8, CONV], "decoder: its last convolution gives 4x3x3; allowed: 1x28x28, as digits is"),
        ("latent", 0, f"latent: 0: {AT_LEAST_1}"),
        ("latent", 10_001, "latent: 10001: should be less than or equal to 10000"),
        ("activation", "gelu", "activation: 'gelu': should be 'elu' or 'relu'"),
        ("dropout", 1.0, "dropout: 1.0: should be less than 1"),
        ("batch_norm", "yes please", "batch_norm: 'yes please': should be a valid boolean"),
    ],
)
def test_layers_that_do_not_fit(refused, key, value, message):
    said = refused(**{f"vae.v.{key}": value})
    assert said.startswith(f"params.yaml: vae.v.{message}")
    assert "\n" not in said


def test_layers_that_fit(read):
    up = [16, {"channels": 4, "kernel": 7}, {"channels": 1, "kernel": 4, "stride": 4}]
    run = read(**{"vae.v.encoder": [CONV | {"stride": 3, "pool": 2}, 9], "vae.v.decoder": up}).vae_run("v")
    assert run.encoder[0].stride == 3
    assert run.encoder[0].padding == 0
    assert [getattr(layer, "channels", layer) for layer in run.decoder] == [16, 4, 1]
