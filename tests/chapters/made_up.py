"""Settings, and the records that the other stages leave, as small as they can be, made up."""

import math
from copy import deepcopy
from functools import cache
from pathlib import Path

import pandas as pd

from regen import artifacts
from regen.params import Params
from regen.params.yaml_files import read_yaml
from regen.planar.scores import COLUMNS

QUICK = Path(__file__).parents[2] / "profiles" / "quick.yaml"
RUN = {
    "data": "digits",
    "binarize": True,
    "encoder": [8],
    "latent": 2,
    "decoder": [8],
    "activation": "elu",
    "logit_shift": -5.0,
    "learning_rate": 1e-3,
    "batch_size": 64,
    "epochs": 7,
    "shown_epochs": [0, 7],
    "planar_layers": 0,
    "seeds": [1, 2, 3],
}
SAME = {**RUN, "data": "binarized_mnist"}
GAN = {
    "data": "digits_color",
    "networks": "residual",
    "latent": 5,
    "width": 3,
    "slope": 0.2,
    "loss": "jsd",
    "critic_steps": 2,
    "batch_size": 4,
    "betas": [0.0, 0.99],
    "generator_learning_rate": 2e-3,
    "critic_learning_rate": 4e-3,
    "steps": 60,
    "shown": [0, 60],
    "evaluate_every": 20,
    "statistics_batches": 3,
}
MLP = {key: value for key, value in GAN.items() if key not in ("width", "steps")}
MLP |= {"networks": "mlp", "generator": [6], "critic": [8], "loss": "nonsaturating", "epochs": 6}
MLP |= {"data": "digits", "evaluate_every": 0, "shown": [0, 6]}
GANS = {
    "jsd_1": GAN,
    "jsd_3": GAN | {"penalty": "r1", "penalty_coefficient": 0.5},
    "w1_2": GAN | {"loss": "w1", "spectral_norm": True},
    "mlp": MLP,
}
TRANSLATORS = {
    "seq_attention": {"attention": "additive", "teacher_forcing": 0.5},
    "seq_plain": {"attention": "none", "teacher_forcing": 0.5},
    "seq_forced": {"attention": "additive", "teacher_forcing": 1.0},
    "seq_free": {"attention": "additive", "teacher_forcing": 0.0},
}
BITS = [3.5, 3.75, 2.5]


@cache
def quick():
    return read_yaml(QUICK)


def made_up_params():
    """Settings of few runs; what no chapter shows is that of the quick profile."""
    content = deepcopy(quick())
    content |= {"seed": 5, "gan": GANS}
    content["data"] |= {"sets": ["digits", "digits_color", "mnist", "binarized_mnist"]}
    content["vae"] = {
        "l100": RUN,
        "grey": {**RUN, "data": "mnist", "binarize": False, "seeds": None},
        "same": SAME,
        "same_planar": {**SAME, "planar_layers": 8, "seeds": [2, 1, 4]},
    }
    content["dirac"] |= {"seeds": 3, "iterations": 50}
    content["flow"] |= {"seeds": 2, "layers": [8, 2], "iterations": 70}
    content["flow"] |= {"averaged_losses": 20, "evaluation_samples": 100}
    content["realnvp"] = {"rnvp": content["realnvp"].popitem()[1] | {"epochs": 3, "shown_epochs": [0, 3]}}
    translator = content["attention"]["seq_attention"] | {"epochs": 2, "seeds": [1, 2, 3]}
    content["attention"] = {name: translator | settings for name, settings in TRANSLATORS.items()}
    content["translation"] |= {"level": 1.25}
    content["score"] |= {"runs": {"l100": "digits", "jsd_1": "digits_color", "w1_2": "digits_color"}}
    return Params.model_validate(content)


def vae_files(run, shift, seeds, binary=True):
    """What training and scoring leave of a VAE: of one seed no deviation, of intensities no log p."""
    several = seeds > 1
    training = {
        "epochs": 7,
        "seeds": seeds,
        "parameters": 123,
        "train_negative_elbo": 101.0 + shift,
        "train_kl": 20.0,
        "valid_negative_elbo": 102.25 + shift,
        "valid_kl": 21.0 + shift,
        **({"valid_negative_elbo_deviation": 0.125} if several else {}),
    }
    likelihood = {
        "images": 250,
        "test_negative_elbo": 102.875 + shift,
        "test_reconstruction": 80.5,
        "test_kl": 22.375 + shift,
        "squared_error": 0.015625,
        "active_units": 1,
        "collapsed": "no",
    }
    if binary:
        likelihood |= {"importance_samples": 9, "log_p": -97.125 - shift, "log_p_standard_error": 0.51234}
        likelihood |= {"log_p_deviation": 0.0625, "elbo_deviation": 0.25} if several else {}
        likelihood |= {"elbo": -102.5 - shift, "effective_sample_size": 3.25, "largest_step": 1.5}
        likelihood |= {"gap": 5.75, "gap_standard_error": 0.25}
    curve = [130.0, 110.0, 105.5, 104.0, 103.0, 102.5, 102.25]
    history = [
        {
            "seed": seed,
            "epoch": epoch,
            "train_negative_elbo": value - 1.0,
            "valid_negative_elbo": value + 0.5 * (seed - 2),
        }
        for seed in (1, 2, 3)
        for epoch, value in enumerate(curve, 1)
    ]
    return {
        artifacts.scores_file(run, "training"): training,
        artifacts.scores_file(run, "likelihood"): likelihood,
        artifacts.history_file(run): pd.DataFrame(history),
        artifacts.seeds_file(run): SEEDS.get(run, pd.DataFrame({"seed": [5], "log_p": -97.0})),
        **{
            artifacts.figures_dir(run) / f"{name}.png": "a picture"
            for name in ("learning_curves", "reconstructions", "samples")
        },
    }


SEEDS = {
    "same": pd.DataFrame(
        {"seed": [1, 2, 3], "log_p": [-95.0, -96.0, -95.5], "elbo": [-100.0, -102.0, -101.0]}
    ),
    "same_planar": pd.DataFrame(
        {"seed": [2, 1, 4], "log_p": [-95.5, -94.5, -94.0], "elbo": [-100.0, -99.0, -98.0]}
    ),
}


def realnvp_files():
    """What training leaves of a RealNVP."""
    training = {
        "epochs": 3,
        "parameters": 99,
        "train_bits_per_dimension": 2.375,
        "valid_bits_per_dimension": 2.5,
        "test_images": 250,
        "test_bits_per_dimension": 2.75,
        "test_bits_standard_error": 0.05,
        "reconstruction_error": 0.000244,
    }
    history = pd.DataFrame({"epoch": [1, 2, 3], "valid_bits_per_dimension": BITS})
    return {artifacts.scores_file("rnvp", "training"): training, artifacts.history_file("rnvp"): history}


def scores(distance, extractor="classifier", deficient="no", reference="digits_color, test"):
    """Scores of images by the classifier, or by an Inception, whose distances have other names."""
    frechet, kernel = ("frechet_distance", "kernel_distance") if extractor == "classifier" else ("fid", "kid")
    return {
        "extractor": extractor,
        "reference": reference,
        "samples": 1000,
        "splits": 10,
        "rank_deficient": deficient,
        "inception_score": 100.0 / distance,
        "inception_score_std": 0.125,
        frechet: distance,
        kernel: distance / 1000,
        f"{kernel}_std": 0.001,
        "precision": 0.5,
        "recall": 0.25,
    }


def gan_history(valid=None):
    """Learning curves of a GAN; `valid` are the losses of both players."""
    table = pd.DataFrame({"step": [10, 20], "epoch": [1.0, 2.0]})
    for player in ("critic", "generator"):
        table[f"train_{player}_loss"] = [1.0, 3.0]
        if valid:
            table[f"valid_{player}_loss"] = valid
    return table


def gan_evaluations(metric, distance):
    """Scores of a GAN on its way."""
    rows = [{"step": 20 * i, "metric": m} for i, m in enumerate(metric, 1)]
    return pd.DataFrame([{**row, **scores(d)} for row, d in zip(rows, distance, strict=True)])


ON_THE_WAY = {
    "jsd_1": gan_evaluations([0.1, 0.3, 0.2, 0.4], [90.0, 70.0, 60.0, 50.0]),
    "jsd_3": gan_evaluations([0.4, 0.1, 0.3, 0.2], [90.0, 70.0, 60.0, 40.0]),
    "w1_2": gan_evaluations([9.0, 5.0, 4.0, 2.0], [90.0, 70.0, 30.0, 20.0]),
    "mlp": pd.DataFrame({"step": [], "metric": []}),
}


def gan_files(run):
    """What training leaves of a GAN."""
    training = {"steps": 60, "epochs": 6.0, "parameters": 1_256_698, "generator_parameters": 900_000}
    training |= {"critic_parameters": 356_698, "train_metric": 0.25}
    training |= {"train_critic_loss": -0.25, "train_penalty": 0.0, "train_generator_loss": 0.5}
    return {
        artifacts.scores_file(run, "training"): training,
        artifacts.gan_history_file(run): gan_history([1.1, 3.0] if run == "mlp" else None),
        artifacts.evaluations_file(run): ON_THE_WAY[run],
    }


def planar_scores(layers):
    """Scores of the planar flows of `layers` maps, with two seeds."""
    rows = []
    for source, prefix in (("samples", "planar"), ("density", "density")):
        for target in ("arcs", "sine"):
            for seed, off in ((5, -0.25), (6, 0.25)):
                row = dict.fromkeys(COLUMNS, math.nan) | {
                    "run": f"{prefix}_{target}_{layers}",
                    "target": target,
                    "source": source,
                    "layers": layers,
                    "seed": seed,
                    "loss": 3 + 1 / layers + off,
                    "largest_inverse_error": 1e-12,
                }
                if source == "samples":
                    row["nll"] = 4 + 1 / layers + off
                else:
                    row |= {"kl_up_to_constant": 1 / layers + off, "effective_sample_share": 0.5 + off}
                    if target == "arcs":
                        row["kl"] = 2 + 1 / layers + off
                rows.append({**row, "points": "generated"})
    return pd.DataFrame(rows)


MAPS = pd.DataFrame(
    {
        "mean": [0.0, 10.0, 50.0],
        "variance": [0.01, 100.0, 100.0],
        "b": [0.0, 0.0, 10.0],
        "u_corrected": [True, False, False],
        "largest_move": [0.0123, 12.5, 60.0],
        "smaller_group": [0.45, 0.43, 0.0],
        "verdict": ["unchanged", "two groups", "one group"],
    }
)


def write(files):
    """Publish each file as the other stages do: metrics, tables or text."""
    for path, content in files.items():
        if isinstance(content, pd.DataFrame):
            artifacts.write_csv(path, content)
        elif isinstance(content, str):
            artifacts.write_text(path, content)
        else:
            artifacts.write_metrics(path, content)


def edit(path, **changes):
    """Change some of the metrics in `path`."""
    artifacts.write_metrics(path, artifacts.read_metrics(path) | changes)
