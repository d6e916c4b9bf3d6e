"""Play all the Dirac games and judge them."""

from regen import artifacts, stage
from regen.dirac.game import configurations, play
from regen.dirac.verdict import judge_runs
from regen.params import read_params


def play_dirac() -> None:
    """Play all the Dirac games and judge them."""
    params = read_params()
    trajectories = play(params.dirac, params.seed)
    verdicts = judge_runs(configurations(params.dirac), trajectories, params.dirac.learning_rate)
    artifacts.write_tensors(artifacts.trajectories_file(), trajectories.to_tensors())
    artifacts.write_csv(artifacts.verdicts_file(), verdicts)


if __name__ == "__main__":
    stage.run(play_dirac)
