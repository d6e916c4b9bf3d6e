"""What the settings say and the other stages record, made up."""

import math

import pandas as pd

from regen import artifacts
from regen.planar.scores import COLUMNS

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


def params_dict():
    """Return the content of a params.yaml."""
    return {
        "seed": 5,
        "device": "auto",
        "precision": "auto",
        "data": {"sets": ["digits", "mnist", "binarized_mnist"], "mirror": None},
        "training": {"checkpoint_every": 1, "cuda_graphs": True},
        "vae": {
            "l100": RUN,
            "grey": {**RUN, "data": "mnist", "binarize": False, "seeds": None},
            "same": SAME,
            "same_planar": {**SAME, "planar_layers": 8, "seeds": [2, 1, 4]},
        },
        "likelihood": {"importance_samples": 9, "max_memory": 256},
        "dirac": {
            "seeds": 3,
            "iterations": 50,
            "learning_rate": 0.1,
            "start_scale": 0.7,
            "coefficients": [0.1],
            "ema": 0.9,
        },
        "flow": {
            "source": "generated",
            "seeds": 2,
            "layers": [8, 2],
            "iterations": 70,
            "learning_rate": 5e-4,
            "batch_size": 8,
            "init_scale": 0.01,
            "averaged_losses": 20,
            "evaluation_samples": 100,
        },
        "realnvp": {
            "rnvp": {
                "data": "digits",
                "couplings": 2,
                "hidden": [8],
                "alpha": 1e-5,
                "learning_rate": 1e-3,
                "batch_size": 64,
                "clip_norm": 5.0,
                "epochs": 3,
                "shown_epochs": [0, 3],
                "temperature": 1.0,
            }
        },
        "gan": {
            "w1": {
                "data": "digits",
                "networks": "mlp",
                "latent": 5,
                "generator": [6],
                "critic": [8],
                "loss": "w1",
                "critic_steps": 1,
                "batch_size": 4,
                "betas": [0.0, 0.99],
                "generator_learning_rate": 2e-4,
                "critic_learning_rate": 2e-4,
                "steps": 60,
                "shown": [0, 60],
                "evaluate_every": 20,
                "statistics_batches": 0,
            }
        },
        "classifier": {
            "digits": {
                "widths": [4],
                "epochs": 1,
                "batch_size": 8,
                "learning_rate": 0.1,
                "augment": False,
            }
        },
        "score": {
            "extractor": "classifier",
            "weights": None,
            "samples": 100,
            "splits": 10,
            "batch_size": 50,
            "kid_subsets": 2,
            "kid_subset_size": 50,
            "runs": {"w1": "digits", "l100": "digits"},
        },
        "theory": {
            "kl_samples": 100,
            "noise": 0.5,
            "observed_per_latent": 2,
            "problems": 2,
            "repeats": 2,
            "proposal_shift": 0.2,
            "proposal_spread": 1.2,
            "rate_samples": [2, 4, 8],
            "rate_latent": 2,
            "dimensions": [1, 2, 3],
            "dimension_samples": 10,
            "gradient_samples": 50,
            "gradient_dimensions": [1, 2],
            "images": 4,
            "fresh_vaes": 1,
        },
        "figures": {
            "dpi": 50,
            "formats": ["png"],
            "interpolation": {"classes": [2, 8], "steps": 4},
            "manifold": 5,
        },
    }


def vae_record(shift, seeds, binary=True):
    """Return what training and scoring record of a VAE: of one seed no deviation, of intensities no log p."""
    several = seeds > 1
    likelihood = {
        "importance_samples": 9,
        "log_p": -97.125 - shift,
        "log_p_standard_error": 0.51234,
        "elbo": -102.5 - shift,
        **({"log_p_deviation": 0.0625, "elbo_deviation": 0.25} if several else {}),
        "effective_sample_size": 3.25,
        "gap": 5.75,
        "gap_standard_error": 0.25,
        "largest_step": 1.5,
    }
    return {
        "training": {
            "epochs": 7,
            "seeds": seeds,
            "parameters": 123,
            "train_negative_elbo": 101.0 + shift,
            "train_kl": 20.0,
            "valid_negative_elbo": 102.25 + shift,
            "valid_kl": 21.0 + shift,
            **({"valid_negative_elbo_deviation": 0.125} if several else {}),
        },
        "likelihood": {
            "images": 250,
            "test_negative_elbo": 102.875 + shift,
            "test_reconstruction": 80.5,
            "test_kl": 22.375 + shift,
            "squared_error": 0.015625,
            "active_units": 1,
            "collapsed": "no",
            **(likelihood if binary else {}),
        },
    }


def realnvp_record():
    """Return what training records of a RealNVP."""
    return {
        "training": {
            "epochs": 3,
            "parameters": 99,
            "train_bits_per_dimension": 2.375,
            "valid_bits_per_dimension": 2.5,
            "test_images": 250,
            "test_bits_per_dimension": 2.75,
            "test_bits_standard_error": 0.05,
            "reconstruction_error": 0.000244,
        }
    }


def gan_record():
    """Return what training records of a GAN."""
    return {
        "training": {
            "steps": 60,
            "epochs": 0.2,
            "parameters": 456,
            "generator_parameters": 234,
            "critic_parameters": 222,
            "train_metric": 0.25,
            "train_critic_loss": -0.25,
            "train_penalty": 0.0,
            "train_generator_loss": 0.5,
        }
    }


def fidelity_scores(distance):
    """Return scores of images by the classifier."""
    return {
        "extractor": "classifier",
        "reference": "digits, test",
        "samples": 100,
        "splits": 10,
        "rank_deficient": "no",
        "inception_score": 2.5,
        "inception_score_std": 0.125,
        "frechet_distance": distance,
        "kernel_distance": 0.5,
        "kernel_distance_std": 0.0625,
        "precision": 0.75,
        "recall": 0.25,
    }


def evaluations():
    """Return the scores of a GAN on its way."""
    rows = [{"step": 20 * i, "metric": 9.0 - i} for i in (1, 2, 3)]
    return pd.DataFrame([row | fidelity_scores(50.0 - row["step"]) for row in rows])


def planar_scores(layers):
    """Return the rows of two seeds that score() makes of the flows of `layers` maps."""
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
    return rows


def theory_tables():
    """Return the summary and the tables of the theory that the report reads."""
    kl = {"mu_q": 0.0, "mu_p": [0.0, 10.0], "var_q": 1.0, "var_p": 1.0, "closed_form": [0.0, 50.0]}
    kl |= {"room": [0.0, 50.0], "quadrature": [0.0, 50.0], "monte_carlo": [0.0, 50.01], "standard_error": 0.1}
    dimensions = [
        {
            "observation": observation,
            "estimator": estimator,
            "latent": latent,
            "observed": 2 * latent,
            "log_error": 0.1 * latent + plain,
            "samples_for_10_percent": 100.0 * latent + plain,
        }
        for observation in ("grows", "fixed")
        for estimator, plain in (("plain Monte Carlo", 5), ("importance sampling", 0))
        for latent in (1, 2)
    ]
    names = [f"{name}_{what}" for name in ("monte_carlo", "importance") for what in ("slope", "growth")]
    summary = {name: 1.25 + i for i, name in enumerate(names)}
    summary |= {"kl_zero": 0.0, "kl_fifty": 50.0, "kl_difference": 1e-15, "first_reconstruction": 540.0}
    summary |= {"objective_difference": 1e-13}
    summary |= {"bernoulli_as_printed": "not finite", "bernoulli_as_defined": -543.25}
    summary |= {"variance_ratio_score_least": 3.5, "variance_ratio_score_most": 77.0}
    summary |= {"gan_value": -1.38629, "gan_value_shift": 0.0, "gan_value_elsewhere": -1.25}
    summary |= {"gan_saturation": "larger", "gan_gradient_ratio": 99.0}
    tables = {"kl": pd.DataFrame(kl), "dimensions": pd.DataFrame(dimensions)}
    return {"theory": summary, "theory_tables": tables}


def timing(seconds):
    """Return what a training records of how long it took."""
    return {"seconds": seconds, "steps_per_second": 8.0, "processor": "made up", "threads": 1}


def write_timings(params):
    """Write how long the trainings took that `params` has."""
    runs = [*params.vae, *params.realnvp, *params.gan, *(f"classifier-{data}" for data in params.classifier)]
    for i, run in enumerate(runs):
        artifacts.write_metrics(artifacts.timing_file(run), timing(7.5 + i))


def write_records(records):
    """Write every file that the report reads, as the other stages do."""
    for family in (records.vae, records.realnvp, records.gan):
        for run, kinds in family.items():
            for kind, content in kinds.items():
                artifacts.write_metrics(artifacts.scores_file(run, kind), content)
    for run, content in records.fidelity.items():
        artifacts.write_metrics(artifacts.scores_file(run, "fidelity"), content)
    artifacts.write_metrics(artifacts.scores_file("theory", "summary"), records.theory)
    tables = {
        **{
            (artifacts.gan_history_file if run in records.gan else artifacts.history_file)(run): table
            for run, table in records.histories.items()
        },
        **{artifacts.seeds_file(run): table for run, table in records.seeds.items()},
        **{artifacts.evaluations_file(run): table for run, table in records.evaluations.items()},
        **{artifacts.planar_scores_file(k): rows for k, rows in records.flow.groupby("layers")},
        **{artifacts.theory_table_file(name): table for name, table in records.theory_tables.items()},
        artifacts.planar_maps_table_file(): records.maps,
        artifacts.verdicts_file(): records.dirac,
    }
    for path, table in tables.items():
        artifacts.write_csv(path, table)
    for run, names in records.figures.items():
        for name in names:
            artifacts.write_text(artifacts.figures_dir(run) / f"{name}.png", "a picture")
