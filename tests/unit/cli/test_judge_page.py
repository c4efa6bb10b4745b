"""What docs/judge.md shows works as it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cachegate.domain.judgement import IngressPolicy
from cachegate.planning.judge import judge
from cachegate_cli.ingress_file import read_rules
from cachegate_cli.judge import _entry

PAGE = (Path(__file__).parents[3] / "docs" / "judge.md").read_text()
PLAN: dict[str, Any] = {
    "planned_values": {
        "root_module": {
            "resources": [
                {
                    "type": "aws_security_group",
                    "address": "aws_security_group.cache",
                    "values": {
                        "ingress": [
                            {
                                "protocol": "tcp",
                                "from_port": 6379,
                                "to_port": 6379,
                                "cidr_blocks": ["0.0.0.0/0"],
                                "ipv6_cidr_blocks": ["fd00::/8"],
                                "prefix_list_ids": [],
                                "security_groups": [],
                                "self": True,
                            },
                            {"protocol": "tcp", "from_port": 6379, "to_port": 6379},
                        ]
                    },
                },
                {"type": "aws_vpc", "address": "aws_vpc.main", "values": {}},
            ],
            "child_modules": [
                {
                    "resources": [
                        {
                            "type": "aws_vpc_security_group_ingress_rule",
                            "address": f"module.m.aws_vpc_security_group_ingress_rule.{name}",
                            "values": {
                                "ip_protocol": "tcp",
                                "from_port": 6379,
                                "to_port": 6379,
                                "cidr_ipv4": f"{name}.0.0.0/9",
                            },
                        }
                        for name in (13, 14)
                    ]
                }
            ],
        }
    }
}


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_example_is_what_is_printed() -> None:
    shown = json.loads(block("json"))
    fields = {"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379}
    document = {
        "SecurityGroupRules": [
            {**fields, "SecurityGroupRuleId": each["rule"], "CidrIpv4": each["source"]}
            for each in shown
        ]
    }

    judgements = judge(read_rules(json.dumps(document).encode()), IngressPolicy())

    assert [_entry(judgement) for judgement in judgements] == shown


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_the_filter_turns_a_plan_into_groups() -> None:
    done = subprocess.run(
        ["jq", block("jq")], input=json.dumps(PLAN).encode(), capture_output=True, check=True
    )

    judgements = judge(read_rules(done.stdout), IngressPolicy())

    assert [
        (each.rule.group_id, str(each.rule.source), each.source_class.value) for each in judgements
    ] == [
        ("aws_security_group.cache", "0.0.0.0/0", "world"),
        ("aws_security_group.cache", "fd00::/8", "private"),
        ("aws_security_group.cache", "self", "group"),
        ("aws_security_group.cache", "(known after apply)", "unreadable"),
        ("(known after apply)", "13.0.0.0/9", "union"),
        ("(known after apply)", "14.0.0.0/9", "public"),
    ]
