"""Check params.yaml before anything runs: python stages/check_params.py."""

from pathlib import Path

from regen import stage
from regen.params import read_params

PASSED = Path("data/params.ok")


def check_params() -> None:
    """Refuse a params.yaml with mistakes, one line for each, or with a device that is not there."""
    params = read_params()
    if params.device not in ("auto", "cpu"):
        from regen.training.device import select_device  # torch takes seconds to import, and is rarely needed

        select_device(params.device, params.precision)
    PASSED.parent.mkdir(exist_ok=True)
    # always the same content: stages that wait for this file do not run again because another number changed
    PASSED.write_text("params.yaml follows the schema\n")


if __name__ == "__main__":
    stage.run(check_params)
