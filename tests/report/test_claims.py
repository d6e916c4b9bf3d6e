from pathlib import Path

import pytest
import yaml

from regen.chapters.runs import runs_of
from regen.data.catalog import DATASETS
from regen.errors import InputError
from regen.params import read_params
from regen.params.yaml_files import read_yaml
from regen.report.claims import Claims, as_claims

REPO = Path(__file__).parents[2]
OURS = as_claims(read_yaml(REPO / "claims.yaml"), REPO / "claims.yaml").claims

SOURCES = "sources: {s: a report}\n"
CLAIM = f"{SOURCES}claims:\n  - {{id: a, source: s, run: l100, metric: log_p, expected: -95.6}}\n"


def read(text):
    return as_claims(yaml.safe_load(text), Path("claims.yaml"))


def with_key(text):
    """Return the claim with another key."""
    return CLAIM.replace("expected: -95.6", f"expected: -95.6, {text}")


def test_a_claim_is_found_by_run_and_metric():
    claims = read(CLAIM)
    assert claims.find("l100", "log_p").id == "a"
    assert claims.expected("l100", "log_p") == -95.6
    assert claims.find("l100", "elbo") is None
    assert claims.expected("l10", "log_p") is None


def test_whole_numbers_stay_whole_and_figures_are_what_they_are():
    assert repr(read(CLAIM.replace("-95.6", "1256698")).claims[0].expected) == "1256698"
    assert repr(read(CLAIM.replace("-95.6", "[1.5, 2]")).claims[0].expected) == "[1.5, 2.0]"
    assert read(with_key("tolerance: 1")).claims[0].tolerance == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CLAIM.replace("expected", "expcted"), "a: 'expcted': unknown key; did you mean 'expected'? allowed"),
        (CLAIM.replace("metric: log_p, ", ""), "a: 'metric': missing"),
        (CLAIM.replace("id: a, ", ""), "{.*log_p.*}: 'id': missing"),
        (CLAIM.replace(", expected: -95.6", ""), "a: should have 'run' and 'expected', or 'runs'"),
        (CLAIM.replace("run: l100, ", ""), "a: .*'runs'"),
        (CLAIM.replace("run: l100, ", "run: l100, runs: [l100, l10], "), "a: .*'runs'"),
        (CLAIM + CLAIM.splitlines()[2], "a: id: stands there 2 times; allowed: once"),
        (CLAIM.replace("source: s", "source: t"), "a: source: 't': unknown; .*allowed: s"),
        (CLAIM.replace("-95.6", ".nan"), "a: expected: nan: should be a number, words, or a list of numbers"),
        (CLAIM.replace("-95.6", "[1.5, x]"), "a: expected: .*: should be a number, words, or a list"),
        (CLAIM.replace("-95.6", "true"), "a: expected: True: should be a number, words, or a list"),
        (CLAIM.replace("l100", "100"), "a: run: 100: should be a valid string"),
        (with_key("tolerance: -1"), "a: tolerance: -1: should be greater than or equal to 0"),
        (with_key("tolerance: little"), "a: tolerance: 'little': should be a valid number"),
        (with_key("better: more"), "a: better: 'more': should be 'lower' or 'higher'"),
        (with_key("given: data"), "a: given: 'data': should be a valid dictionary"),
        (with_key("sizes: {widht: 3}"), "a: sizes: .*: should be 'width', 'steps' or 'iterations'"),
        (with_key("sizes: {steps: few}"), "a: sizes: .*: should be a valid integer"),
        (with_key("question: 3"), "a: question: 3: should be a valid string"),
        (with_key("same: [x]"), "a: same: allowed where 'expected' is words"),
        (with_key("at_most: 1"), "a: at_most: 1: should be a valid boolean"),
        (with_key("judged: x"), "a: judged: allowed where 'expected' is words"),
        (CLAIM.replace("-95.6", "falls, at_most: true"), "a: at_most: allowed where 'expected' is a number"),
        (CLAIM.replace(SOURCES, ""), "sources: should name the reports"),
        (CLAIM.replace("a report", "[]"), "sources: should name the reports"),
        (CLAIM + "claim: []\n", "claim: unknown key; did you mean 'claims'"),
        ("claims:\n  - just words\n", "'just words': should be a claim"),
        ("sources: {}\n", "should hold a list named claims"),
        ("", "should hold a list named claims"),
        ("claims:\n", "should hold a list named claims"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(text, message):
    with pytest.raises(InputError, match=f"^claims.yaml: {message.replace('?', '.')}") as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_run_that_nobody_knows_is_named():
    claims = read(CLAIM)
    claims.check_runs({"l100", "l10"}, Path("claims.yaml"))
    with pytest.raises(InputError, match=r"^claims.yaml: a: 'l100': no run of .*did you mean 'l10'\?.*$"):
        claims.check_runs({"l10"}, Path("claims.yaml"))


def test_our_claims_are_on_runs_of_the_paper_profile():
    Claims(OURS).check_runs(runs_of(read_params(REPO / "profiles" / "paper.yaml")), Path("claims.yaml"))


def test_our_claims():
    assert len({claim.id for claim in OURS}) == len(OURS) > 30
    about = [(claim.run, *claim.runs, claim.metric) for claim in OURS]
    assert len(set(about)) == len(about)
    assert {claim.given_of(name).get("data") for claim in OURS for name in claim.names} <= {None, *DATASETS}


def test_our_claims_can_be_judged_by_the_paper_profile():
    """It has their runs, with the settings that the reports used; else no verdict would ever be given.

    The planar flows' points are files that nobody can download: they need a mirror, and `flow.source: files`.
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
            elif claim.id.startswith("dirac-"):
                used = paper.dirac.model_dump()
            elif name == "depth":
                used = {"depth": max(paper.depth.depths)}
            else:
                used = gans["cifar10_w1_3"] if name == "gan" else gans.get(name, flow)
            if name in paper.score.runs:
                asked = claim.given.get("extractor")
                beside = paper.score.beside[name].extractors if name in paper.score.beside else []
                extractor = {"extractor": asked} if asked in beside else {}
                reference = {"reference": f"{paper.score.runs[name]}, test"}
                used = paper.score.model_dump() | used | reference | extractor
            theirs = claim.given_of(name) | claim.sizes
            assert theirs == {key: used[key] for key in theirs}, claim.id
    assert {claim.metric for claim in given} > {"log_p", "elbo", "loss", "progress"}


def test_a_figure_of_a_trained_run_says_what_it_was_made_with_and_how_near_ours_should_come():
    paper = read_params(REPO / "profiles" / "paper.yaml")
    for claim in OURS:
        exact = claim.metric.endswith("parameters")  # they depend on no training, and are equal or not
        if claim.run in paper.vae and not exact:
            assert set(claim.given) >= {"data", "epochs"}, claim.id
        if isinstance(claim.expected, float | int | list) and not exact:
            assert claim.tolerance > 0 or claim.at_most, claim.id
