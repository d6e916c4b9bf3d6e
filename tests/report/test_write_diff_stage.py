"""The stage as a command, in small repositories with results that are made up."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml

from report.cells import rows
from report.scratch import begin, commit, git

REPO = Path(__file__).parents[2]
QUICK = (REPO / "profiles" / "quick.yaml").read_text()
METRICS = {
    "l100": {"valid_negative_elbo": 91.0, "log_p": -84.0, "active_units": 99.0, "frechet_distance": 9.0},
    "uva_z20": {"valid_negative_elbo": 85.0, "log_p": -80.0},
}
CLAIMS = {
    "elbo": {"what": "the bound", "runs": ["l100"], "verdict": "agrees", "why": "The difference is 0.1."},
    "order": {"what": "more is better", "runs": ["uva_z20"], "verdict": "agrees", "why": ""},
    "other": {"what": "another", "runs": ["uva_z2"], "verdict": "other data", "why": ""},
}
COLUMNS = {
    "vae": [
        {"key": "valid_negative_elbo", "better": "lower", "of": "valid_negative_elbo"},
        {"key": "test_log_p", "better": "higher", "of": "log_p"},
        {"key": "active_units", "better": None, "of": "active_units"},
    ],
    "scores": [{"key": "distance", "better": "lower", "of": "distance"}],
}
NOISE = """\
metric,mean,deviation,runs
l100.valid_negative_elbo,91,0.5,5
l100.log_p,-84,0.25,5
l100.frechet_distance,9,1,5
uva_z20.valid_negative_elbo,85,0.5,5
"""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """Return a repository whose first commit has results; what a test writes comes after it."""
    begin(monkeypatch, tmp_path)
    Path("params.yaml").write_text(QUICK)
    results(METRICS, CLAIMS)
    for name, columns in COLUMNS.items():
        write(f"reports/tables/{name}.json", json.dumps({"columns": columns, "rows": [], "empty": ""}))
    write("results/noise/quick.csv", NOISE)
    for name in ("same", "other", "gone"):
        write(f"reports/figures/l100/{name}.png", PNG + name.encode())
    commit()
    return tmp_path


def write(name, content):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def results(metrics, claims):
    write("reports/metrics.json", json.dumps(metrics))
    write("reports/claims.json", json.dumps(claims))


def changed(tree, **leaves):
    """Return results with other leaves, by names with two underscores for a dot; None takes one away."""
    tree = json.loads(json.dumps(tree))
    for name, value in leaves.items():
        section, _, key = name.partition("__")
        tree[section][key] = value
        if value is None:
            del tree[section][key]
    return tree


@pytest.fixture
def diff(repo, monkeypatch, capsys):  # noqa: ARG001
    """Return a function that runs the stage; it returns exit code, parts of the page by title, and stderr."""

    def run(*args, base="HEAD"):
        monkeypatch.setattr(sys, "argv", ["write_diff.py", *args, "--", base])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(REPO / "stages" / "write_diff.py"), run_name="__main__")
        said = capsys.readouterr()
        parts = re.split(r"^### (.*)\n\n", said.out, flags=re.MULTILINE)
        return caught.value.code or 0, dict(zip(parts[1::2], parts[2::2], strict=True)), said.err

    return run


WORSE = ("--fail-on", "worse")


def test_a_comment_changes_nothing(diff):
    Path("params.yaml").write_text("# a comment\n" + QUICK)
    code, parts, _ = diff(*WORSE)
    assert code == 0
    assert list(parts) == ["Claims", "Params", "Metrics", "Figures", "Gate"]
    said = [" ".join(part.split()) for part in parts.values()]
    assert said[:3] == ["No verdict changed.", "No param changed.", "No metric changed. 6 are equal."]
    assert said[3:] == [
        "0 changed, 0 new, 0 removed.",
        "No metric got worse by more than 3 deviations, and no verdict was lost.",
    ]


def test_a_learning_rate_changes_its_run_alone(diff):
    """The metrics that changed most come first; a change within the noise is not refused."""
    settings = yaml.safe_load(QUICK)
    settings["vae"]["l100"]["learning_rate"] = 0.003
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    better = changed(METRICS, l100__valid_negative_elbo=92.25, l100__log_p=-83.0, l100__active_units=98.0)
    results(better, changed(CLAIMS, other__verdict="undecided"))
    code, parts, _ = diff(*WORSE)
    assert code == 0
    assert rows(parts["Params"]) == [["vae.l100.learning_rate", "0.001", "0.003"]]
    assert rows(parts["Metrics"]) == [
        ["l100.log_p", "-84", "-83", "+1", "4.0", "better"],
        ["l100.valid_negative_elbo", "91", "92.25", "+1.25", "2.5", "worse"],
        ["l100.active_units", "99", "98", "-1", "", ""],
    ]
    assert "3 are equal." in parts["Metrics"]
    assert rows(parts["Claims"]) == [["other", "another", "other data", "undecided", ""]]


def test_a_bug_in_a_loss_is_refused(diff):
    worse = changed(METRICS, l100__valid_negative_elbo=191.0, l100__frechet_distance=12.5)
    results(worse, changed(CLAIMS, elbo__verdict="differs", elbo__why="The difference is 100."))
    code, parts, error = diff(*WORSE)
    assert (code, error) == (
        1,
        "worse than HEAD: elbo: agrees, now differs; l100.valid_negative_elbo: worse by 200.0 deviations; "
        "l100.frechet_distance: worse by 3.5 deviations; accepted.yaml has no line for it\n",
    )
    assert [row[-1] for row in rows(parts["Gate"])] == ["no"] * 3
    assert rows(parts["Claims"])[0] == ["elbo", "the bound", "agrees", "differs", "The difference is 100."]
    assert diff()[0] == 0  # where nobody asks


def test_what_is_accepted_passes(diff):
    results(changed(METRICS, l100__valid_negative_elbo=191.0), changed(CLAIMS, elbo__verdict="differs"))
    lines = [{"metric": "l100.valid_negative_elbo", "reason": "half the epochs"}]
    write("accepted.yaml", yaml.safe_dump(lines))
    code, parts, error = diff(*WORSE)
    assert (code, error.partition(";")[0]) == (1, "worse than HEAD: elbo: agrees, now differs")
    lines += [{"claim": "elbo", "reason": "the same"}, {"claim": "order", "reason": "just in case"}]
    write("accepted.yaml", yaml.safe_dump(lines))
    code, parts, error = diff(*WORSE)
    assert (code, error) == (0, "")
    assert [row[-1] for row in rows(parts["Gate"])] == ["the same", "half the epochs"]
    assert "accept nothing here: `order`." in parts["Gate"]


@pytest.mark.parametrize("args", [(), WORSE])
def test_a_bad_line_is_refused_whether_or_not_it_is_needed(diff, args):
    write("accepted.yaml", "- {metric: l100.log_p}\n")
    code, parts, error = diff(*args)
    assert (code, parts) == (2, {})
    assert error == "accepted.yaml: 1: reason: None: should say why l100.log_p may get worse\n"


def test_a_run_under_another_name_is_new_and_the_old_one_removed(diff):
    settings = yaml.safe_load(QUICK)
    settings["vae"]["narrow"] = settings["vae"].pop("uva_z20")
    settings["score"]["runs"]["narrow"] = settings["score"]["runs"].pop("uva_z20")
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    renamed = {"l100": METRICS["l100"], "narrow": METRICS["uva_z20"]}
    results(renamed, changed(CLAIMS, order__verdict="not run"))
    code, parts, _ = diff(*WORSE)
    assert code == 0
    assert "New: `narrow.valid_negative_elbo`, `narrow.log_p`." in parts["Metrics"]
    assert "Removed: `uva_z20.valid_negative_elbo`, `uva_z20.log_p`." in parts["Metrics"]
    assert rows(parts["Claims"])[0][:4] == ["order", "more is better", "agrees", "not run"]
    assert ["score.runs.narrow", "none", "digits"] in rows(parts["Params"])


def test_a_run_that_is_lost_without_params_saying_so_is_refused(diff):
    results(METRICS, changed(CLAIMS, order__verdict="not run"))
    assert diff(*WORSE)[0] == 1


def test_a_metric_that_is_gone_is_listed_apart(diff):
    results(changed(METRICS, l100__log_p=None), CLAIMS)
    code, parts, _ = diff(*WORSE)
    assert code == 0
    assert "No metric changed." in parts["Metrics"]
    assert "Removed: `l100.log_p`." in parts["Metrics"]


@pytest.mark.parametrize(
    ("gone", "part", "rest"),
    [("metrics", "Metrics", "No verdict changed."), ("claims", "Claims", "No metric changed.")],
)
def test_a_base_without_results_says_so_and_fails_nothing(diff, gone, part, rest):
    Path(f"reports/{gone}.json").unlink()
    commit()
    results(METRICS, CLAIMS)
    code, parts, _ = diff(*WORSE)
    assert code == 0
    assert f"`HEAD` has no `reports/{gone}.json`" in parts[part]
    assert any(rest in found for found in parts.values())


def test_a_first_commit_of_nothing(diff):
    git("checkout", "--quiet", "--orphan", "empty")
    git("rm", "--quiet", "-r", "--cached", ".")
    git("commit", "--quiet", "--allow-empty", "-m", "Start")
    code, parts, _ = diff(*WORSE)
    assert code == 0
    assert "seed" in [row[0] for row in rows(parts["Params"])]
    assert "New: `reports/figures/l100/gone.png`, " in parts["Figures"]


@pytest.mark.parametrize("base", ["mian", "", "--all", "HEAD:params.yaml"])
def test_no_revision(diff, base):
    code, parts, error = diff(base=base)
    assert (code, parts, error.count("\n")) == (2, {}, 1)
    assert error.startswith(f"BASE: {base!r}: no revision of this repository")


def test_an_experiment_of_dvc_has_a_ref_of_its_own(diff):
    before = git("rev-parse", "HEAD")
    results(changed(METRICS, l100__log_p=-85.0), CLAIMS)
    git("update-ref", f"refs/exps/{before[:2]}/{before[2:]}/faster", commit())
    git("reset", "--quiet", "--hard", before)
    assert rows(diff(base="faster")[1]["Metrics"])[0][:3] == ["l100.log_p", "-85", "-84"]


def test_without_results_here_the_file_is_named(diff):
    Path("reports/claims.json").unlink()
    code, parts, error = diff()
    assert (code, parts) == (2, {})
    assert error.startswith("reports/claims.json: no metrics (")


def test_without_noise_sizes_are_blank_and_nothing_is_refused_for_them(diff):
    Path("results/noise/quick.csv").unlink()
    results(changed(METRICS, l100__valid_negative_elbo=191.0), CLAIMS)
    code, parts, _ = diff(*WORSE)
    assert (code, rows(parts["Metrics"])[0][3:]) == (0, ["+100", "", "worse"])
    assert "`make noise`" in parts["Metrics"]


def test_figures_side_by_side(diff):
    write("reports/figures/l100/other.png", PNG + b"another")
    write("reports/figures/l100/fresh.gif", b"GIF89a fresh")
    Path("reports/figures/l100/gone.png").unlink()
    _, parts, _ = diff("--html", "diff.html")
    names = {
        word: f"reports/figures/l100/{word}" for word in ("other.png", "fresh.gif", "gone.png", "same.png")
    }
    assert parts["Figures"].split("\n\n") == [
        "1 changed, 1 new, 1 removed.",
        f"Changed: `{names['other.png']}`.",
        f"New: `{names['fresh.gif']}`.",
        f"Removed: `{names['gone.png']}`.\n",
    ]
    page = Path("diff.html").read_text()
    images = re.findall(r"<tr><td>(\S+)<td>(none|<img .*?>)<td>(none|<img .*?>)</tr>", page)
    kinds = {name: [re.findall("image/(...)", cell) for cell in cells] for name, *cells in images}
    assert kinds == {
        names["other.png"]: [["png"], ["png"]],
        names["fresh.gif"]: [[], ["gif"]],
        names["gone.png"]: [["png"], []],
    }
    assert names["same.png"] not in page


def test_figures_that_dvc_keeps_have_the_hash_of_its_lock(diff):
    git("rm", "--quiet", "-r", "--cached", "reports/figures")
    write(".gitignore", "/reports/figures\n")

    def lock(md5):
        outs = [{"path": "reports/figures/l100", "md5": md5}, {"path": "models/l100", "md5": md5}]
        return yaml.safe_dump({"schema": "2.0", "stages": {"draw": {"cmd": "x", "outs": outs}}})

    write("dvc.lock", lock("1.dir"))
    commit()
    write("dvc.lock", lock("2.dir"))
    assert diff()[1]["Figures"] == "1 changed, 0 new, 0 removed.\n\nChanged: `reports/figures/l100`.\n"


def test_html_is_escaped(diff):
    results(METRICS, changed(CLAIMS, elbo__verdict="differs", elbo__why="<b> & | so"))
    _, parts, _ = diff("--html", "diff.html")
    assert r"| <b> & \| so |" in parts["Claims"]
    assert "&lt;b&gt; &amp; | so" in Path("diff.html").read_text()
