"""`cachegate judge`, run as people run it: a file in, a JSON list and an exit code out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cachegate_cli.main import app

if TYPE_CHECKING:
    from typer.testing import Result

WORLD = {
    "IpProtocol": "tcp",
    "FromPort": 6379,
    "ToPort": 6379,
    "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "from the guide"}],
    "Ipv6Ranges": [],
    "PrefixListIds": [],
    "UserIdGroupPairs": [],
}
OFFICE = {**WORLD, "IpRanges": [{"CidrIp": "8.8.8.8/32"}]}
HALF = {**WORLD, "IpRanges": [{"CidrIp": "13.0.0.0/9"}]}
OTHER_HALF = {**WORLD, "IpRanges": [{"CidrIp": "14.0.0.0/9"}]}
MIXED = {
    "IpProtocol": "-1",
    "IpRanges": [{"CidrIp": "10.1.2.3/8"}, {"CidrIp": "8.8.8.8/32"}],
    "Ipv6Ranges": [{"CidrIpv6": "2600:1F14::/48"}],
    "PrefixListIds": [{"PrefixListId": "pl-1"}],
    "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": "123456789012"}],
}


def run(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(app, ["judge", *map(str, arguments)], input=stdin)


def judged(document: object, *arguments: object) -> tuple[int, list[dict[str, Any]]]:
    """Judge a document on standard input."""
    done = run("-", *arguments, stdin=json.dumps(document).encode())
    assert done.stderr == ""
    return done.exit_code, json.loads(done.stdout)


def group(*permissions: object, group_id: str = "sg-1") -> dict[str, object]:
    return {
        "GroupId": group_id,
        "GroupName": "caches",
        "IpPermissions": list(permissions),
        "IpPermissionsEgress": [WORLD],
    }


def test_every_source_of_a_bare_permission_has_an_entry_in_order() -> None:
    code, entries = judged({"IpPermissions": [WORLD, MIXED]})

    assert code == 1
    assert entries[0] == {
        "group": None,
        "rule": "0.0",
        "source": "0.0.0.0/0",
        "protocol": "tcp",
        "from_port": 6379,
        "to_port": 6379,
        "class": "world",
        "reaches_protected": True,
        "verdict": "revoke",
        "reason": ("0.0.0.0/0 admits every IPv4 address; tcp 6379 reaches the protected port 6379"),
    }
    assert [(each["rule"], each["source"], each["class"]) for each in entries[1:]] == [
        ("1.0", "10.0.0.0/8", "private"),
        ("1.1", "8.8.8.8/32", "public"),
        ("1.2", "2600:1f14::/48", "public"),
        ("1.3", "pl-1", "unreadable"),
        ("1.4", "sg-9", "group"),
    ]
    assert {(each["protocol"], each["from_port"], each["to_port"]) for each in entries[1:]} == {
        ("-1", None, None)
    }


def test_groups_are_judged_apart_and_egress_is_left_out() -> None:
    groups = [group(HALF), group(OTHER_HALF, OFFICE, group_id="sg-2")]

    code, entries = judged({"SecurityGroups": groups})

    assert code == 0
    assert [(each["group"], each["rule"], each["class"]) for each in entries] == [
        ("sg-1", "0.0", "public"),
        ("sg-2", "0.0", "public"),
        ("sg-2", "1.0", "public"),
    ]


def test_rules_are_judged_with_their_group_and_keep_their_ids(tmp_path: Path) -> None:
    fields = {"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 6000, "ToPort": 7000}
    sources: list[dict[str, Any]] = [
        {"SecurityGroupRuleId": "sgr-1", "CidrIpv4": "13.0.0.0/9"},
        {"SecurityGroupRuleId": "sgr-2", "CidrIpv4": "0.0.0.0/0", "IsEgress": True},
        {"SecurityGroupRuleId": "sgr-3", "CidrIpv4": "15.0.0.0/9", "GroupId": "sg-2"},
        {"SecurityGroupRuleId": "sgr-4", "CidrIpv4": "14.0.0.0/9", "IsEgress": False},
        {"SecurityGroupRuleId": "sgr-5", "CidrIpv6": "fd00::/8"},
        {"SecurityGroupRuleId": "sgr-6", "PrefixListId": "pl-1"},
        {"ReferencedGroupInfo": {"GroupId": "sg-9", "UserId": "123456789012"}},
    ]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"SecurityGroupRules": [fields | source for source in sources]}))

    done = run(file)

    assert done.exit_code == 1
    assert [
        (each["group"], each["rule"], each["class"], each["verdict"])
        for each in json.loads(done.stdout)
    ] == [
        ("sg-1", "sgr-1", "union", "revoke"),
        ("sg-2", "sgr-3", "public", "allow"),
        ("sg-1", "sgr-4", "public", "allow"),
        ("sg-1", "sgr-5", "private", "allow"),
        ("sg-1", "sgr-6", "unreadable", "report"),
        ("sg-1", "6.0", "group", "allow"),
    ]


def test_the_protected_ports_can_be_given() -> None:
    web = {**WORLD, "FromPort": 443, "ToPort": 443}

    code, entries = judged({"IpPermissions": [WORLD, web]}, "--ports", "443, 8443")

    assert code == 1
    assert [each["verdict"] for each in entries] == ["report", "revoke"]


def test_ports_are_null_where_there_are_none_or_all() -> None:
    permissions = [
        {**WORLD, "IpProtocol": "icmp", "FromPort": 8, "ToPort": -1},
        {**WORLD, "FromPort": 0, "ToPort": 65535},
        {**WORLD, "IpProtocol": -1, "FromPort": None, "ToPort": None},
        {**WORLD, "IpProtocol": "50"},
    ]

    _, entries = judged({"IpPermissions": permissions})

    assert [each["protocol"] for each in entries] == ["icmp", "tcp", "-1", "50"]
    assert {(each["from_port"], each["to_port"]) for each in entries} == {(None, None)}


def test_nothing_to_judge_is_an_empty_list() -> None:
    assert judged({"SecurityGroups": [group()]}) == (0, [])


def test_it_is_a_command_that_reads_a_pipe() -> None:
    command = Path(sys.executable).parent / "cachegate"
    rules = json.dumps({"IpPermissions": [WORLD]}).encode()

    done = subprocess.run([command, "judge", "-"], input=rules, capture_output=True, check=False)

    assert (done.returncode, len(json.loads(done.stdout)), done.stderr) == (1, 1, b"")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_that_powershell_wrote_are_read(encoding: str) -> None:
    done = run("-", stdin=json.dumps({"IpPermissions": [OFFICE]}).encode(encoding))

    assert (done.exit_code, len(json.loads(done.stdout))) == (0, 1)


def test_a_broken_file_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "no such\nname.json").write_text("{}")
    (tmp_path / "page.json").write_text('{"SecurityGroups": [], "NextToken": "x"}')

    for name in ("broken.json", "deep.json", "no such\nname.json", "page.json", "missing.json", ""):
        done = run(tmp_path / name)

        assert (done.exit_code, done.stdout) == (2, ""), name
        assert done.stderr.startswith("cachegate: "), name
        assert done.stderr.count("\n") == 1, name


@pytest.mark.parametrize("ports", ["", "x", "6379,", "0", "65536", "-1", "6379-6380", "9" * 5000])
def test_ports_that_are_none_are_one_line_and_exit_code_2(ports: str) -> None:
    done = run("-", f"--ports={ports}", stdin=b'{"IpPermissions": []}')

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("cachegate: --ports ")
    assert done.stderr.count("\n") == 1
