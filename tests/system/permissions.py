"""What the roles of all stacks of the system tests were granted, and what their functions used."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from local.iam import Grant, grants_of_all_roles

if TYPE_CHECKING:
    from local.iam import Gate

FOLDER = Path(__file__).parent
JUDGE = FOLDER / "test_permissions_used.py"
# These run beside the others, in another process, and need nothing of their own.
BESIDE = {FOLDER / "test_fault_replay.py", FOLDER / "test_newcomer.py"}

# What Lambda itself does in the role's name, and its stand-in here has no need of.
USED_BY_LAMBDA = {
    "logs:CreateLogStream": "Lambda writes the log; here its lines go to a file",
    "logs:PutLogEvents": "as CreateLogStream",
    "sqs:GetQueueAttributes": "Lambda's poller asks; the poller here knows its queue",
    "xray:PutTelemetryRecords": "Lambda's X-Ray daemon sends it; nothing traces here",
    "xray:PutTraceSegments": "as PutTelemetryRecords",
}

# Statements that AWS's reference leaves in doubt, and our stand-in has no need of; docs/fidelity.md
# says how to find out.
IN_DOUBT = {
    "MoveItToTheirInterfaces": "AWS may check the interface where a call names the instance",
}


# Roles that no function has.
OTHER_ROLES = {
    "NatRole": "Systems Manager's agent on a NAT instance has it; here commands reach the instance "
    "without one",
}


@dataclass(slots=True)
class Permissions:
    """Gathered from one world after the other: a union, since conditions grant more to some."""

    granted: set[Grant] = field(default_factory=set)
    used: set[Grant] = field(default_factory=set)
    passed: set[tuple[Path, str]] = field(default_factory=set)  # tests, by file and function

    def note(self, gate: Gate) -> None:
        """Note what one world granted and used, before it forgets its roles."""
        self.granted |= gate.granted | grants_of_all_roles()
        self.used |= gate.used

    def unused(self) -> list[str]:
        """Return in words what was granted and needed by nobody.

        Of a statement with several actions and types of resource not each action meets each type:
        every action must have been used, and every type.
        """
        granted = {
            each
            for each in self.granted
            if each.action not in USED_BY_LAMBDA
            and each.sid not in IN_DOUBT
            and each.role not in OTHER_ROLES
        }
        actions = _actions(granted) - _actions(self.used)
        return sorted(actions | (_resources(granted) - _resources(self.used)))

    def not_passed(self) -> set[tuple[Path, str]]:
        """Return the system tests that have not run and passed, the judge's own apart."""
        tests = re.compile(r"^ *def (test_\w+)", re.MULTILINE)
        return {
            (file, name)
            for file in FOLDER.rglob("test_*.py")
            if file not in {JUDGE, *BESIDE}
            for name in tests.findall(file.read_text())
        } - self.passed


def _actions(grants: set[Grant]) -> set[str]:
    return {f"{each.role}, {each.sid}: {each.action}" for each in grants}


def _resources(grants: set[Grant]) -> set[str]:
    return {f"{each.role}, {each.sid}: any action on {each.resource_type}" for each in grants}
