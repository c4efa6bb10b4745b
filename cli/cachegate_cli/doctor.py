"""The command `doctor`: what is in order, what is not, and what to do about it, a line each."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import typer

from cachegate_cli.asking import Asking
from cachegate_cli.functions import GUARD
from cachegate_cli.options import asks
from cachegate_cli.terminal import print_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

State = Literal["pass", "fail", "unknown"]
OVERDUE_S = 3600  # the schedule makes a pass every quarter of an hour
_OPEN = frozenset({"revoke", "carve", "wait", "refuse"})  # steps of rules that should be gone
_AS_TOLD = "%Y-%m-%d %H:%M:%S UTC"


@dataclass(frozen=True, slots=True)
class Line:
    """One check."""

    check: str
    state: State
    says: str


@asks
def doctor(asking: Asking) -> None:
    """Check whether the guard hears of calls, looks around in time, and left nothing open.

    Exit code 0: all is in order. 1: something fails or is unknown. 2: the guard cannot be asked.
    """
    lines = list(lines_of(asking.asked({"action": "findings"}, GUARD), datetime.now(UTC)))
    if asking.as_json:
        print_json([asdict(line) for line in lines])
    else:
        for line in lines:
            sys.stdout.write(f"{line.state:8}{line.check}: {line.says}\n")
    if any(line.state != "pass" for line in lines):
        raise typer.Exit(1)


def lines_of(answer: Mapping[str, Any], now: datetime) -> Iterator[Line]:
    """Yield a line for each check, going by the answer to the guard's action `findings`."""
    if not answer.get("ok"):
        error = answer.get("error", {})
        yield Line("guard", "fail", f"{error.get('code')}: {error.get('message')}")
        return
    yield _trail(answer["trail"])
    yield _pass(answer["swept"], now)
    yield _ingress(answer)


def _trail(trail: str) -> Line:
    if trail == "logs":
        return Line("trail", "pass", "CloudTrail logs, so the guard hears of calls; minutes late")
    if trail == "none":
        return Line(
            "trail",
            "fail",
            "no trail logs management events of this Region: only the guard's schedule notices "
            "new rules. Make a trail, or start it: aws cloudtrail start-logging --name TRAIL",
        )
    return Line("trail", "unknown", "CloudTrail did not say: see TrailMissingAlarm in the runbook")


def _pass(swept: str | None, now: datetime) -> Line:
    if swept is None:
        return Line("pass", "unknown", "the guard has made none yet: run cachegate guard sweep")
    at = datetime.strptime(swept, _AS_TOLD).replace(tzinfo=UTC)
    if (now - at).total_seconds() > OVERDUE_S:
        return Line("pass", "fail", f"the last one was at {swept}: see GuardSilentAlarm")
    return Line("pass", "pass", f"the last one was at {swept}")


def _ingress(answer: Mapping[str, Any]) -> Line:
    left = [each for each in answer["findings"] if each["step"] in _OPEN]
    if not left:
        return Line("ingress", "pass", f"nothing that should be gone (mode {answer['mode']})")
    first = left[0]
    more = f" and {len(left) - 1} more" if len(left) > 1 else ""
    return Line(
        "ingress",
        "fail",
        f"{first['rule']} in {first['group']} admits {first['source']}{more}, mode "
        f"{answer['mode']}: run cachegate guard plan",
    )
