"""Every mistake in params.yaml ends with one line that names file, key, value and what is allowed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from regen import params
from regen.data.catalog import DATASETS
from regen.errors import InputError
from regen.params import read_params
from regen.params.__main__ import schema

REPO = Path(__file__).parents[2]
PROFILES = sorted((REPO / "profiles").glob("*.yaml"))

QUICK = """\
seed: 1
device: auto
precision: auto
data:
  sets: [digits]
  mirror: null
training:
  checkpoint_every: 5
  cuda_graphs: true
vae:
  l100:
    data: digits
    binarize: true
    encoder: [300, 300]
    latent: 100
    decoder: [300, 300]
    activation: elu
    logit_shift: -5.0
    learning_rate: 1.0e-3
    batch_size: 64
    epochs: 60
    shown_epochs: [0, 1, 60]
    seeds: [1, 2, 3]
    planar_layers: 0
likelihood:
  importance_samples: 200
  max_memory: 256
dirac:
  seeds: 16
  iterations: 5000
  learning_rate: 0.1
  start_scale: 0.7
  coefficients: [0.01, 0.1]
  ema: 0.998
flow:
  source: generated
  seeds: 3
  layers: [2, 8, 32]
  iterations: 20000
  learning_rate: 5.0e-4
  batch_size: 128
  init_scale: 0.01
  averaged_losses: 200
  evaluation_samples: 10000
realnvp:
  realnvp_mnist:
    data: digits
    couplings: 8
    hidden: [256, 256]
    alpha: 1.0e-5
    learning_rate: 1.0e-3
    batch_size: 128
    clip_norm: 5.0
    epochs: 60
    shown_epochs: [0, 1, 30, 60]
    temperature: 1.0
gan:
  tiny_gan:
    data: digits
    networks: mlp
    latent: 2
    generator: [8]
    critic: [8]
    loss: nonsaturating
    critic_steps: 1
    batch_size: 50
    betas: [0.5, 0.9]
    generator_learning_rate: 2.0e-4
    critic_learning_rate: 2.0e-4
    epochs: 2
    shown: [0, 2]
    evaluate_every: 1
    statistics_batches: 0
classifier:
  digits: {widths: [8], epochs: 1, batch_size: 50, learning_rate: 0.1, augment: false}
score:
  extractor: classifier
  weights: null
  samples: 20
  splits: 2
  batch_size: 10
  kid_subsets: 2
  kid_subset_size: 10
  runs: {tiny_gan: digits, l100: digits}
theory:
  kl_samples: 100000
  noise: 0.5
  observed_per_latent: 2
  problems: 32
  repeats: 25
  proposal_shift: 0.2
  proposal_spread: 1.2
  rate_samples: [10, 30, 100]
  rate_latent: 2
  dimensions: [1, 2, 4]
  dimension_samples: 1000
  gradient_samples: 10000
  gradient_dimensions: [1, 4]
  images: 256
  fresh_vaes: 5
figures:
  dpi: 100
  formats: [png]
  interpolation:
    classes: [2, 8]
    steps: 10
  manifold: 20
"""
END = QUICK.count("\n") + 1
DPI = QUICK[: QUICK.index("dpi:")].count("\n") + 1


def edited(right, wrong):
    """Return QUICK with one mistake."""
    assert right in QUICK, f"{right!r} is not there"
    return QUICK.replace(right, wrong, 1)


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Return a function that reads a text as params.yaml and returns what is said of it."""
    monkeypatch.chdir(tmp_path)

    def read(text):
        Path("params.yaml").write_text(text)
        with pytest.raises(InputError) as caught:
            read_params()
        return str(caught.value)

    return read


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("seed:", "sead:", "sead: unknown key; did you mean 'seed'? allowed: classifier, data, "),
        (
            "seed: 1\n",
            "seed: 1\nnonsense: 1\n",
            "nonsense: unknown key; allowed: classifier, data, device, dirac, figures,",
        ),
        (
            "likelihood:",
            "likelyhood:",
            "likelyhood: unknown key; did you mean 'likelihood'? allowed: classifier, data, ",
        ),
        (
            "importance_samples:",
            "importance_sample:",
            "likelihood.importance_sample: unknown key; did you mean 'importance_samples'? "
            "allowed: importance_samples, max_memory",
        ),
        (
            "    latent:",
            "    latnet:",
            "vae.l100.latnet: unknown key; did you mean 'latent'? allowed: activation, batch_norm, "
            "batch_size, binarize, data, decoder, dropout, encoder, epochs, latent, learning_rate",
        ),
        ("  mirror:", "  miror:", "data.miror: unknown key; did you mean 'mirror'? allowed: mirror, sets"),
        ("  dpi:", "  dots:", "figures.dpi: missing"),
        ("    epochs: 60\n", "", "vae.l100.epochs: missing"),
        ("likelihood:\n  importance_samples: 200\n  max_memory: 256\n", "", "likelihood: missing"),
    ],
)
def test_keys(refused, right, wrong, message):
    said = refused(edited(right, wrong))
    assert said.startswith(f"params.yaml: {message}")
    if "dots" not in wrong:  # nothing like the key that is missing: two lines for what may be two mistakes
        assert "\n" not in said


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("seed: 1", "seed: -1", "seed: -1: should be greater than or equal to 0"),
        ("seed: 1", "seed: 1.0", "seed: 1.0: should be a valid integer"),
        ("seed: 1", f"seed: {2**63}", f"seed: {2**63}: should be less than {2**63}"),
        ("[digits]", "[digits, digits]", "data.sets: ['digits', 'digits']: duplicate value 'digits'"),
        ("[0.01, 0.1]", "[0.1, 0.1]", "dirac.coefficients: [0.1, 0.1]: duplicate value 0.1"),
        ("seeds: 16", "seeds: 1001", "dirac.seeds: 1001: should be less than or equal to 1000"),
        ("seed: 1", "seed: true", "seed: True: should be a valid integer"),
        ("seed: 1", "seed: null", "seed: None: should be a valid integer"),
        ("device: auto", "device: gpu", "device: 'gpu': should be 'auto', 'cpu', 'cuda' or 'mps'"),
        (
            "precision: auto",
            "precision: 32",
            "precision: 32: should be 'auto', 'float64', 'float32', 'tf32' or 'bfloat16'",
        ),
        ("latent: 100", "latent: ten", "vae.l100.latent: 'ten': should be a valid integer"),
        ("latent: 100", 'latent: "100"', "vae.l100.latent: '100': should be a valid integer"),
        ("latent: 100", "latent: 0", "vae.l100.latent: 0: should be greater than or equal to 1"),
        ("epochs: 60", "epochs: 60.5", "vae.l100.epochs: 60.5: should be a valid integer"),
        ("epochs: 60", "epochs: 6e1", "vae.l100.epochs: 60.0: should be a valid integer"),
        ("batch_size: 64", "batch_size: false", "vae.l100.batch_size: False: should be a valid integer"),
        ("binarize: true", "binarize: 1", "vae.l100.binarize: 1: should be a valid boolean"),
        ("binarize: true", "binarize: maybe", "vae.l100.binarize: 'maybe': should be a valid boolean"),
        ("rate: 1.0e-3", "rate: fast", "vae.l100.learning_rate: 'fast': should be a valid number"),
        ("rate: 1.0e-3", 'rate: "1e-3"', "vae.l100.learning_rate: '1e-3': should be a valid number"),
        ("rate: 1.0e-3", "rate: 0", "vae.l100.learning_rate: 0: should be greater than 0"),
        ("rate: 1.0e-3", "rate: -1e-3", "vae.l100.learning_rate: -0.001: should be greater than 0"),
        ("rate: 1.0e-3", "rate: .nan", "vae.l100.learning_rate: nan: should be a finite number"),
        ("rate: 1.0e-3", "rate: .inf", "vae.l100.learning_rate: inf: should be a finite number"),
        ("rate: 1.0e-3", "rate: nan", "vae.l100.learning_rate: 'nan': should be a valid number"),
        ("rate: 1.0e-3", "rate: true", "vae.l100.learning_rate: True: should be a valid number"),
        ("rate: 1.0e-3", "rate: 1,0e-3", "vae.l100.learning_rate: '1,0e-3': should be a valid number"),
        ("shift: -5.0", "shift: -.inf", "vae.l100.logit_shift: -inf: should be a finite number"),
        ("encoder: [300, 300]", "encoder: 300", "vae.l100.encoder: 300: should be a valid list"),
        ("encoder: [300, 300]", "encoder: []", "vae.l100.encoder: []: List should have at least 1 item"),
        ("encoder: [300, 300]", "encoder: [300, 0]", "vae.l100.encoder.1: 0: should be greater than"),
        ("activation: elu", "activation: ELU", "vae.l100.activation: 'ELU': should be 'elu' or 'relu'"),
        ("ema: 0.998", "ema: 1.0", "dirac.ema: 1.0: should be less than 1"),
        ("ema: 0.998", "ema: .nan", "dirac.ema: nan: should be "),
        (
            "coefficients: [0.01, 0.1]",
            "coefficients: [0.0]",
            "dirac.coefficients.0: 0.0: should be greater than 0",
        ),
        ("dpi: 100", "dpi: 10000", "figures.dpi: 10000: should be less than or equal to 600"),
        (
            "max_memory: 256",
            "max_memory: 1",
            "likelihood.max_memory: 1: should be greater than or equal to 8",
        ),
        ("mirror: null", "mirror: 7", "data.mirror: 7: should be a valid string"),
        ("sets: [digits]", "sets: digits", "data.sets: 'digits': should be a valid list"),
        ("sets: [digits]", "sets: []", "data.sets: []: List should have at least 1 item"),
        (
            "sets: [digits]",
            "sets: [digts]",
            "data.sets.0: 'digts': no such data set; did you mean 'digits'? allowed: binarized_mnist, ",
        ),
        (
            "    data: digits",
            "    data: binarised_mnist",
            "vae.l100.data: 'binarised_mnist': no such data set; did you mean 'binarized_mnist'? allowed: ",
        ),
        (
            "    data: digits",
            "    data: mnist",
            "vae.l100.data: 'mnist': not among data.sets ['digits']; add it there, or use one of those",
        ),
        ("  l100:", "  L100:", "vae.L100: 'L100': a run's name has lower-case letters, digits and _, and "),
        ("  l100:", "  l-100:", "vae.l-100: 'l-100': a run's name has lower-case letters"),
        ("  l100:", "  1:", "vae.1: 1: should be a valid string"),
        ("  l100:", "  dirac:", "vae.dirac: 'dirac': "),  # its results would lie where the games' do
        (
            "likelihood:\n  importance_samples: 200\n  max_memory: 256\n",
            "likelihood: 3\n",
            "likelihood: 3: should be",
        ),
        (QUICK[QUICK.index("figures:") :], "figures:\n", "figures: None: should be "),
        (
            "formats: [png]",
            "formats: [pdf]",
            "figures.formats: ['pdf']: png is required, since the page shows it; allowed: ",
        ),
        ("formats: [png]", "formats: [png, svg]", "figures.formats.1: 'svg': should be 'png' or 'pdf'"),
        ("formats: [png]", "formats: png", "figures.formats: 'png': should be a valid list"),
        (
            "classes: [2, 8]",
            "classes: [2, 10]",
            "figures.interpolation.classes: [2, 10]: digits, the data of vae.l100, does not have both; "
            "allowed: two of 0 to 9",
        ),
        (
            "classes: [2, 8]",
            "classes: [8, 8]",
            "figures.interpolation.classes: [8, 8]: duplicate value 8",
        ),
        (
            "classes: [2, 8]",
            "classes: [2]",
            "figures.interpolation.classes: [2]: List should have at least 2",
        ),
        (
            "classes: [2, 8]",
            "classes: [2, -1]",
            "figures.interpolation.classes.1: -1: should be greater than",
        ),
        ("  steps: 10", "  steps: 1", "figures.interpolation.steps: 1: should be greater than or equal to 2"),
        ("manifold: 20", "manifold: 1000", "figures.manifold: 1000: should be less than or equal to 100"),
    ],
)
def test_values(refused, right, wrong, message):
    said = refused(edited(right, wrong))
    assert said.startswith(f"params.yaml: {message}")
    assert "\n" not in said
    assert "Section" not in said
    assert "pydantic" not in said


def test_no_runs(refused):
    start, end = QUICK.index("vae:"), QUICK.index("likelihood:")
    assert refused(QUICK[:start] + "vae: {}\n" + QUICK[end:]).startswith("params.yaml: vae: {}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "should hold sections such as seed, data, vae; see profiles/quick.yaml"),
        ("# nothing\n", "should hold sections"),
        ("- seed\n", "should hold sections"),
        ("seed: 1", "device: missing"),
        (QUICK.replace("seed: 1", "seed: 1: 2"), "line 1: not YAML: "),
        (QUICK.replace("seed: 1", "seed: [1"), "line 2: not YAML: "),
        (QUICK.replace("  sets", "\tsets"), "line 5: not YAML: "),
        (QUICK + "seed: 2\n", f"line {END}: duplicate key 'seed'"),
        (
            QUICK.replace("  dpi: 100\n", "  dpi: 100\n  dpi: 200\n"),
            f"line {DPI + 1}: duplicate key 'dpi'",
        ),
        (QUICK.replace("seed: 1", "? {a: 1}\n: 1"), "line 1: not YAML: "),
        (QUICK.replace("seed: 1", "? [a]\n: 1"), "line 1: not YAML: "),
        (QUICK.replace("seed: 1", "seed: !!python/object:os.system 1"), "line 1: not YAML: "),
        (QUICK.replace("seed: 1", "seed: \x07"), "not YAML: "),
    ],
)
def test_files_that_hold_no_settings(refused, text, message):
    assert refused(text).startswith(f"params.yaml: {message}")


def test_a_file_in_another_encoding(tmp_path):
    (tmp_path / "params.yaml").write_bytes(QUICK.encode() + "# Schätzung".encode("latin-1"))
    with pytest.raises(InputError, match=r"params.yaml: .*not YAML"):
        read_params(tmp_path / "params.yaml")


def test_no_file(tmp_path):
    with pytest.raises(
        InputError, match=r"params.yaml: cannot be read \(No such file or directory\); run from"
    ):
        read_params(tmp_path / "params.yaml")
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_params(tmp_path)


def test_a_line_for_each_mistake(refused):
    text = edited("seed: 1", "seed: -1").replace("dpi: 100", "dpi: 1").replace(" latent:", " latnet:", 1)
    lines = refused(text).splitlines()
    assert sorted(line.split(":")[1].strip() for line in lines) == ["figures.dpi", "seed", "vae.l100.latnet"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("3.e-4", 3e-4),
        (".3e-3", 3e-4),
        ("3E-4", 3e-4),
        ("0.0003", 3e-4),
        ("1e+1", 10.0),
        ("2", 2.0),
    ],
)
def test_numbers_as_people_write_them(tmp_path, text, value):
    (tmp_path / "params.yaml").write_text(edited("rate: 1.0e-3", f"rate: {text}"))
    read = read_params(tmp_path / "params.yaml").vae["l100"].learning_rate
    assert (read, type(read)) == (pytest.approx(value), float)


def test_a_run_that_is_not_there():
    settings = read_params(REPO / "profiles" / "quick.yaml")
    assert settings.vae_run("l100").latent == 100
    with pytest.raises(
        InputError, match=r"params.yaml: vae: no run 'l10'; did you mean 'l100'\? allowed: l100"
    ):
        settings.vae_run("l10")


def test_settings_cannot_be_changed():
    settings = read_params(REPO / "profiles" / "quick.yaml")
    with pytest.raises(ValueError, match="frozen"):
        settings.seed = 2


# ---- the commands ----------------------------------------------------------------------------------------


def run(folder, script, *args):
    """Run a stage as people do, in `folder`; return its exit code and stderr."""
    done = subprocess.run(
        [sys.executable, REPO / "stages" / script, *args], cwd=folder, capture_output=True, text=True
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.fixture
def mistyped(tmp_path):
    """Return a folder that has nothing but settings with a mistyped key."""
    (tmp_path / "params.yaml").write_text(edited("max_memory:", "max_memori:"))
    shutil.copy(REPO / "claims.yaml", tmp_path)
    return tmp_path


LINE = (
    "params.yaml: likelihood.max_memori: unknown key; did you mean 'max_memory'? "
    "allowed: importance_samples, max_memory\n"
)


@pytest.mark.parametrize(
    "command",
    [
        ["check_params.py"],
        ["fetch_data.py", "digits"],
        ["play_dirac.py"],
        ["sample_points.py"],
        ["measure_theory.py"],
        ["train_vae.py", "l100"],
        ["train_flow.py", "planar", "8"],
        ["train_flow.py", "maps"],
        ["train_flow.py", "realnvp", "realnvp_mnist"],
        ["estimate_likelihood.py", "l100"],
        ["train_classifier.py", "digits"],
        ["measure_reference.py", "digits"],
        ["train_gan.py", "tiny_gan"],
        ["score_samples.py", "tiny_gan"],
        ["draw_figures.py", "vae", "l100"],
        ["draw_figures.py", "flow"],
        ["draw_figures.py", "realnvp", "realnvp_mnist"],
        ["draw_figures.py", "theory"],
        ["draw_figures.py", "gan", "tiny_gan"],
        ["draw_figures.py", "gan_overview"],
        ["draw_figures.py", "dirac"],
        ["write_report.py"],
    ],
    ids=" ".join,
)
@pytest.mark.slow
def test_every_stage_says_so_in_one_line_and_writes_nothing(mistyped, command):
    assert run(mistyped, *command) == (2, LINE)
    assert sorted(path.name for path in mistyped.iterdir()) == ["claims.yaml", "params.yaml"]


def test_every_stage_is_in_the_test_above():
    mark = next(m for m in test_every_stage_says_so_in_one_line_and_writes_nothing.pytestmark if m.args)
    scripts = {path.name for path in (REPO / "stages").glob("*.py")}
    assert scripts - {"write_diff.py", "record_results.py"} == {command[0] for command in mark.args[1]}


def test_the_check_as_a_command(tmp_path):
    code, said = run(tmp_path, "check_params.py")
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("params.yaml: cannot be read")
    assert list(tmp_path.iterdir()) == []

    (tmp_path / "params.yaml").write_text(QUICK)
    assert run(tmp_path, "check_params.py") == (0, "")
    passed = (tmp_path / "data" / "params.ok").read_bytes()
    (tmp_path / "params.yaml").write_text(edited("seed: 1", "seed: 2"))
    assert run(tmp_path, "check_params.py") == (0, "")
    assert (tmp_path / "data" / "params.ok").read_bytes() == passed


def test_the_check_needs_no_torch():
    """It comes before everything, so it has to be fast."""
    code = "import sys, regen.params, regen.stage; assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- the profiles and the schema -------------------------------------------------------------------------


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
    assert paper.likelihood.importance_samples == 200
    dirac = paper.dirac
    assert (dirac.iterations, dirac.learning_rate, dirac.start_scale) == (5000, 0.1, 0.7)
    assert (dirac.coefficients, dirac.ema) == ([0.01, 0.1], 0.998)


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
    ("right", "wrong"),
    [
        ("    latent:", "    latnet:"),
        ("seed: 1", "seed: -1"),
        ("seed: 1", "seed: one"),
        ("sets: [digits]", "sets: [digts]"),
        ("  l100:", "  L100:"),
        ("activation: elu", "activation: ELU"),
        ("    epochs: 60\n", ""),
        ("learning_rate: 1.0e-3", "learning_rate: 0.0"),
        ("source: generated", "source: made"),
        ("layers: [2, 8, 32]", "layers: []"),
        ("problems: 32", "problems: 0"),
        ("realnvp_mnist:", "RealNVP:"),
    ],
)
def test_editors_refuse_mistakes(editor, right, wrong):
    assert not editor.is_valid(yaml.safe_load(edited(right, wrong)))


def test_every_key_says_what_it_is():
    """Editors show it; and whoever adds a section is reminded."""
    optional = set()
    found = [kind for kind in vars(params).values() if isinstance(kind, type)]
    for section in found:
        if issubclass(section, params.Section) and section is not params.Params:
            fields = section.model_fields.items()
            assert [name for name, field in fields if not field.description] == []
            optional |= {f"{section.__name__}.{name}" for name, field in fields if not field.is_required()}
    gan = {"slope", "ema", "epochs", "steps", "spectral_norm", "penalty", "penalty_coefficient"}
    gan |= {"critic_weight_decay", "seeds"}
    may_be_absent = {
        "Data": {"sha256"},
        "VaeRun": {"binarize", "batch_norm", "dropout", "logit_shift", "planar_layers", "seeds"},
        "Conv": {"stride", "padding", "pool"},
        "RealNvpRun": {"seeds"},
        "ResidualRun": gan,
        "DcganRun": gan,
        "MlpRun": gan | {"generator_batch_norm"},
    }
    assert optional == {f"{section}.{key}" for section, keys in may_be_absent.items() for key in keys}
