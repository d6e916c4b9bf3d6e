"""Draw the points of the planar flows' targets, or load the reports' own: python stages/sample_points.py."""

from regen import artifacts, stage
from regen.artifacts.paths import cache_dir
from regen.data.download import Transfer
from regen.data.fetch import fetch_files
from regen.data.mirrors import list_mirrors
from regen.params import read_params
from regen.planar.targets import TARGETS, generate, load
from regen.training.device import set_up


def sample_points() -> None:
    """Write the targets' points as `flow.source` of params.yaml says: generated, or files of the mirror."""
    params = read_params()
    set_up("cpu", "float64")
    source = params.flow.source
    if source == "generated":
        points = generate(params.seed)
    else:
        files = [target.file for target in TARGETS.values()]
        mirrors = list_mirrors(params.data.mirror, [])  # no public mirror has them
        points = load(fetch_files(files, mirrors, cache_dir() / "downloads", Transfer()))
    artifacts.write_tensors(artifacts.points_file(), points, {"source": source})


if __name__ == "__main__":
    stage.run(sample_points)
