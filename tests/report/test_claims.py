from pathlib import Path

import pytest
import yaml

from regen.data.catalog import DATASETS
from regen.errors import InputError
from regen.params import read_params
from regen.params.yaml_files import read_yaml
from regen.report.claims import as_claims

REPO = Path(__file__).parents[2]
OURS = as_claims(read_yaml(REPO / "claims.yaml"), REPO / "claims.yaml").claims

CLAIM = "claims:\n  - {id: a, source: s, run: l100, metric: log_p, expected: -95.6}\n"


def read(text):
    return as_claims(yaml.safe_load(text), Path("claims.yaml"))


def test_a_claim_is_found_by_run_and_metric():
    claims = read(CLAIM)
    assert claims.find("l100", "log_p").id == "a"
    assert claims.expected("l100", "log_p") == -95.6
    assert claims.find("l100", "elbo") is None
    assert claims.expected("l10", "log_p") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CLAIM.replace("expected", "expcted"), "a: .*'expcted'"),
        (CLAIM.replace("metric: log_p, ", ""), "a: .*'metric'"),
        (CLAIM.replace("id: a, ", ""), "log_p.*'id'"),
        (CLAIM.replace(", expected: -95.6", ""), "a: .*'run' and 'expected'"),
        (CLAIM.replace("run: l100, ", ""), "a: .*'runs'"),
        (CLAIM.replace("run: l100, ", "run: l100, runs: [l100, l10], "), "a: .*'runs'"),
        ("claims:\n  - just words\n", "just words"),
        ("sources: {}\n", "claims"),
        ("", "claims"),
        ("claims:\n", "claims"),
    ],
)
def test_what_does_not_fit_is_named(text, message):
    with pytest.raises(InputError, match=f"claims.yaml: .*{message}") as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_our_claims():
    assert len({claim.id for claim in OURS}) == len(OURS) > 30
    about = [(claim.run, *claim.runs, claim.metric) for claim in OURS]
    assert len(set(about)) == len(about)
    assert {claim.given.get("data") for claim in OURS} <= {None, *DATASETS}


def test_our_claims_can_be_judged_by_the_paper_profile():
    """It has their runs, with the settings that the reports used; else no verdict would ever be given.

    The planar flows' points are files that nobody can download: they need a mirror, and `flow.source: files`.
    FIDs need Inception's weights, and `score.extractor`.
    """
    paper = read_params(REPO / "profiles" / "paper.yaml")
    flow = paper.flow.model_dump() | {"points": "files"}
    gans = {name: run.model_dump() for name, run in paper.gan.items()}
    given = [claim for claim in OURS if claim.given]
    for claim in given:
        for name in claim.runs or [claim.run]:
            if name in paper.vae:
                used = paper.vae_run(name).model_dump() | paper.likelihood.model_dump()
            elif name in paper.realnvp:
                used = paper.realnvp[name].model_dump()
            elif name == "depth":
                used = {"depth": max(paper.depth.depths)}
            else:
                used = gans["cifar10_w1_3"] if name == "gan" else gans.get(name, flow)
            if name in paper.score.runs:
                extractor = {"extractor": claim.given["extractor"]} if "extractor" in claim.given else {}
                reference = {"reference": f"{paper.score.runs[name]}, test"}
                used = paper.score.model_dump() | used | reference | extractor
            assert claim.given == {key: used[key] for key in claim.given}, claim.id
    assert {claim.metric for claim in given} > {"log_p", "elbo", "loss", "progress"}


def test_a_figure_of_a_trained_run_says_what_it_was_made_with_and_how_near_ours_should_come():
    paper = read_params(REPO / "profiles" / "paper.yaml")
    for claim in OURS:
        exact = claim.metric.endswith("parameters")  # they depend on no training, and are equal or not
        if claim.run in paper.vae:
            assert {"data"} if exact else {"data", "epochs"} <= set(claim.given)
        if isinstance(claim.expected, float | int | list) and not exact:
            assert claim.tolerance > 0 or claim.at_most, claim.id
