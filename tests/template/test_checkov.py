"""checkov finds nothing that is not excused with a reason, and looks at what we think it looks at.

It is given the resolved template: of ours as it is written it skips a third of its checks on roles,
without a word, because it cannot read policies with references in them.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.parsed import RESOURCES, ROOT, TEXT
from tests.template.resolved import RESOLVED

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"
# Types of ours that it has no check for; a test below tells when that changes.
WITHOUT_CHECKS = {
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::EIP",
    "AWS::Events::Rule",
    "AWS::IAM::InstanceProfile",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::LayerVersion",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SSM::Document",
    "Custom::CachegateNatNetwork",
    "Custom::CachegatePass",
}
# What it checks of a role's permissions, where it can read them: credentials, exfiltration,
# management of permissions, escalation, writing without constraints.
PERMISSIONS = {f"CKV_AWS_{number}" for number in range(107, 112)}

Checked = tuple[str, str]  # the check's id, and the resource's logical id


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[Checked]]:
    """Return what it passed and failed, without any excuse; it asks nobody on the network."""
    if not CHECKOV.exists():
        pytest.skip("needs .venv-checkov: `make check` makes it")
    bare = {
        name: {key: value for key, value in resource.items() if key != "Metadata"}
        for name, resource in RESOLVED.items()
    }
    template = tmp_path_factory.mktemp("checkov") / "template.json"
    template.write_text(json.dumps({"Resources": bare}))
    done = subprocess.run(
        [CHECKOV, "--file", template, "--framework", "cloudformation", "--skip-download",
         "--soft-fail", "--output", "json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)["results"]
    assert not found["parsing_errors"]
    return {
        verdict: {(each["check_id"], each["resource"].split(".")[1]) for each in found[verdict]}
        for verdict in ("passed_checks", "failed_checks")
    }


def excuses() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield every excuse by the logical id of the resource that it stands at."""
    for name, resource in RESOURCES.items():
        for excuse in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            yield name, excuse


def test_each_finding_is_excused_and_each_excuse_has_its_finding(
    results: dict[str, set[Checked]],
) -> None:
    assert results["failed_checks"] == {(excuse["id"], name) for name, excuse in excuses()}


def test_each_excuse_says_why() -> None:
    assert [
        name for name, excuse in excuses() if len(str(excuse.get("comment", "")).split()) < 5
    ] == []


def test_each_rule_of_cfn_lint_that_is_switched_off_says_why() -> None:
    lines = [line for line in TEXT.splitlines() if "ignore_checks" in line]

    assert lines
    assert [line for line in lines if "  # " not in line] == []


def test_it_looks_at_resources_of_every_type_but_those_that_it_has_no_check_for(
    results: dict[str, set[Checked]],
) -> None:
    looked_at = {RESOLVED[name]["Type"] for found in results.values() for _, name in found}

    assert {resource["Type"] for resource in RESOLVED.values()} - looked_at == WITHOUT_CHECKS


def test_it_can_read_what_each_role_may_do(results: dict[str, set[Checked]]) -> None:
    may = {
        name
        for name, resource in RESOLVED.items()
        if resource["Type"] in {"AWS::IAM::Role", "AWS::IAM::Policy"}
    }

    assert may
    assert {(check, name) for check in PERMISSIONS for name in may} <= results["passed_checks"]
