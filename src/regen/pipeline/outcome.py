"""What became of the stages of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Failure:
    """A stage that ended with an error."""

    stage: str
    exit_code: int
    reason: str
    log: Path

    def __str__(self) -> str:
        return f"{self.stage}: exit code {self.exit_code}: {self.reason} (log: {self.log})"


@dataclass
class Outcome:
    """What became of the stages, by name."""

    current: list[str] = field(default_factory=list)
    """Nothing to do."""
    restored: list[str] = field(default_factory=list)
    """Taken from the run-cache."""
    ran: dict[str, float] = field(default_factory=dict)
    """Run, with their seconds."""
    failed: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """They need a stage that failed."""

    @property
    def exit_code(self) -> int:
        """That of the worst failure; 0 where there is none."""
        return max((failure.exit_code for failure in self.failed), default=0)

    def summary(self, seconds: float) -> list[str]:
        """Lines for the end of a run: what was done, then each failure."""
        counts = {
            "ran": len(self.ran),
            "from the run-cache": len(self.restored),
            "up to date": len(self.current),
            "failed": len(self.failed),
            "not run for want of those": len(self.skipped),
        }
        text = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return [f"stages: {text or 'none'}; {seconds:.1f} s", *(f"FAILED {each}" for each in self.failed)]
