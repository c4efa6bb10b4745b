"""Each client in each case: who was tried, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.clients.cases import Case
    from tests.clients.programs import Program
    from tests.clients.running import Report
    from tests.clients.stage import Cache, Stage


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one client in one case."""

    cache: Cache
    case: Case
    program: Program
    report: Report

    def complaints(self) -> list[str]:
        """Return in what it is not what we say of the case, one line each."""
        subject = f"{self.cache.name}, {self.program.name}, {self.case.name}"
        return [f"{subject}: {line}" for line in self._found()]

    def _found(self) -> list[str]:
        return self.case.complaints(self.cache, self.program, self.report)


@dataclass(slots=True)
class Matrix:
    """All that was tried on one stage."""

    stage: Stage
    programs: Sequence[Program]
    tried: list[Tried] = field(default_factory=list)

    def play_one(self, caches: Sequence[Cache], case: Case) -> list[Tried]:
        """Let one case happen to these caches, and return what became of each client."""
        self.stage.prepare()
        pairs = [(cache, program) for cache in caches for program in self.programs
                 if cache.suits(program)]  # fmt: skip
        with self.stage.running(pairs) as running:
            case.play(self.stage, caches)
        for cache in caches:
            case.restore(self.stage, cache)
        self.stage.sync()
        found = [
            Tried(cache, case, program, running.reports[f"{cache.name} {program.name}"])
            for cache, program in pairs
        ]
        self.tried += found
        return found
