"""What a day has found so far: one JSON file, written whole after each part, and a line for each slice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regen import artifacts
from regen.errors import InputError

SECTIONS = ("checks", "table", "errors", "steps")


@dataclass(frozen=True)
class Record:
    """The folder of a day.

    `results.json` and `parts/` are all that another machine needs to go on; `work/` is scratch.
    """

    root: Path

    @property
    def file(self) -> Path:
        """File of all results."""
        return self.root / "results.json"

    @property
    def parts(self) -> Path:
        """Folder of what is packed."""
        return self.root / "parts"

    @property
    def work(self) -> Path:
        """Folder of the scratch workspace."""
        return self.root / "work"

    def read(self) -> dict[str, Any]:
        """All results by section; `slices` counts those that were begun, also those that were killed.

        Raises:
            InputError: the file is damaged.
        """
        empty: dict[str, Any] = {name: {} for name in SECTIONS}
        empty |= {"checkpoint": None, "environment": {}, "progress": [], "slices": 0}
        if not self.file.exists():
            return empty
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
            if content.keys() != empty.keys():
                raise ValueError(f"its keys are {', '.join(content)}")
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(
                f"{self.file}: not the results of a day ({error}); name another folder"
            ) from None
        found: dict[str, Any] = content
        return found

    def put(self, section: str, name: str, value: Any) -> None:
        """Publish one result; for a single writer at a time."""
        content = self.read()
        content[section][name] = value
        artifacts.write_json(self.file, content)

    def set(self, section: str, value: Any) -> None:
        """Publish a whole section."""
        artifacts.write_json(self.file, self.read() | {section: value})

    def add_line(self, line: str) -> None:
        """Add a slice's line to progress.md."""
        lines = [*self.read()["progress"], line]
        self.set("progress", lines)
        artifacts.write_text(self.root / "progress.md", "".join(f"- {each}\n" for each in lines))

    def tidy(self) -> None:
        """Remove parts that no result names: a slice was killed while it wrote them, or they are outdated."""
        content = self.read()
        named = {part["name"] for step in content["steps"].values() for part in step["parts"]}
        named |= {part["name"] for part in (content["checkpoint"] or {}).get("parts", [])}
        for path in self.parts.glob("*"):
            if path.name not in named:
                path.unlink()
