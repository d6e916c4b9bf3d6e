import numpy as np
import pandas as pd
import pytest
from PIL import Image

from regen.dirac.game import Trajectories, configurations, play
from regen.dirac.verdict import judge_runs
from regen.errors import InputError
from regen.figures.dirac import draw, draw_overview, draw_trajectory, frame, inside, outline
from regen.figures.style import save_figure, use_style
from regen.params import Dirac, FigureFiles

FILES = FigureFiles(dpi=50, formats=["png"])
SETTINGS = Dirac(seeds=3, iterations=60, learning_rate=0.1, start_scale=0.7, coefficients=[0.1], ema=0.9)


def played(tmp_path, settings):
    """Return what the stage hands on, after the way through its files."""
    trajectories = play(settings, seed=1)
    file = tmp_path / "verdicts.csv"
    judge_runs(configurations(settings), trajectories, settings.learning_rate).to_csv(file, index=False)
    return Trajectories.from_tensors(trajectories.to_tensors()), pd.read_csv(file)


def test_a_picture_a_run_and_one_of_all(tmp_path):
    trajectories, verdicts = played(tmp_path, SETTINGS)
    draw(trajectories, verdicts, tmp_path / "figures", FILES)
    files = sorted(tmp_path.glob("figures/*"))
    assert {file.name for file in files} == {f"{name}.png" for name in [*verdicts["name"], "overview"]}
    for file in files:
        with Image.open(file) as image:
            assert len(np.unique(np.asarray(image.convert("L")))) > 10
        assert file.stat().st_size < 100_000


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 3.0, "iterations": 1500, "seeds": 1}, {"iterations": 1}]
)
def test_games_that_run_off_and_games_of_one_step_can_be_drawn(tmp_path, changes):
    trajectories, verdicts = played(tmp_path, SETTINGS.model_copy(update=changes))
    with use_style():
        save_figure(draw_overview(trajectories, verdicts), tmp_path / "overview", FILES)
        for run in (0, 9, 11):
            figure = draw_trajectory(trajectories, run, verdicts.iloc[run])
            save_figure(figure, tmp_path / str(run), FILES)
    assert len(list(tmp_path.glob("*.png"))) == 4


def test_a_run_beside_its_png_as_pdf_though_it_has_no_layout(tmp_path):
    trajectories, verdicts = played(tmp_path, SETTINGS)
    files = FigureFiles(dpi=50, formats=["png", "pdf"])
    with use_style():
        save_figure(draw_trajectory(trajectories, 0, verdicts.iloc[0]), tmp_path / "run", files)
    assert {file.name for file in tmp_path.glob("run*")} == {"run.png", "run.pdf"}


def test_verdicts_of_another_play_are_refused(tmp_path):
    trajectories, verdicts = played(tmp_path, SETTINGS)
    with pytest.raises(InputError, match="12 trajectories but 3 verdicts"):
        draw(trajectories, verdicts.head(3), tmp_path, FILES)


def test_a_path_that_runs_off_is_cut_at_the_cube():
    points = np.array([[0.1, 0, 0], [1, 0, 0], [50, 1, 0], [1e30, 0, 0], [np.inf, np.nan, 0]])
    limit = frame(points)
    assert limit == pytest.approx(3.24)
    shown = inside(points, limit)
    np.testing.assert_allclose(shown[:3], [[0.1, 0, 0], [1, 0, 0], [limit, 1, 0]])
    assert np.isnan(shown[3:]).all()


def test_a_bounded_path_is_seen_whole():
    points = np.random.default_rng(0).uniform(-2, 2, (6000, 3))
    shown = inside(points, frame(points))
    assert np.isfinite(shown).all()
    assert len(shown) <= 3000


def test_outline_starts_at_the_start_and_keeps_the_highest():
    distances = np.array([np.linspace(1, 0, 4001), np.full(4001, np.inf)])
    times, highest = outline(distances)
    assert (times[0], highest[0, 0], highest[0, 1]) == (0, 1, 1)
    assert np.isfinite(highest).all()
    assert np.all(np.diff(highest[0]) <= 0)
