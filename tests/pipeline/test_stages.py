"""dvc.yaml against the code: the files that stages hand on, the modules and settings that they depend on."""

import json
import re
from pathlib import Path

import pytest

from pipeline.clones import REPO
from pipeline.reading import FAMILY, beyond_interface, covers, modules, read_by, reads, stage_nodes
from regen import artifacts
from regen.params import read_params
from regen.params.yaml_files import read_yaml
from regen.report.book import TITLES

pytestmark = pytest.mark.slow

WITHOUT_EFFECT = {
    # Read by a stage, though its result does not depend on them: a change must not run it again.
    "data/sets",
    "data/corpora",
    "data/mirror",
    "training/checkpoint_every",
    "training/cuda_graphs",
    "likelihood/max_memory",
    "score/batch_size",
}
WITHOUT_EFFECT_ON = {
    # The same of one stage: `layers` only tells whether its k is allowed, `source` comes with the points.
    "train_planar": {"flow/layers", "flow/source"},
    # All of `score` is handed on, of which these parts matter to others; a run's own entry in `score.runs` is
    # listed, and its settings come with its weights.
    "measure_reference": {"score/kid_subsets", "score/kid_subset_size", "score/samples", "score/splits"}
    | {"score/runs", "score/beside"},
    "train_gan": {"score/kid_subsets", "score/kid_subset_size", "score/runs", "score/beside"},
    "measure_corruptions": {"score/kid_subsets", "score/kid_subset_size", "score/samples"}
    | {"score/runs", "score/beside"},
    "score_samples": {"score/runs", "score/beside", "vae", "realnvp", "gan"},
    "score_beside": {"score/runs", "score/extractor", "vae", "realnvp", "gan"},
    # A corpus has one checksum, the published one.
    "fetch_corpus": {"data/sha256"},
    # It has its own; what starts other trainings reads these.
    "measure_depth": {"device", "precision"},
}
BY_HAND = {
    f"src/regen/{name}.py" for name in ("data/text", "figures/attention", "figures/seeds", "figures/style")
}
"""What stages/translate.py imports for a sentence given to it, of which it writes nothing that DVC keeps."""
DOWNLOADS = {f"src/regen/data/{name}.py" for name in ("download", "fetch", "mirrors")}
"""How files come here; what an extractor takes of them is held to its checksum, whichever way it came."""
EXTRACTS = ("measure_reference", "measure_corruptions", "train_gan", "score_samples", "score_beside")


@pytest.fixture(scope="module")
def clone(clone):
    """Return a clone whose settings have stages of all kinds, which never run."""
    with clone.changed(
        "score.beside", {"tiny_gan": {"data": "digits", "extractors": ["inception-v3-compat"]}}
    ):
        yield clone


@pytest.fixture(scope="module")
def stages(clone):
    return clone.stages()


def test_all_kinds_of_stages_are_looked_at(stages):
    assert {name.partition("@")[0] for name in stages} == {*read_yaml(REPO / "dvc.yaml")["stages"]}


def test_what_needs_the_device_asks_for_a_gpu():
    """On a cluster others see none."""
    pipeline = read_yaml(REPO / "dvc.yaml")["stages"].items()
    stages = {name: stage.get("do", stage) for name, stage in pipeline}
    asked = {name for name, stage in stages.items() if (stage.get("meta") or {}).get("gpu")}
    computes = {name for name, stage in stages.items() if "device" in stage.get("params", [])}
    assert asked == computes | {"check_params"}


def test_outputs_are_where_the_code_writes_them(clone, stages):
    params = read_params(clone.root / "params.yaml")
    expected = {
        "check_params": {Path("data/params.ok")},
        "play_dirac": {artifacts.trajectories_file(), artifacts.verdicts_file()},
        "draw_dirac": {artifacts.figures_dir("dirac")},
        "sample_points": {artifacts.points_file()},
        "map_points": {artifacts.planar_maps_file(), artifacts.planar_maps_table_file()},
        "draw_flow": {artifacts.figures_dir("flow")},
        "measure_theory": {artifacts.theory_table_file("any").parent},
        "draw_theory": {artifacts.figures_dir("theory")},
        "measure_depth": {artifacts.depth_table_file("any").parent},
        "draw_depth": {artifacts.figures_dir("depth")},
        "draw_gan_overview": {artifacts.figures_dir("gan")},
        "draw_corruptions": {artifacts.figures_dir("corruptions")},
        "draw_attention_overview": {artifacts.figures_dir("attention")},
        "write_report": {
            artifacts.REPORT_PAGE,
            artifacts.REPORT_CLAIMS,
            artifacts.REPORT_METRICS,
            artifacts.table_file("any").parent,
            artifacts.REPORT_TIMINGS,
            artifacts.REPORT_TIMINGS.with_suffix(".json"),
        },
        "write_book": {artifacts.book_page(name) for name in TITLES},
    }
    for name in params.data.sets:
        expected[f"fetch_data@{name}"] = {artifacts.dataset_file(name)}
    for name in params.data.corpora:
        expected[f"fetch_corpus@{name}"] = {artifacts.dataset_file(name)}
    for run in params.vae:
        expected |= {
            f"train_vae@{run}": {
                artifacts.snapshots_file(run).parent,
                artifacts.history_file(run),
                artifacts.scores_file(run, "training"),
                artifacts.timing_file(run),
            },
            f"estimate_likelihood@{run}": {
                artifacts.likelihoods_file(run),
                artifacts.seeds_file(run),
                artifacts.scores_file(run, "likelihood"),
            },
            f"draw_vae@{run}": {artifacts.figures_dir(run)},
        }
    for layers in params.flow.layers:
        expected[f"train_planar@{layers}"] = {
            artifacts.planar_flows_file(layers),
            artifacts.planar_scores_file(layers),
        }
    for run in params.realnvp:
        expected |= {
            f"train_realnvp@{run}": {
                artifacts.snapshots_file(run).parent,
                artifacts.history_file(run),
                artifacts.scores_file(run, "training"),
                artifacts.timing_file(run),
            },
            f"draw_realnvp@{run}": {artifacts.figures_dir(run)},
        }
    for run in params.gan:
        expected |= {
            f"train_gan@{run}": {
                artifacts.snapshots_file(run).parent,
                artifacts.gan_history_file(run),
                artifacts.evaluations_file(run),
                artifacts.scores_file(run, "training"),
                artifacts.timing_file(run),
            },
            f"draw_gan@{run}": {artifacts.figures_dir(run)},
        }
    for run in params.attention:
        expected |= {
            f"train_translator@{run}": {
                artifacts.weights_file(run, 1).parents[1],
                artifacts.translator_history_file(run),
                artifacts.scores_file(run, "training"),
                artifacts.timing_file(run),
            },
            f"translate@{run}": {
                artifacts.translations_file(run),
                artifacts.translations_table_file(run),
                artifacts.lengths_file(run),
                artifacts.seeds_file(run),
                artifacts.scores_file(run, "translation"),
            },
            f"draw_attention@{run}": {artifacts.figures_dir(run)},
        }
    for data in params.classifier:
        expected |= {
            f"train_classifier@{data}": {
                artifacts.classifier_file(data),
                artifacts.scores_file(f"classifier-{data}", "training"),
                artifacts.timing_file(f"classifier-{data}"),
            },
            f"measure_reference@{data}": {artifacts.reference_file(data)},
            f"measure_corruptions@{data}": {
                artifacts.corrupted_file(data),
                artifacts.corruptions_file(data),
            },
        }
    for run in params.score.runs:
        expected[f"score_samples@{run}"] = {artifacts.scores_file(run, "fidelity")}
    for run in params.score.beside:
        expected[f"score_beside@{run}"] = {artifacts.scores_file(run, "beside")}
    assert {name: {Path(out) for out in stage.outs} for name, stage in stages.items()} == expected


def test_nothing_is_written_but_outputs(reproduced, stages):
    outs = [out for name, stage in stages.items() if name != "score_beside@tiny_gan" for out in stage.outs]
    written = reproduced.content("data", "models", "reports")
    kept_by_git = (".gitkeep", ".gitignore")
    assert [name for name in written if not covers(outs, name) and not name.endswith(kept_by_git)] == []
    assert all((reproduced.root / out).exists() for out in outs)


def test_every_stage_depends_on_its_script_and_its_modules(clone, stages):
    missing = {}
    for name, stage in stages.items():
        needed = {stage.cmd.split()[1], *beyond_interface(stage, clone.root)}
        if name.startswith(EXTRACTS):
            needed -= DOWNLOADS
        if name.startswith("translate@"):
            needed -= BY_HAND
        missing[name] = sorted(path for path in needed if not covers(stage.deps, path))
    assert {name: paths for name, paths in missing.items() if paths} == {}


def test_no_stage_depends_on_a_module_that_it_does_not_use(clone, stages):
    idle = {}
    for name, stage in stages.items():
        used = modules(stage.cmd, clone.root)
        code = [dep for dep in stage.deps if dep.startswith("src/")]
        idle[name] = [dep for dep in code if not any(covers([dep], path) for path in used)]
    assert {name: paths for name, paths in idle.items() if paths} == {}


def leaves(section, path=()):
    """Return the paths of all values in nested sections, such as `dirac/seeds`, empty sections included."""
    if not isinstance(section, dict) or not section:
        return {"/".join(path)}
    return set().union(*(leaves(value, (*path, key)) for key, value in section.items()))


def test_every_stage_depends_on_the_settings_that_it_reads(clone, stages):
    params = read_params(clone.root / "params.yaml")
    known = leaves(params.model_dump())
    missing, unknown = {}, set()
    for name, stage in stages.items():
        used = [read_by(clone.root / module) for module in beyond_interface(stage, clone.root)]
        named = reads(stage_nodes(stage.cmd, clone.root)).union(*used)
        unknown |= {each for each in named if not any(covers([each], leaf) for leaf in known)}
        needless = WITHOUT_EFFECT | WITHOUT_EFFECT_ON.get(name.partition("@")[0], set())
        read = {leaf for leaf in known if covers(named, leaf) and not covers(needless, leaf)}
        listed = stage.settings
        *_, run = [word for word in stage.cmd.split() if word != "--beside"]
        trained = not {f"models/{run}", f"models/translations/{run}.safetensors"}.isdisjoint(stage.deps)
        for family in {*FAMILY.values()}:
            if f"{family}/{run}" in listed:
                listed.add(family)  # its run, that is
            elif trained and run in getattr(params, family):
                listed |= {family, "seed"}  # they come with its weights
        if "params.yaml" in stage.deps:  # the whole file
            listed |= known
        missing[name] = sorted(leaf for leaf in read if not covers(listed, leaf))
    assert {name: some for name, some in missing.items() if some} == {}
    assert unknown == set()


def test_compiled_code_is_no_dependency(clone):
    """Else folders of code would change by being imported."""
    folders = "src/regen/data", "src/regen/training", "src/regen/report", "src/regen/theory"
    compiled = [f"{folder}/__pycache__/module.cpython-311.pyc" for folder in folders]
    assert clone.dvc("check-ignore", *compiled).stdout.split() == compiled


def test_every_stage_waits_for_the_check_of_params(stages):
    """No compute and no download before params.yaml is known to be right."""
    waiting = {"check_params"}
    made = {out: name for name, stage in stages.items() for out in stage.outs}
    for name, stage in stages.items():  # in the file's order, which is the data's
        before = {made[out] for out in made for dep in stage.deps if covers([dep], out)}
        if before & waiting:
            waiting.add(name)
    assert waiting == set(stages)


def test_every_link_leads_somewhere_and_every_figure_is_shown(reproduced):
    reports = reproduced.root / "reports"
    pages = [(reports / "README.md"), *(reproduced.root / artifacts.book_page(name) for name in TITLES)]
    found = re.findall(
        r'\]\(([^)]+)\)|(?:src|href)="([^"#:]+)["#]', "".join(page.read_text() for page in pages)
    )
    targets = {(reports / (one or other)).resolve() for one, other in found}
    assert [path for path in targets if not path.exists()] == []
    assert {path.resolve() for path in reports.glob("figures/*/*")} - targets == set()


def test_metrics_are_finite(reproduced):
    files = list(reproduced.root.glob("reports/**/*.json"))
    assert {"metrics.json", "claims.json", "vae.json", "training.json"} <= {file.name for file in files}
    for file in files:
        json.loads(file.read_text(), parse_constant=pytest.fail)
