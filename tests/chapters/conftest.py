"""A folder with the settings and the records that are made up."""

import contextlib
import shutil

import pytest

from chapters import test_attention, test_corruptions, test_depth, test_dirac, test_theory
from chapters.made_up import (
    GANS,
    MAPS,
    gan_files,
    made_up_params,
    planar_scores,
    realnvp_files,
    scores,
    vae_files,
    write,
)
from regen import artifacts
from regen.chapters.scores import read_scores


@pytest.fixture(autouse=True)
def _empty_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def params():
    return made_up_params()


@pytest.fixture
def recorded(params, records):
    """Settings whose records lie in the working folder, beside those of 'stale', which is no run."""
    shutil.copytree(records, ".", dirs_exist_ok=True)
    return params


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """Return a folder with the records, made once."""
    folder = tmp_path_factory.mktemp("records")
    with contextlib.chdir(folder):
        write_all()
    return folder


def write_all():
    write(vae_files("grey", 1, 1, binary=False))
    for run, shift in {"l100": 0, "same": 2, "same_planar": 3, "stale": 9}.items():
        write(vae_files(run, shift, 3))
    write({artifacts.figures_dir("same") / f"{name}.png": "a picture" for name in ("codes", "manifold")})
    write(realnvp_files())
    for run in GANS:
        write(gan_files(run))
    fidelity = {
        "l100": scores(80.0, reference="digits, test") | {"misread": 0.0625},
        "jsd_1": scores(50.0, deficient="yes"),
        "w1_2": scores(20.0),
    }
    write({artifacts.scores_file(run, "fidelity"): found for run, found in fidelity.items()})
    write({artifacts.planar_scores_file(layers): planar_scores(layers) for layers in (8, 2)})
    write(
        {
            artifacts.planar_maps_table_file(): MAPS,
            **test_theory.FILES,
            **test_attention.FILES,
            **test_corruptions.FILES,
            **test_depth.FILES,
            **test_dirac.FILES,
        }
    )


@pytest.fixture
def scored(recorded):
    return read_scores(recorded)
