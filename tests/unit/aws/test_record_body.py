"""An undo record that was written and read again is the same, and enough for a person."""

from __future__ import annotations

import json
import random
import shlex
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate.aws.record_body import (
    LARGEST_FINDINGS,
    MOST_EVIDENCE,
    command,
    pack,
    pack_findings,
    unpack,
    unpack_findings,
)
from cachegate.domain.groups import SecurityGroup
from cachegate.domain.ingress import GroupReference, IngressRule, PrefixList, UnknownSource
from cachegate.domain.revocation import Author, Revocation, RevocationState
from cachegate.domain.traffic import TCP, UDP, Traffic
from cachegate.errors import ConfigurationError, InvalidRuleError
from tests.unit.aws.fake_client import Call, fake_client

IDS = st.text(min_size=1, max_size=20)
TIMES = st.floats(min_value=0, max_value=1e11, allow_nan=False)
TAGS = st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=20), max_size=3)
WORDS = st.lists(st.text(max_size=20), max_size=3).map(tuple)
PORTS = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(sorted)
TRAFFIC = st.one_of(
    st.builds(
        lambda protocol, ports: Traffic(protocol, *ports), st.sampled_from([TCP, UDP]), PORTS
    ),
    st.integers(-1, 255).filter(lambda number: number not in {TCP, UDP}).map(Traffic),
)
SOURCES = st.one_of(
    st.builds(
        lambda a, n: IPv4Network((a, n), strict=False), st.ip_addresses(v=4), st.integers(0, 32)
    ),
    st.builds(
        lambda a, n: IPv6Network((a, n), strict=False), st.ip_addresses(v=6), st.integers(0, 128)
    ),
    st.builds(PrefixList, list_id=IDS),
    st.builds(GroupReference, IDS),
)
RULES = st.builds(
    IngressRule,
    rule_id=IDS,
    group_id=IDS,
    traffic=TRAFFIC,
    source=SOURCES,
    description=st.text(max_size=50),
    tags=TAGS,
)
REVOCATIONS = st.builds(
    Revocation,
    rule=RULES,
    group=st.builds(SecurityGroup, group_id=IDS, name=IDS, vpc_id=IDS, owner=IDS, tags=TAGS),
    caches=WORDS,
    source_class=st.text(max_size=10),
    severity=st.text(max_size=10),
    reason=st.text(max_size=50),
    evidence=WORDS,
    recorded_at=TIMES,
    state=st.sampled_from(RevocationState),
    author=st.none() | st.builds(Author, who=IDS, event=IDS, event_id=IDS, at=st.none() | TIMES),
    triggers=WORDS,
    carved=st.booleans(),
    revoked_at=st.none() | TIMES,
    restored_at=st.none() | TIMES,
    restored_as=st.none() | IDS,
)
CALLS: list[Call] = []
EC2 = fake_client("ec2", {"AuthorizeSecurityGroupIngress": lambda **_: {}}, CALLS)
WORLD = Revocation(
    rule=IngressRule(
        rule_id="sgr-1",
        group_id="sg-1",
        traffic=Traffic(TCP, 6379, 6380),
        source=IPv4Network("0.0.0.0/0"),
        description='it\'s "temporary"',
        tags={"team": "web", "aws:cloudformation:stack-name": "shop"},
    ),
    group=SecurityGroup(group_id="sg-1", name="web", vpc_id="vpc-1", owner="123456789012"),
    caches=("sessions-001",),
    source_class="world",
    severity="critical",
    reason="admits every IPv4 address",
    evidence=("eni-1 (i-1, public at 203.0.113.5)",),
    recorded_at=1732275600.5,
    author=Author(
        who="arn:aws:iam::1:user/eve", event="AuthorizeSecurityGroupIngress", event_id="e"
    ),
)


@given(REVOCATIONS)
def test_every_record_comes_back_as_it_was_written(revocation: Revocation) -> None:
    assert unpack(pack(revocation), "x") == revocation


def test_of_a_prefix_list_the_id_is_kept_alone() -> None:
    opened = PrefixList(list_id="pl-1", entries=(IPv4Network("0.0.0.0/0"),))
    revocation = replace(WORLD, rule=replace(WORLD.rule, source=opened))

    assert unpack(pack(revocation), "x").rule.source == PrefixList(list_id="pl-1")


def test_a_person_reads_the_rule_as_ec2_describes_it() -> None:
    assert json.loads(pack(WORLD))["rule"] == {
        "SecurityGroupRuleId": "sgr-1",
        "GroupId": "sg-1",
        "IpProtocol": "tcp",
        "FromPort": 6379,
        "ToPort": 6380,
        "CidrIpv4": "0.0.0.0/0",
        "Description": 'it\'s "temporary"',
        "Tags": [
            {"Key": "team", "Value": "web"},
            {"Key": "aws:cloudformation:stack-name", "Value": "shop"},
        ],
    }


def test_the_command_gives_back_the_very_rule_whatever_its_description_holds() -> None:
    words = shlex.split(command(WORLD))
    options = dict(zip(words[3::2], words[4::2], strict=True))

    assert words[:3] == ["aws", "ec2", "authorize-security-group-ingress"]
    assert options["--group-id"] == "sg-1"
    assert json.loads(options["--ip-permissions"]) == [
        {
            "IpProtocol": "tcp",
            "FromPort": 6379,
            "ToPort": 6380,
            "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": 'it\'s "temporary"'}],
        }
    ]
    assert json.loads(options["--tag-specifications"]) == [
        {"ResourceType": "security-group-rule", "Tags": [{"Key": "team", "Value": "web"}]}
    ]


@given(REVOCATIONS)
def test_every_command_is_one_that_ec2_takes(revocation: Revocation) -> None:
    words = shlex.split(command(revocation))
    options = dict(zip(words[3::2], words[4::2], strict=True))
    request = {"GroupId": options["--group-id"]}
    request["IpPermissions"] = json.loads(options["--ip-permissions"])
    request["TagSpecifications"] = json.loads(options.get("--tag-specifications", "[]"))

    EC2.authorize_security_group_ingress(**request)  # its model checks what it is given

    assert CALLS.pop()


def test_a_rule_that_cannot_be_given_back_is_not_recorded_as_if_it_could() -> None:
    odd = replace(WORLD, rule=replace(WORLD.rule, source=UnknownSource("the rule is odd")))

    with pytest.raises(InvalidRuleError, match="the rule is odd"):
        pack(odd)


def test_a_group_that_thousands_share_still_fits_into_a_record() -> None:
    many = tuple(f"eni-{n:017} ({'x' * 300})" for n in range(5000))

    packed = pack(replace(WORLD, evidence=many))

    assert len(packed.encode()) < 250_000
    evidence = unpack(packed, "x").evidence
    assert evidence == (*many[:MOST_EVIDENCE], "and 4500 more")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        pack(WORLD).replace('"0.0.0.0/0"', '"everywhere"'),
        pack(WORLD).replace('"CidrIpv4"', '"CidrIpv5"'),
        pack(WORLD).replace('"pending"', '"perhaps"'),
        pack(WORLD).replace('"reason"', '"raison"'),
        pack(WORLD)[:-1],
    ],
    ids=["empty", "null", "a list", "an object", "source", "kind", "state", "field", "cut off"],
)
def test_a_record_that_is_damaged_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"record revocation#sgr-1 of sg-1 is damaged"):
        unpack(text, "revocation#sgr-1 of sg-1")


def finding(number: int, noise: str = "") -> dict[str, Any]:
    """One as long as they get: the caches, the reasons and the evidence in words."""
    return {
        "rule": f"sgr-{number:017x}",
        "group": "sg-0123456789abcdef0",
        "source": f"{number >> 8 & 255}.{number & 255}.0.0/16",
        "traffic": "tcp 6379",
        "class": "union",
        "severity": "critical",
        "step": "revoke",
        "reason": "the group is shared: eni-0123456789abcdef0 (i-0123456789abcdef0, public at "
        "203.0.113.5), eni-1123456789abcdef0 (i-1123456789abcdef0) and 12 more have it too; " * 3,
        "description": noise or f"opened for ticket {number}",
        "caches": ["sessions-001", "sessions-002", "sessions-003"],
        "since": 1732275600.0 + number,
    }


def test_findings_of_a_group_with_a_thousand_rules_fit_into_an_item() -> None:
    findings = [finding(number) for number in range(1000)]

    body, left_out = pack_findings(findings)

    assert (list(unpack_findings(body)), left_out) == (findings, 0)
    assert len(body) < LARGEST_FINDINGS / 5


def test_findings_beyond_an_item_are_counted_and_the_gravest_stay() -> None:
    findings = [finding(n, noise) for n, noise in enumerate(_noise(3000))]

    body, left_out = pack_findings(findings)

    kept = unpack_findings(body)
    assert left_out > 0
    assert len(kept) + left_out == 3000
    assert list(kept) == findings[: len(kept)]
    assert LARGEST_FINDINGS * 3 / 4 < len(body) <= LARGEST_FINDINGS


def _noise(count: int) -> list[str]:
    """Descriptions of the most characters that EC2 takes, which no compression shortens much."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*"
    chance = random.Random(1)  # noqa: S311
    return ["".join(chance.choices(letters, k=255)) for _ in range(count)]
