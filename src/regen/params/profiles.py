"""The profiles that ship with the project: files of settings, each of which params.yaml may be a copy of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regen.params.yaml_files import read_yaml

PROFILES = Path("profiles")
SECTIONS = ("attention", "classifier", "depth", "dirac", "flow", "gan", "realnvp", "vae")
"""Of params.yaml, those whose results the pages show."""


def profile_of(params: Mapping[str, Any]) -> str | None:
    """Name of the profile that has the runs of `params`, the content of params.yaml; None if none has."""
    ours = _runs(params)
    same = (path.stem for path in sorted(PROFILES.glob("*.yaml")) if _runs(read_yaml(path)) == ours)
    return next(same, None)


def _runs(params: Mapping[str, Any]) -> dict[str, Any]:
    return {section: params.get(section) for section in SECTIONS}
