"""Run a command with functions that note what they are asked, and answer what a test gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from cachegate_cli.functions import SYNC, InvokeError
from cachegate_cli.main import app

if TYPE_CHECKING:
    from typer.testing import Result

Answer = dict[str, Any]
NOT_HERE = ("AWS_REGION", "CACHEGATE_STACK", "CACHEGATE_LOCAL", "COLUMNS")


@dataclass(slots=True)
class Asked:
    """Gives its answers one after the other, and the last one from then on."""

    answers: list[Answer | InvokeError] = field(default_factory=lambda: [{"ok": True}])
    events: list[tuple[Answer, str]] = field(default_factory=list)
    stacks: list[tuple[Any, ...]] = field(default_factory=list)

    def invoke(self, event: Answer, function_output: str = SYNC) -> Answer:
        self.events.append((event, function_output))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, InvokeError):
            raise answer
        return answer

    def reach(self, stack: str, profile: str | None, region: str | None, *, local: bool) -> Asked:
        self.stacks.append((stack, profile, region, local))
        return self


def run(asked: Asked, *words: str, given: str | None = None, **environment: str) -> Result:
    """Run `cachegate WORDS`; `given` is typed into standard input."""
    clean = dict.fromkeys(NOT_HERE) | environment
    return CliRunner().invoke(app, words, obj=asked.reach, input=given, env=clean)


def answering(*answers: Answer | InvokeError) -> Asked:
    """Return functions that give these answers."""
    return Asked(list(answers))
