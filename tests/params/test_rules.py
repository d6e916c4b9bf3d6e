"""The rules of params.yaml that more than a value's kind decides, each broken once, and what keeps them."""

import pytest

from params.small import BASE, CLASSIFIER, GAN, REALNVP, RUNS, TRANSLATOR, VAE, mistake, settings
from regen.data.catalog import DATASETS
from regen.errors import InputError
from regen.params import COPY, FAMILIES, TAKEN, Params

CONV = {"channels": 4, "kernel": 3}
SHOWN = "allowed: 0 to epochs, which is 9"
ONE_PIXEL = {
    "vae.v.encoder": [{"channels": 4, "kernel": 28}],
    "vae.v.decoder": [{"channels": 1, "kernel": 28}],
    "vae.v.batch_norm": True,
}
TWICE = "duplicate value"
METHODS = {"attention": "translator"}
UNKNOWN_DATA = "no such data set; did you mean"
BOTH = {"data.sets": ["digits", "digits_color"]}
BESIDE = {"data": "digits", "extractors": ["inception-v3-compat"]}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        # duplicates
        ({"attention.a.seeds": [1, 2, 1]}, f"attention.a.seeds: [1, 2, 1]: {TWICE}"),
        ({"data.sets": ["digits", "digits"]}, f"data.sets: ['digits', 'digits']: {TWICE}"),
        ({"data.corpora": ["dates", "dates"]}, f"data.corpora: ['dates', 'dates']: {TWICE}"),
        ({"dirac.coefficients": [0.1, 0.1]}, f"dirac.coefficients: [0.1, 0.1]: {TWICE}"),
        ({"figures.interpolation.classes": [8, 8]}, f"figures.interpolation.classes: [8, 8]: {TWICE}"),
        ({"flow.layers": [2, 8, 2]}, f"flow.layers: [2, 8, 2]: {TWICE}"),
        ({"depth.depths": [2, 8, 2]}, f"depth.depths: [2, 8, 2]: {TWICE}"),
        ({"depth.training_seeds": [1, 1]}, f"depth.training_seeds: [1, 1]: {TWICE}"),
        ({"vae.v.shown_epochs": [1, 1]}, f"vae.v.shown_epochs: [1, 1]: {TWICE}"),
        ({"vae.v.seeds": [1, 2, 1]}, f"vae.v.seeds: [1, 2, 1]: {TWICE}"),
        ({"realnvp.r.shown_epochs": [0, 0]}, f"realnvp.r.shown_epochs: [0, 0]: {TWICE}"),
        # data
        ({"data.sets": ["digts"]}, f"data.sets.0: 'digts': {UNKNOWN_DATA} 'digits'? allowed: binarized"),
        (
            {"data.corpora": ["date"]},
            "data.corpora.0: 'date': no such corpus; did you mean 'dates'? allowed: ",
        ),
        ({"vae.v.data": "binarised_mnist"}, f"vae.v.data: 'binarised_mnist': {UNKNOWN_DATA} 'binarized_mni"),
        ({"realnvp.r.data": "digts"}, f"realnvp.r.data: 'digts': {UNKNOWN_DATA} 'digits'? allowed: "),
        ({"gan.g.data": "cifar"}, f"gan.g.data: 'cifar': {UNKNOWN_DATA} 'cifar10'?"),
        ({"attention.a.data": "date"}, "attention.a.data: 'date': no such corpus; did you mean 'dates'? "),
        (
            {"attention.a.data": "multi30k"},
            "attention.a.data: 'multi30k': not among data.corpora ['dates']; add it there, or use one of tho",
        ),
        ({"score.runs": {"x": "no_such_data"}}, "score.runs.x: 'no_such_data': no such data set; "),
        *(
            (
                {f"{run}.data": "mnist"},
                f"{run}.data: 'mnist': not among data.sets ['digits']; add it there, or use one of those",
            )
            for run in ("vae.v", "realnvp.r", "gan.g")
        ),
        (
            {"data.sets": ["digits", "cifar10"], "realnvp.r.data": "cifar10"},
            "realnvp.r.data: 'cifar10': has no validation images; allowed: digits",
        ),
        # batch norm
        *(
            (
                {"vae.v.batch_norm": True, "vae.v.batch_size": size},
                f"vae.v.batch_size: {size}: leaves one of the 1297 images of digits alone, which batch norm ",
            )
            for size in (1, 16, 1296)
        ),
        (
            ONE_PIXEL | {"vae.v.batch_size": 48},
            "vae.v.batch_size: 48: leaves one of the 1297 images of digits alone, which batch norm of linea",
        ),
        (
            {"classifier.digits.widths": [4] * 6, "classifier.digits.batch_size": 48},
            "classifier.digits.batch_size: 48: leaves one of the 1297 images of digits alone, which batch n",
        ),
        # as many as there are
        ({"vae.v.shown_epochs": [0, 10]}, f"vae.v.shown_epochs [0, 10]: {SHOWN}"),
        ({"realnvp.r.shown_epochs": [10]}, f"realnvp.r.shown_epochs [10]: {SHOWN}"),
        (
            {"flow.iterations": 199, "flow.averaged_losses": 200},
            "flow.averaged_losses 200: allowed: 1 to iterations, 199",
        ),
        ({"score.splits": 1001}, "score.splits 1001: allowed: up to samples, which is 1000"),
        ({"score.kid_subset_size": 1001}, "score.kid_subset_size 1001: allowed: up to samples"),
        (
            {"score.samples": 3, "score.splits": 1, "score.kid_subset_size": 2},
            "score.samples: 3: allowed: from 4, for precision and recall",
        ),
        *(
            (
                {f"score.{key}": 251, "corruptions.images": 300},
                f"score.{key}: 251: digits, of the section classifier, has 250 test images; allowed: up to",
            )
            for key in ("kid_subset_size", "splits")
        ),
        ({"depth.depths": [2, 0]}, "depth.depths.1: 0: should be greater than or equal to 1"),
        ({"depth.heads": 3}, "depth.heads 3: allowed: divisors of width 64: 1, 2, 4, 8, 16, 32, 64"),
        # layers
        (
            {"vae.v.encoder": [CONV | {"kernel": 29}]},
            "vae.v.encoder: layer 0: kernel 29 and pool 1 do not fit the 1x28x28",
        ),
        (
            {"vae.v.encoder": [CONV | {"pool": 27}]},
            "vae.v.encoder: layer 0: kernel 3 and pool 27 do not fit the 1x28x28",
        ),
        ({"vae.v.encoder": [8, CONV]}, "vae.v.encoder: layer 1: kernel 3 and pool 1 do not fit the 8x1x1"),
        (
            {"vae.v.decoder": [8, CONV]},
            "vae.v.decoder: its last convolution gives 4x3x3; allowed: 1x28x28, as digits is",
        ),
        # scores
        (
            {"score.weights": {"inception-torchvision": " "}},
            "score.weights.inception-torchvision: ' ': should be a file, a URL, or null",
        ),
        ({"score.weights": {"classifier": "w.pth"}}, "score.weights.classifier: "),
        ({"score.beside": {"h": BESIDE}}, "score.beside.h: no such run; allowed: g"),
        (
            {"score.beside": {"g": BESIDE | {"data": "mnist"}}},
            "score.beside.g.data: 'mnist': allowed: digits, as in score.runs",
        ),
        (
            {"score.beside": {"g": BESIDE | {"extractors": ["classifier"]}}},
            "score.beside.g.extractors: 'classifier': allowed: others than score.extractor",
        ),
        ({"score.runs": {"dirac": "digits"}}, "score.runs.dirac: 'dirac': this name is reserved; "),
        ({"score.runs": {"a": "digits"}}, "score.runs.a: no such run; allowed: g, r, v"),
        ({"score.runs": {"h": "digits"}}, "score.runs.h: no such run; allowed: g, r, v"),
        ({"score.runs": {"g": "mnist"}}, "score.runs.g: 'mnist': has no classifier; allowed: digits, or "),
        (
            BOTH | {"gan.g.data": "digits_color"},
            "gan.g.data: 'digits_color': has no classifier; allowed: digits, or ",
        ),
        (
            BOTH | {"classifier.digits_color": CLASSIFIER, "score.runs": {"g": "digits_color"}},
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
        # corruptions
        ({"corruptions.blur": [-1, 2]}, "corruptions.blur.0: -1: should be greater than 0"),
        ({"corruptions.blur": [1, 9]}, "corruptions.blur.1: 9: should be less than or equal to 8"),
        ({"corruptions.noise": [0, 8]}, "corruptions.noise.0: 0: should be greater than 0"),
        ({"corruptions.noise": [8, 256]}, "corruptions.noise.1: 256: should be less than or equal to 255"),
        ({"corruptions.mixing": [0.6]}, "corruptions.mixing.0: 0.6: should be less than or equal to 0.5"),
        ({"corruptions.missing": [1.5]}, "corruptions.missing.0: 1.5: should be a valid integer"),
        ({"corruptions.noise": []}, "corruptions.noise: []: "),
        *(
            ({f"corruptions.{kind}": values}, f"corruptions.{kind}: {values}: should rise, each larger than")
            for kind, values in (
                ("blur", [2, 1]),
                ("noise", [8, 8]),
                ("mixing", [0.2, 0.1]),
                ("missing", [3, 1]),
            )
        ),
        (
            {"corruptions.missing": [1, 10]},
            "corruptions.missing: [1, 10]: digits has 10 classes; allowed: up to 9",
        ),
        ({"corruptions.images": 9}, "corruptions.images 9: allowed: from score.splits, which is 10"),
        # figures
        (
            {"figures.formats": ["pdf"]},
            "figures.formats: ['pdf']: png is required, since the page shows it; allowed: ",
        ),
        (
            {"figures.interpolation.classes": [2, 10]},
            "figures.interpolation.classes: [2, 10]: digits, the data of vae.v, does not have both; "
            "allowed: two of 0 to 9",
        ),
        # names
        ({"vae.V": VAE}, "vae.V: 'V': a run's name has lower-case letters, digits and _, and "),
        ({"realnvp.a-b": REALNVP}, "realnvp.a-b: 'a-b': a run's name has lower-case letters"),
        ({"vae": {1: VAE}}, "vae.1: 1: should be a valid string"),
        (
            {"realnvp.v": REALNVP},
            "realnvp.v: already the name of a run of vae",
        ),
        ({"gan.r": GAN}, "gan.r: already the name of a run of realnvp"),
        ({"attention.v": TRANSLATOR}, "attention.v: already the name of a run of vae"),
        (
            {"attention.planar_sine_8": TRANSLATOR},
            "attention.planar_sine_8: the name of a planar flow; allow",
        ),
        ({"gan.planar_arcs_2": GAN}, "gan.planar_arcs_2: the name of a planar flow; allowed: any other name"),
    ],
)
def test_a_rule_that_is_broken_is_told_in_one_line(changes, line):
    assert mistake(changes).startswith(line)


@pytest.mark.parametrize("family", FAMILIES)
def test_names_under_which_other_results_lie(family):
    assert {"dirac", "flow"} <= {*TAKEN}
    for name in TAKEN:
        said = mistake({f"{family}.{name}": RUNS[family]})
        assert said.startswith(f"{family}.{name}: {name!r}: this name is reserved; allowed: any but ")


UP = [16, {"channels": 4, "kernel": 7}, {"channels": 1, "kernel": 4, "stride": 4}]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"vae.v.shown_epochs": [9, 0, 3], "vae.v.planar_layers": 0},
        {"vae.v.encoder": [CONV | {"stride": 3, "pool": 2}, 9], "vae.v.decoder": UP},
        {"data.sets": ["digits", "cifar10"], "vae.v.data": "cifar10"},  # validated on the test images
        {"flow.iterations": 200, "flow.averaged_losses": 200},
        ONE_PIXEL | {"vae.v.batch_size": 50},
        {"classifier.digits.widths": [4] * 6, "classifier.digits.batch_size": 50},
        {"classifier.digits.widths": [4] * 5, "classifier.digits.batch_size": 48},
        {"score.samples": 4, "score.splits": 1, "score.kid_subset_size": 4},
        {"score.samples": 3, "score.splits": 1, "score.kid_subset_size": 2, "score.runs": {}},
        {"score.kid_subset_size": 250, "score.splits": 250, "corruptions.images": 250},
        {"score.weights": {"inception-v3-compat": "https://host/w.pth"}, "score.beside": {"g": BESIDE}},
    ],
)
def test_what_keeps_the_rules_is_taken_as_it_is(changes):
    content = settings(changes)
    taken = Params.model_validate(content).model_dump(mode="json", exclude_unset=True)
    assert taken == content


OFFICIAL = DATASETS["cifar10"].files[0].sha256


@pytest.mark.parametrize(("sha256", "mark"), [(OFFICIAL, ""), (OFFICIAL.upper(), ""), ("ab" * 32, COPY)])
def test_the_official_checksum_makes_no_copy(sha256, mark):
    changes = {"data.sets": ["digits", "cifar10"], "vae.v.data": "cifar10"}
    read = Params.model_validate(settings(changes | {"data.sha256": {"cifar10": sha256}}))
    assert read.copies == (["cifar10"] if mark else [])
    assert read.copied_runs == ({"v"} if mark else set())
    assert read.copy_mark("cifar10") == mark


def test_seeds_of_a_translator():
    assert Params.model_validate(settings({"attention.a.seeds": [7, 3]})).seeds_of("a") == [7, 3]


def test_seeds_of_a_vae():
    assert Params.model_validate(settings({"vae.v.seeds": [7, 3]})).seeds_of("v") == [7, 3]
    assert Params.model_validate(settings({"vae.v.seeds": ..., "seed": 5})).seeds_of("v") == [5]


def test_runs_that_are_not_there():
    read = Params.model_validate(BASE | {"realnvp": {"long_name": REALNVP}})
    for family, name, hint in (
        ("realnvp", "long_nam", "did you mean 'long_name'? allowed: long_name"),
        ("realnvp", "v", "allowed: long_name"),
        ("vae", "r", "allowed: v"),
        ("attention", "v", "allowed: a"),
    ):
        with pytest.raises(InputError) as caught:
            getattr(read, f"{METHODS.get(family, family)}_run")(name)
        assert str(caught.value) == f"params.yaml: {family}: no run {name!r}; {hint}"


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Params.model_validate(BASE).seed = 2
