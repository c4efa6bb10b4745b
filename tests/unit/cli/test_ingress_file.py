"""A file that is not what it should be is refused in one line that says where."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate_cli.ingress_file import read_rules
from cachegate_cli.json_part import JsonError

TCP: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379}
WORLD: dict[str, Any] = {**TCP, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
RULE: dict[str, Any] = {**TCP, "GroupId": "sg-1", "CidrIpv4": "0.0.0.0/0"}


def bare(**changed: Any) -> dict[str, Any]:
    return {"IpPermissions": [{**WORLD, **changed}]}


def listed(**changed: Any) -> dict[str, Any]:
    return {"SecurityGroupRules": [{**RULE, **changed}]}


ONE_OF = "must have exactly one of"
WRONG: list[tuple[Any, str]] = [
    ([], "the file is a list, but must be an object"),
    (None, "the file is missing, but must be an object"),
    ({}, f"the file {ONE_OF} SecurityGroups, SecurityGroupRules, IpPermissions"),
    ({"IpPermissions": [], "SecurityGroups": []}, f"the file {ONE_OF}"),
    ({"IpPermissions": None}, "IpPermissions is missing, but must be a list"),
    ({"IpPermissions": {}}, "IpPermissions is an object, but must be a list"),
    ({"IpPermissions": ["x"]}, "IpPermissions[0] is text, but must be an object"),
    ({"IpPermissions": [], "GroupId": 7}, "GroupId is a whole number, but must be text"),
    ({"IpPermissions": [TCP]}, "IpPermissions[0] has none of IpRanges, Ipv6Ranges, "),
    (bare(IpProtocol=None), "IpPermissions[0].IpProtocol is missing, but must be text"),
    (bare(IpProtocol=True), "IpPermissions[0].IpProtocol is true or false, but must be text"),
    (bare(IpProtocol="tpc"), "IpPermissions[0]: there is no protocol 'tpc'"),
    (bare(FromPort="6379"), "IpPermissions[0].FromPort is text, but must be a whole number"),
    (bare(FromPort=6379.0), "IpPermissions[0].FromPort is a fraction, but must be a whole number"),
    (bare(ToPort=True), "IpPermissions[0].ToPort is true or false, but must be a whole number"),
    (bare(ToPort=6000), "IpPermissions[0]: there is no port range 6379-6000"),
    (bare(ToPort=70000), "IpPermissions[0]: there is no port range 6379-70000"),
    (bare(IpRanges="0.0.0.0/0"), "IpPermissions[0].IpRanges is text, but must be a list"),
    (bare(IpRanges=[{}]), "IpPermissions[0].IpRanges[0].CidrIp is missing, but must be text"),
    (bare(IpRanges=[{"CidrIp": ""}]), "IpPermissions[0].IpRanges[0].CidrIp is empty"),
    (bare(IpRanges=[{"CidrIp": "::/0"}]), "CidrIp: '::/0' is no IPv4 CIDR block"),
    (bare(IpRanges=[{"CidrIp": "a\nb"}]), r"CidrIp: 'a\nb' is no IPv4 CIDR block"),
    (bare(Ipv6Ranges=[{"CidrIpv6": "0.0.0.0/0"}]), "CidrIpv6: '0.0.0.0/0' is no IPv6 CIDR block"),
    (bare(PrefixListIds=[{}]), "PrefixListIds[0].PrefixListId is missing, but must be text"),
    (bare(UserIdGroupPairs=[{"UserId": "1"}]), "UserIdGroupPairs[0].GroupName is missing"),
    ({"SecurityGroups": [{"IpPermissions": []}]}, "SecurityGroups[0].GroupId is missing"),
    ({"SecurityGroups": [{"GroupId": "sg-1"}]}, "SecurityGroups[0].IpPermissions is missing"),
    (
        {"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [WORLD, 1]}]},
        "SecurityGroups[0].IpPermissions[1] is a whole number, but must be an object",
    ),
    (listed(GroupId=None), "SecurityGroupRules[0].GroupId is missing, but must be text"),
    (listed(CidrIpv4=None), f"SecurityGroupRules[0] {ONE_OF} CidrIpv4, CidrIpv6, "),
    (listed(CidrIpv6="::/0"), f"SecurityGroupRules[0] {ONE_OF} CidrIpv4, CidrIpv6, "),
    (listed(IsEgress="false"), "SecurityGroupRules[0].IsEgress is text, but must be true or false"),
    (listed(SecurityGroupRuleId=5), "SecurityGroupRuleId is a whole number, but must be text"),
    (
        listed(CidrIpv4=None, ReferencedGroupInfo="sg-9"),
        "SecurityGroupRules[0].ReferencedGroupInfo is text, but must be an object",
    ),
]
NO_JSON = [b"", b"{", b"\xff\xfe\x00", b"\x00", b"[" * 100_000, b"1" * 10_000, b'{"a": "\x01"}']

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["tcp", "::/0", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["IpPermissions", *WORLD, *RULE, "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)
places = st.sampled_from(
    [*(("IpPermissions", 0, key) for key in (*WORLD, "Ipv6Ranges", "UserIdGroupPairs")),
     *(("SecurityGroupRules", 0, key) for key in (*RULE, "IsEgress", "ReferencedGroupInfo")),
     ("IpPermissions", 0), ("IpPermissions",), ("SecurityGroupRules", 0), ("SecurityGroups",)]
)  # fmt: skip


@pytest.mark.parametrize(("document", "message"), WRONG, ids=[case[1] for case in WRONG])
def test_what_is_wrong_is_named_with_its_place(document: object, message: str) -> None:
    with pytest.raises(JsonError) as raised:
        read_rules(json.dumps(document).encode())

    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", NO_JSON, ids=[repr(case[:8]) for case in NO_JSON])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(JsonError) as raised:
        read_rules(content)

    assert str(raised.value).startswith(("no JSON", "the JSON is nested", "the file is"))
    assert "\n" not in str(raised.value)


@given(places, any_json)
def test_anything_anywhere_is_read_or_refused(place: tuple[Any, ...], value: object) -> None:
    """No other exception may come out, whatever stands wherever."""
    document: Any = {"IpPermissions": [dict(WORLD)], "SecurityGroupRules": [dict(RULE)]}
    document = {place[0]: document.get(place[0])}
    holder = document
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value

    with suppress(JsonError):
        read_rules(json.dumps(document).encode())


def test_null_is_missing() -> None:
    (rule,) = read_rules(json.dumps(bare(Ipv6Ranges=None, FromPort=None)).encode())

    assert (rule.traffic.first, rule.traffic.last) == (0, 6379)


def test_permissions_cut_out_of_a_group_keep_its_id() -> None:
    (rule,) = read_rules(json.dumps({"GroupId": "sg-1", "IpPermissions": [WORLD]}).encode())

    assert rule.group_id == "sg-1"
