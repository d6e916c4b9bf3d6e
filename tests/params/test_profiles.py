"""The profiles, and the schema that editors check them by."""

import json

import jsonschema
import pytest
import torch
import yaml
from torch import nn

from params.small import REPO, settings
from regen import params
from regen.data.catalog import CORPORA, DATASETS
from regen.gan.losses import r1
from regen.params import read_params
from regen.params.__main__ import schema

PROFILES = sorted((REPO / "profiles").glob("*.yaml"))


def test_at_rest_params_are_the_quick_profile():
    at_rest, quick = (REPO / "params.yaml").read_text(), (REPO / "profiles" / "quick.yaml").read_text()
    assert read_params(REPO / "params.yaml") == read_params(REPO / "profiles" / "quick.yaml")
    # the first three lines say where the schema is, and which profile this is
    assert at_rest.partition("\nseed:")[2] == quick.partition("\nseed:")[2]
    assert "" not in (at_rest, quick)


@pytest.mark.parametrize("profile", [REPO / "params.yaml", *PROFILES], ids=lambda path: path.stem)
def test_editors_find_the_schema_of_a_profile_that_is_copied_over_params_yaml(profile):
    first = profile.read_text().split("\n")[0]
    name = first.removeprefix("# yaml-language-server: $schema=")
    assert (REPO / name).resolve() == REPO / "params.schema.json"


def test_quick_downloads_nothing():
    quick = read_params(REPO / "profiles" / "quick.yaml")
    assert [name for name in quick.data.sets if DATASETS[name].files] == []
    assert [name for name in quick.data.corpora if CORPORA[name].files] == []


def test_paper_has_the_reports_numbers():
    paper = read_params(REPO / "profiles" / "paper.yaml")
    assert paper.vae["l100"].model_dump(exclude_defaults=True) == {
        "data": "binarized_mnist",
        "encoder": [300, 300],
        "latent": 100,
        "decoder": [300, 300],
        "activation": "elu",
        "logit_shift": -5.0,
        "learning_rate": 3e-4,
        "batch_size": 64,
        "epochs": 20,
        "shown_epochs": [0, 1, 20],
        "seeds": [1, 2, 3],
    }
    assert paper.vae["l100_planar"] == paper.vae["l100"].model_copy(update={"planar_layers": 8})
    assert paper.likelihood.importance_samples == 200
    dirac, flow, realnvp = paper.dirac, paper.flow, paper.realnvp["realnvp_mnist"]
    assert (dirac.iterations, dirac.learning_rate, dirac.start_scale) == (5000, 0.1, 0.7)
    assert (dirac.coefficients, dirac.ema) == ([0.01, 0.1], 0.998)
    assert (flow.layers, flow.iterations, flow.averaged_losses) == ([2, 8, 32], 20_000, 200)
    assert (flow.learning_rate, flow.batch_size, flow.init_scale) == (5e-4, 128, 0.01)
    assert (realnvp.data, realnvp.couplings, realnvp.hidden) == ("mnist", 8, [1024, 1024])
    assert (realnvp.alpha, realnvp.learning_rate, realnvp.batch_size) == (1e-5, 1e-3, 128)
    assert (realnvp.clip_norm, realnvp.epochs) == (5.0, 40)
    assert {1, 20, 40} <= set(realnvp.shown_epochs)


def test_paper_has_the_protocol_s_translators():
    runs = read_params(REPO / "profiles" / "paper.yaml").attention
    kinds = {name: (run.attention, run.teacher_forcing) for name, run in runs.items()}
    assert kinds == {
        "seq_attention": ("additive", 0.5),
        "seq_plain": ("none", 0.5),
        "seq_forced": ("additive", 1.0),
        "seq_free": ("additive", 0.0),
    }
    shared = {"attention": "additive", "teacher_forcing": 0.5}
    assert len({run.model_copy(update=shared).model_dump_json() for run in runs.values()}) == 1
    run = runs["seq_attention"]
    assert (run.data, run.embedding, run.hidden, run.dropout) == ("multi30k", 256, 256, 0.1)
    assert (run.optimizer, run.learning_rate, run.batch_size, run.clip_norm) == ("adam", 1e-3, 64, 1.0)
    assert len(run.seeds) == 3
    assert run.epochs <= 15


SMALLER = {"width": 32, "steps": 20_000, "shown": [0, 2000, 10_000, 20_000], "statistics_batches": 200}
TWICE = ("cifar10_jsd_1", "cifar10_jsd_3", "cifar10_w1_3")


def test_on_a_cpu_only_the_cifar10_gans_are_smaller_than_in_the_paper_profile():
    paper, cpu = (read_params(REPO / "profiles" / f"{name}.yaml").model_dump() for name in ("paper", "cpu"))
    for name, run in paper["gan"].items():
        if run["data"] == "cifar10":
            run.update(SMALLER, seeds=[1, 2] if name in TWICE else None)
    weak = {"penalty_coefficient": pytest.approx(1 / 96, rel=1e-6), "seeds": None}
    paper["gan"]["cifar10_w1_3_axis"] = paper["gan"]["cifar10_w1_3"] | weak
    paper["score"]["runs"]["cifar10_w1_3_axis"] = "cifar10"
    paper["score"]["beside"] = {}  # Inceptions take half an hour a run on a CPU
    assert cpu == paper | {"device": "cpu"}


def test_r1_of_the_last_axis_alone_is_r1_by_96():
    """A student's code has it so: the mean over images, channels and rows of the squared norm of each row."""
    torch.manual_seed(1)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 8, dtype=torch.float64), nn.Tanh())
    x = torch.randn(5, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    C = critic(x).sum(1)
    (gradient,) = torch.autograd.grad(C.sum(), x, retain_graph=True)
    of_rows = torch.linalg.vector_norm(gradient, dim=-1).square().mean()
    run = read_params(REPO / "profiles" / "cpu.yaml").gan["cifar10_w1_3_axis"]
    penalty = run.penalty_coefficient * r1(C, x).item()
    assert penalty == pytest.approx(of_rows.item(), rel=1e-6)


def test_the_exported_schema_is_current():
    assert (REPO / "params.schema.json").read_text() == schema()


@pytest.fixture(scope="module")
def editor():
    """Return what an editor checks settings with."""
    exported = json.loads((REPO / "params.schema.json").read_text())
    kind = jsonschema.validators.validator_for(exported)
    kind.check_schema(exported)
    return kind(exported)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_editors_accept_the_profiles(editor, profile):
    editor.validate(yaml.safe_load(profile.read_text()))


@pytest.mark.parametrize(
    "changes",
    [
        {"vae.v.latent": ..., "vae.v.latnet": 2},
        {"seed": -1},
        {"seed": "one"},
        {"data.sets": ["digts"]},
        {"data.corpora": ["date"]},
        {"data.corpora": []},
        {"vae.L100": settings({})["vae"]["v"]},
        {"vae.v.activation": "ELU"},
        {"vae.v.epochs": ...},
        {"vae.v.learning_rate": 0.0},
        {"flow.source": "made"},
        {"attention.a.teacher_forcing": 1.5},
        {"attention.a.data": "digits"},
        {"attention.A": settings({})["attention"]["a"]},
        {"translation.beam": 0},
        {"flow.layers": []},
        {"theory.problems": 0},
        {"corruptions.mixing": [0.7]},
        {"corruptions.missing": []},
        {"realnvp.RealNVP": settings({})["realnvp"]["r"]},
    ],
)
def test_editors_refuse_mistakes(editor, changes):
    assert not editor.is_valid(settings(changes))


def below(kind):
    """Yield the classes that are of a kind, near and far."""
    for each in kind.__subclasses__():
        yield each
        yield from below(each)


def test_every_key_says_what_it_is():
    """Editors show it; and only the keys below may be left out, since the profiles hold the settings."""
    optional = set()
    found = {kind for kind in below(params.Section) if kind.__module__.startswith("regen.params.")}
    assert len(found) > 20
    for section in found - {params.Params}:
        fields = section.model_fields.items()
        assert [name for name, field in fields if not field.description] == []
        if not section.__name__.startswith("_"):  # else its kinds have its fields
            optional |= {f"{section.__name__}.{name}" for name, field in fields if not field.is_required()}
    gan = {"ema", "epochs", "steps", "spectral_norm", "penalty", "penalty_coefficient"}
    gan |= {"critic_weight_decay", "seeds"}
    may_be_absent = {
        "VaeRun": {"binarize", "batch_norm", "dropout", "logit_shift", "planar_layers", "seeds"},
        "Conv": {"stride", "padding", "pool"},
        "Classifier": {"pool", "mirror", "label_smoothing"},
        "RealNvpRun": {"seeds"},
        "TranslatorRun": {"seeds"},
        "ResidualRun": gan,
        "DcganRun": gan,
        "MlpRun": gan | {"generator_batch_norm"},
    }
    assert optional == {f"{section}.{key}" for section, keys in may_be_absent.items() for key in keys}
