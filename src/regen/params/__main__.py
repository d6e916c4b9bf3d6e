"""`python -m regen.params` exports the schema of `params.yaml` for editors, `--check` compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from regen.params.whole import Params

SCHEMA = Path("params.schema.json")


def schema() -> str:
    """JSON schema of `params.yaml`."""
    return json.dumps(Params.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    if "--check" not in sys.argv[1:]:
        SCHEMA.write_text(schema(), encoding="utf-8")
    elif SCHEMA.read_text(encoding="utf-8") != schema():
        sys.exit(f"{SCHEMA}: not the schema of src/regen/params; run `make schema`")
