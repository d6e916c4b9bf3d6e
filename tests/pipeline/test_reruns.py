"""What a change runs again, and what it leaves alone.

Stages that list what is changed run, as `dvc status` says too of a few changes; those further down run if
their inputs come out different, which is not known beforehand. `reached` follows the graph instead, as if
every output changed, but for that of check_params, which is always the same
(`test_the_check_passes_on_nothing_new`). Where a run is cheap it is run; test_experiments.py has a learning
rate.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.reading import covers

pytestmark = pytest.mark.slow

REPO = Path(__file__).parents[2]
SMALL = {"train_vae@small", "estimate_likelihood@small", "draw_vae@small", "score_samples@small"}
L100 = {"train_vae@l100", "estimate_likelihood@l100", "draw_vae@l100"}
GREY = {"train_vae@grey", "estimate_likelihood@grey", "draw_vae@grey"}
VAES = SMALL | L100 | GREY
SCORED = {"score_samples@small", "score_samples@tiny_gan"}
ESTIMATES = {name for name in VAES if name.startswith("estimate")}
DRAWN_VAES = {name for name in VAES if name.startswith("draw")}
DIRAC = {"play_dirac", "draw_dirac"}
PLANAR = {"train_planar@1", "train_planar@2"}
MAPS = {"map_points", "draw_flow"}
REALNVP = {"train_realnvp@realnvp_mnist", "draw_realnvp@realnvp_mnist"}
THEORY = {"measure_theory", "draw_theory"}
DEPTH = {"measure_depth", "draw_depth"}
GAN = {"train_gan@tiny_gan", "draw_gan@tiny_gan", "draw_gan_overview", "score_samples@tiny_gan"}
CORRUPTIONS = {"measure_corruptions@digits", "draw_corruptions"}
REFERENCE = {"measure_reference@digits", "score_samples@small"} | GAN | CORRUPTIONS
CLASSIFIER = {"train_classifier@digits"} | REFERENCE
DRAWN_TRANSLATORS = {"draw_attention@tiny_seq", "draw_attention_overview"}
TRANSLATE = {"translate@tiny_seq"} | DRAWN_TRANSLATORS
TRANSLATOR = {"train_translator@tiny_seq"} | TRANSLATE

DRAWN = (
    DRAWN_VAES
    | DRAWN_TRANSLATORS
    | {
        "draw_gan@tiny_gan",
        "draw_gan_overview",
        "draw_corruptions",
        "draw_depth",
        "draw_dirac",
        "draw_flow",
        "draw_realnvp@realnvp_mnist",
        "draw_theory",
    }
)
DRAWN_IMAGES = DRAWN - {"draw_depth", "draw_dirac", "draw_flow", "draw_theory"} - DRAWN_TRANSLATORS
EVERY_RUN = VAES | DIRAC | PLANAR | MAPS | REALNVP | THEORY | DEPTH | CLASSIFIER | TRANSLATOR
# what is trained, and what is made of it
COMPUTED = VAES | PLANAR | {"draw_flow"} | REALNVP | CLASSIFIER | TRANSLATOR
CHECK, REPORT = {"check_params"}, {"write_report", "write_book"}
FETCHED = {"fetch_data@digits"} | VAES | REALNVP | CLASSIFIER
CORPORA = {"fetch_corpus@dates"} | TRANSLATOR


def reached(stages, changed):
    """Return `changed` and every stage that depends on an output of theirs, near or far."""
    found, fresh = set(changed), set(changed) - CHECK
    while fresh:
        outs = [out for name in fresh for out in stages[name].outs]
        fresh = {name for name, stage in stages.items() for out in outs if covers(stage.deps, out)} - found
        found |= fresh
    return found


def direct(stages, *, file="", key=""):
    """Return the stages that list a file, or a setting, or what it is part of."""
    setting = key.replace(".", "/")
    return {
        name
        for name, stage in stages.items()
        if covers(stage.deps, file or "params.yaml") or (key and covers(stage.settings, setting))
    }


BY_DVC = {
    *("vae.small.learning_rate", "vae.l100.seeds", "data.sha256", "likelihood.max_memory", "seed"),
    *("bijections.py", "params/whole.py", "artifacts/files.py"),
}
"""Changes of which DVC is asked, too."""
STATUS = """
import json, sys
from dvc.repo import Repo
from regen.pipeline.graph import params_read_once
for _ in sys.stdin:
    with Repo() as repo, params_read_once():
        print(json.dumps(list(repo.status())), flush=True)
"""


@pytest.fixture(scope="module")
def would_run(reproduced, stages):
    """Return a function that returns the stages that would run now, by a DVC that starts once."""
    command = [sys.executable, "-c", STATUS]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=reproduced.root, env=reproduced.env, stdin=pipe, stdout=pipe, text=True, bufsize=1
    ) as dvc:

        def status(stages=stages):
            dvc.stdin.write("\n")
            return reached(stages, json.loads(dvc.stdout.readline()))

        yield status
        dvc.stdin.close()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("vae.small.learning_rate", 0.002, CHECK | SMALL | REPORT),
        ("vae.l100.epochs", 3, CHECK | L100 | REPORT),
        ("likelihood.importance_samples", 6, CHECK | ESTIMATES | REPORT),
        ("likelihood.max_memory", 100, CHECK),
        ("dirac.coefficients", [0.2], CHECK | DIRAC | REPORT),
        ("figures.dpi", 60, CHECK | DRAWN | REPORT),
        ("figures.formats", ["png", "pdf"], CHECK | DRAWN | REPORT),
        ("figures.manifold", 7, CHECK | DRAWN_VAES | REPORT),
        ("data.mirror", "https://example.org/", CHECK),
        ("training.checkpoint_every", 7, CHECK),
        ("vae.l100.seeds", [1, 3], CHECK | L100 | REPORT),
        ("flow.seeds", 3, CHECK | PLANAR | {"draw_flow"} | REPORT),
        ("flow.averaged_losses", 30, CHECK | PLANAR | {"draw_flow"} | REPORT),
        ("flow.source", "files", CHECK | {"sample_points", "draw_flow"} | PLANAR | REPORT),
        ("realnvp.realnvp_mnist.temperature", 0.7, CHECK | REALNVP | REPORT),
        ("gan.tiny_gan.penalty_coefficient", 0.5, CHECK | GAN | REPORT),
        ("attention.tiny_seq.teacher_forcing", 0.9, CHECK | TRANSLATOR | REPORT),
        ("translation.beam", 2, CHECK | TRANSLATE | REPORT),
        ("translation.max_length", 50, CHECK | TRANSLATOR | REPORT),
        ("classifier.digits.epochs", 2, CHECK | CLASSIFIER | REPORT),
        ("score.kid_subsets", 3, CHECK | SCORED | REPORT),
        ("score.samples", 30, CHECK | SCORED | GAN | REPORT),
        ("score.batch_size", 7, CHECK),
        ("corruptions.images", 30, CHECK | CORRUPTIONS | REPORT),
        ("theory.problems", 3, CHECK | THEORY | REPORT),
        ("depth.steps", 7, CHECK | DEPTH | REPORT),
        ("data.sha256", {"mnist": "0" * 64}, CHECK | FETCHED | DRAWN_IMAGES | REPORT),
        ("precision", "auto", CHECK | COMPUTED | REPORT),
        ("seed", 2, CHECK | {"sample_points"} | EVERY_RUN | REPORT),
    ],
)
def test_settings(reproduced, stages, would_run, key, value, expected):
    assert reached(stages, direct(stages, key=key)) == expected
    if key in BY_DVC:
        with reproduced.changed(key, value):
            assert would_run() == expected


def test_a_new_run_leaves_the_others_alone(reproduced, would_run):
    text = (reproduced.root / "params.yaml").read_text()
    small = re.search(r"  small:\n(    .*\n)+", text)[0]
    with reproduced.edited("params.yaml", small, small + small.replace("small:", "third:")):
        third = {name.replace("small", "third") for name in SMALL - SCORED}
        assert would_run(reproduced.stages()) == CHECK | third | REPORT


def test_the_readme_s_new_run(disturbed):
    """Added as the README shows it, and run from data to figures."""
    readme = (REPO / "README.md").read_text()
    block = re.search(r"^```yaml\nvae:\n(  narrow:\n(?:    .*\n)+)```$", readme, re.MULTILINE)[1]
    narrow = (
        block.replace("epochs: 40", "epochs: 1").replace("[0, 1, 40]", "[0, 1]").replace("[1, 2, 3]", "[4]")
    )
    new = {f"{stage}@narrow" for stage in ("train_vae", "estimate_likelihood", "draw_vae")}
    with disturbed.edited("params.yaml", "  small:\n", narrow + "  small:\n"):
        assert disturbed.ran("repro", *sorted(new)) == CHECK | new
        figures = {path.stem for path in (disturbed.root / "reports/figures/narrow").iterdir()}
    for folder in ("models", "reports/runs", "reports/figures"):
        shutil.rmtree(disturbed.root / folder / "narrow")
    assert figures >= {"learning_curves", "samples", "reconstructions"}


@pytest.mark.parametrize(
    ("value", "stages_of_k"),
    [([1, 2, 3], {"train_planar@3"}), ([2, 1], set()), ([2], set())],
    ids=["one more", "another order", "one less"],
)
def test_another_list_of_layers_trains_only_what_is_new(reproduced, would_run, value, stages_of_k):
    with reproduced.changed("flow.layers", value):
        found = would_run(reproduced.stages())
    assert found == CHECK | stages_of_k | {"draw_flow"} | REPORT


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("dirac/game.py", DIRAC | REPORT),
        ("figures/dirac.py", DRAWN | REPORT),
        ("likelihood/importance.py", ESTIMATES | DRAWN_VAES | REPORT),
        ("vae/posterior.py", VAES | SCORED | THEORY | REPORT),
        ("theory/measure.py", THEORY | REPORT),
        ("depth/gradients.py", DEPTH | REPORT),
        ("planar/flows.py", PLANAR | MAPS | {"sample_points"} | REPORT),
        ("realnvp/networks.py", REALNVP | SCORED | REPORT),
        ("bijections.py", VAES | SCORED | PLANAR | MAPS | REALNVP | THEORY | REPORT),
        ("training/device.py", CHECK | COMPUTED | THEORY | DEPTH | MAPS | {"sample_points"} | REPORT),
        ("training/loop.py", VAES | REALNVP | CLASSIFIER | PLANAR | MAPS | DEPTH | TRANSLATOR | REPORT),
        ("gan/losses.py", GAN | SCORED | THEORY | REPORT),
        ("attention/decoding.py", TRANSLATOR | REPORT),
        ("fidelity/scores.py", CLASSIFIER | REPORT),
        ("data/digits.py", FETCHED | CORPORA | {"sample_points", "draw_flow"} | PLANAR | REPORT),
        ("data/dates.py", FETCHED | CORPORA | {"sample_points", "draw_flow"} | PLANAR | REPORT),
        ("report/page.py", REPORT),
        ("chapters/planar.py", REPORT),
        ("params/whole.py", CHECK),
        ("params/vae.py", CHECK | VAES | {"score_samples@small"} | REPORT),
        ("params/layers.py", CHECK | VAES | {"score_samples@small"} | REPORT),
        ("params/gan.py", CHECK | GAN | REPORT),
        ("params/score.py", CHECK | CLASSIFIER | REPORT),
        ("params/attention.py", CHECK | TRANSLATOR | REPORT),
        ("params/base.py", CHECK),
        ("artifacts/files.py", set()),
    ],
)
def test_code(reproduced, stages, would_run, module, expected):
    path = f"src/regen/{module}"
    assert reached(stages, direct(stages, file=path)) == expected
    if module in BY_DVC:
        first = (reproduced.root / path).read_text().split("\n")[0]
        with reproduced.edited(path, first, first.replace('"""', '"""Changed. ', 1)):
            assert would_run() == expected


def test_claims_are_read_by_the_report_alone(disturbed):
    with disturbed.edited("claims.yaml", "expected: -95.592", "expected: -90.123"):
        assert disturbed.ran("repro") == REPORT
        assert "-90.123" in (disturbed.root / "reports/claims.json").read_text()


def test_the_check_passes_on_nothing_new(disturbed):
    """Other settings, the same output: what waits for the check does not run again."""
    with disturbed.changed("data.mirror", "https://example.org/"):
        assert disturbed.ran("repro") == CHECK


def test_a_second_run_does_nothing(reproduced):
    done = reproduced.dvc("repro")
    assert "Running" not in done.stdout
    assert "Data and pipelines are up to date." in done.stdout
    assert reproduced.git("status", "--porcelain") == ""
