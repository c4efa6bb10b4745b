"""What `doctor` says, a line for each check: read from what the two functions answer. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from cachegate_cli.functions import InvokeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Answer = Mapping[str, Any] | InvokeError

State = Literal["pass", "fail", "unknown"]
OVERDUE_S = 3600  # the guard's schedule makes a pass every quarter of an hour
UPDATE = "update the stack: sam build && sam deploy"
AGAIN = "cachegate doctor, in a minute"
_OPEN = frozenset({"revoke", "carve", "wait", "refuse"})  # steps of rules that should be gone
_AS_TOLD = "%Y-%m-%d %H:%M:%S UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of one thing; the action `doctor` of sync_forwards has the same fields."""

    check: str
    vpc: str | None = None
    subject: str
    state: State
    says: str
    fix: str | None = None  # a command, or what to do; None where it passes


def counts_of(checks: Iterable[Check]) -> dict[State, int]:
    """Return how many checks ended how."""
    counted = Counter(check.state for check in checks)
    return {"pass": counted["pass"], "fail": counted["fail"], "unknown": counted["unknown"]}


def told(check: str, checks: Iterable[Check], name: str) -> Iterator[Check]:
    """Yield checks, and where the answer that they are read from lacks something, that it does."""
    try:
        yield from checks
    except KeyError as missing:
        says = f"its answer has no {missing}, so the stack is older than this command"
        yield Check(check=check, subject=name, state="unknown", says=says, fix=UPDATE)


def checks_of_sync(answer: Answer, name: str) -> Iterator[Check]:
    """Yield the checks of sync_forwards, or why there are none."""
    if isinstance(answer, InvokeError):
        yield _unasked("forwards", name, str(answer))
    elif not answer.get("ok"):
        yield _refused(answer, name)
    else:
        for each in answer["checks"]:
            yield Check(**{field: each[field] for field in Check.__slots__})


def _refused(answer: Mapping[str, Any], name: str) -> Check:
    error = answer.get("error") or {}
    if error.get("code") == "bad_request":  # it knows no such action
        says = "its sync_forwards is older than this command, and has no check-up"
        return Check(check="forwards", subject=name, state="unknown", says=says, fix=UPDATE)
    says = f"sync_forwards: {error.get('message')} ({error.get('code')})"
    return Check(check="forwards", subject=name, state="unknown", says=says, fix=AGAIN)


def _unasked(check: str, name: str, why: str) -> Check:
    fix = "see what IAM lets you invoke, and the function's log"
    return Check(check=check, subject=name, state="unknown", says=why, fix=fix)


def checks_of_guard(answer: Answer, name: str, now: datetime) -> Iterator[Check]:
    """Yield the checks of the guard, going by its answer to `findings`, or why there are none."""
    if isinstance(answer, InvokeError):
        yield _unasked("guard", name, str(answer))
    elif not answer.get("ok"):
        error = answer.get("error") or {}
        says = f"guard_ingress: {error.get('message')} ({error.get('code')})"
        fix = "see its log; docs/runbook.md has its alarms"
        yield Check(check="guard", subject=name, state="fail", says=says, fix=fix)
    else:
        yield _trail(answer["trail"], name)
        yield _swept(answer["swept"], name, now)
        yield _ingress(answer, name)


def _trail(trail: str, name: str) -> Check:
    if trail == "logs":
        says = "CloudTrail logs, so the guard hears of calls; minutes late"
        return Check(check="trail", subject=name, state="pass", says=says)
    if trail == "none":
        return Check(
            check="trail", subject=name, state="fail",
            says="no trail logs management events of this Region: only schedules notice calls",
            fix="make a trail, or start yours: aws cloudtrail start-logging --name TRAIL",
        )  # fmt: skip
    return Check(
        check="trail", subject=name, state="unknown", says="CloudTrail did not say whether it logs",
        fix="see TrailMissingAlarm in docs/runbook.md",
    )  # fmt: skip


def _swept(swept: str | None, name: str, now: datetime) -> Check:
    if swept is None:
        says, fix = "the guard has made no pass yet", "cachegate guard sweep"
        return Check(check="guard-pass", subject=name, state="unknown", says=says, fix=fix)
    says = f"the guard's last pass was at {swept}"
    at = datetime.strptime(swept, _AS_TOLD).replace(tzinfo=UTC)
    if (now - at).total_seconds() > OVERDUE_S:
        fix = "cachegate guard sweep, and see GuardSilentAlarm in docs/runbook.md"
        return Check(check="guard-pass", subject=name, state="fail", says=says, fix=fix)
    return Check(check="guard-pass", subject=name, state="pass", says=says)


def _ingress(answer: Mapping[str, Any], name: str) -> Check:
    left = [each for each in answer["findings"] if each["step"] in _OPEN]
    if not left:
        says = f"no rule on a cache's security groups that should be gone (mode {answer['mode']})"
        return Check(check="guard-ingress", subject=name, state="pass", says=says)
    first = left[0]
    more = f", and {len(left) - 1} more rules are open" if len(left) > 1 else ""
    return Check(
        check="guard-ingress", subject=first["group"], state="fail",
        says=f"{first['rule']} admits {first['source']}{more} (mode {answer['mode']})",
        fix="cachegate guard plan",
    )  # fmt: skip
