"""Check params.yaml before anything runs: python stages/check_params.py."""

from pathlib import Path

from regen import stage
from regen.data.catalog import with_checksum
from regen.data.mirrors import is_url_of_file, list_mirrors
from regen.errors import InputError
from regen.params import Data, Score, read_params

PASSED = Path("data/params.ok")


def check_params() -> None:
    """Refuse a params.yaml with mistakes, one line for each, or with a device or a file that is not there."""
    params = read_params()
    _check_data(params.data)
    _check_weights(params.score)
    if params.device not in ("auto", "cpu"):
        from regen.training.device import select_device  # torch takes seconds to import, and is rarely needed

        select_device(params.device, params.precision)
    PASSED.parent.mkdir(exist_ok=True)
    # always the same content: stages that wait for this file do not run again because another number changed
    PASSED.write_text("params.yaml follows the schema\n")


def _check_data(data: Data) -> None:
    """Refuse mirrors and checksums that fetching would refuse."""
    list_mirrors(data.mirror, ())
    for name, sha256 in data.sha256.items():
        with_checksum(name, sha256)


def _check_weights(score: Score) -> None:
    """Refuse an Inception's weights that are neither a file nor a URL of one, if a run is scored by it."""
    for name in sorted(score.inceptions):
        weights = score.weights.get(name)
        if weights is not None and not (is_url_of_file(weights) or _is_file(weights)):
            raise InputError(
                f"params.yaml: score.weights.{name}: {weights!r}: no such file; should be one, a URL of one "
                "with http:// or https://, or null"
            )


def _is_file(name: str) -> bool:
    try:
        return Path(name).expanduser().is_file()
    except (OSError, RuntimeError):  # a name too long, a home folder of nobody
        return False


if __name__ == "__main__":
    stage.run(check_params)
