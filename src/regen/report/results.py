"""A folder of results, as another run leaves it or a recorded one keeps it: what the book is made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from regen import artifacts
from regen.errors import InputError

Row = dict[str, Any]
"""`cells`, texts in the order of the columns; `values`, by the columns' keys."""


@dataclass(frozen=True)
class Results:
    """Tables, verdicts and figures in `folder`, made with the settings in the file `params`."""

    folder: Path
    params: Path

    @classmethod
    def of(cls, folder: Path) -> Results:
        """Results in `folder`; its settings lie in it, as in a recorded run, or beside it.

        Raises:
            InputError: there are no results.
        """
        if not (folder / "tables").is_dir():
            raise InputError(f"{folder}: no results; allowed: a folder like reports/ or results/NAME")
        inside = folder / "params.yaml"
        return cls(folder, inside if inside.exists() else folder.parent / "params.yaml")

    def table(self, name: str) -> dict[str, Any]:
        """`columns`, `rows` and `empty` of a table; InputError where it is absent or damaged."""
        file = self.folder / "tables" / f"{name}.json"
        found = _read_json(file)
        if not (isinstance(found, dict) and {"columns", "rows", "empty"} <= found.keys()):
            raise InputError(f"{file}: not a table; run the pipeline again")
        return found

    @cached_property
    def claims(self) -> dict[str, dict[str, Any]]:
        """Verdicts by claim; InputError where they are absent or damaged."""
        file = self.folder / artifacts.REPORT_CLAIMS.name
        found = _read_json(file)
        if not (isinstance(found, dict) and all(isinstance(each, dict) for each in found.values())):
            raise InputError(f"{file}: no verdicts; run the pipeline again")
        return found

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All settings, as the file has them; InputError where it is absent or no YAML."""
        try:
            found = yaml.safe_load(self.params.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise InputError(f"{self.params}: no settings ({str(error).splitlines()[0]})") from None
        if not isinstance(found, dict):
            raise InputError(f"{self.params}: no settings")
        return found

    def figure(self, name: str) -> tuple[Path, int, int]:
        """Path, width and height in pixels of a figure; InputError where it is absent or no picture."""
        path = self.folder / "figures" / name
        try:
            with Image.open(path) as picture:
                return path, *picture.size
        except OSError as error:
            raise InputError(f"{path}: no picture ({_reason(error)})") from None

    def figures(self) -> list[str]:
        """Names of all figures, in order."""
        folder = self.folder / "figures"
        kinds = {".png", ".gif"}
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in kinds)

    def tables(self) -> list[str]:
        """Names of all tables, in order."""
        return sorted(path.stem for path in (self.folder / "tables").glob("*.json"))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: not JSON, or not UTF-8
        raise InputError(f"{path}: cannot be read ({_reason(error)}); run the pipeline again") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
