"""The back-end is chosen by what other programs' rules would do to our packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local import sandbox
from tests.integration.gateway import lab
from tests.integration.gateway.lab import A, forward, payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


DOCUMENT = payload(1, forward(6379, A))

# How a firewall is set up, and which back-end gets our packets through.
FIREWALLS = {
    "none": ("", "nftables"),
    "iptables that accept": ("iptables -A FORWARD -s 198.51.100.9 -j DROP", "nftables"),
    "a policy that drops": ("iptables -P FORWARD DROP", "iptables"),
    "the last rule of iptables-services": (
        "iptables -A FORWARD -j REJECT --reject-with icmp-host-prohibited",
        "iptables",
    ),
}


@pytest.fixture
def unnamed(tmp_path: Path) -> Iterator[lab.Gateway]:
    """The lab, with the choice left to the agent."""
    if not sandbox.inside():
        pytest.skip("needs the sandbox: python -m local.sandbox python -m pytest ...")
    with lab.gateway(tmp_path, "") as running:
        yield running


@pytest.mark.parametrize("firewall", FIREWALLS)
def test_a_firewall_that_would_overrule_us_makes_it_iptables(
    unnamed: lab.Gateway, firewall: str
) -> None:
    command, expected = FIREWALLS[firewall]
    if command:
        unnamed.nat.run(*command.split())

    report = unnamed.apply(DOCUMENT)

    assert report["backend"] == expected
    assert unnamed.ask(6379) == "A"


def test_a_firewall_that_comes_later_is_overcome_by_repair(unnamed: lab.Gateway) -> None:
    assert unnamed.apply(DOCUMENT)["backend"] == "nftables"
    unnamed.nat.run("iptables", "-P", "FORWARD", "DROP")

    repaired = unnamed.agent("repair").answer

    assert (repaired["changed"], repaired["backend"]) == (True, "iptables")
    assert unnamed.ask(6379) == "A"
    assert "table ip cachegate" not in unnamed.nat.run("nft", "list", "ruleset").stdout


def test_a_table_of_nftables_that_drops_is_reported(unnamed: lab.Gateway) -> None:
    unnamed.nat.run(
        "nft",
        "-f",
        "-",
        text="""
table inet firewalld {
    chain filter_FORWARD {
        type filter hook forward priority filter + 10; policy accept;
        reject with icmpx admin-prohibited
    }
}""",
    )

    report = unnamed.apply(DOCUMENT)

    assert any("inet firewalld filter_FORWARD" in warning for warning in report["warnings"])


def test_forwarding_that_is_off_is_reported(unnamed: lab.Gateway) -> None:
    unnamed.nat.sysctl("net.ipv4.ip_forward", 0)

    assert any("ip_forward" in warning for warning in unnamed.apply(DOCUMENT)["warnings"])


def test_another_programs_translation_of_our_port_is_reported(unnamed: lab.Gateway) -> None:
    rule = "-A PREROUTING -p tcp --dport 6379 -j DNAT --to 10.0.1.99:6379"
    unnamed.nat.run("iptables", "-t", "nat", *rule.split())

    assert any("6379" in warning for warning in unnamed.apply(DOCUMENT)["warnings"])
    assert unnamed.ask(6379) == "A"


def test_a_back_end_that_does_not_exist_is_refused(unnamed: lab.Gateway) -> None:
    unnamed.backend = "ipfw"

    ended = unnamed.agent("apply", DOCUMENT)

    assert (ended.code, ended.error) == (2, "backend_unavailable")
    assert unnamed.nat.run("nft", "list", "ruleset").stdout == ""


NFT, IPTABLES = "/usr/sbin/nft", "/usr/sbin/iptables"


@pytest.mark.parametrize(
    ("missing", "expected"), [([IPTABLES], "nftables"), ([NFT], "iptables"), ([NFT, IPTABLES], "")]
)
def test_what_is_installed_is_used(unnamed: lab.Gateway, missing: list[str], expected: str) -> None:
    unnamed.hidden = tuple(missing)

    applied = unnamed.agent("apply", DOCUMENT)
    repaired = unnamed.agent("repair")
    rendered = unnamed.agent("render", DOCUMENT)

    assert applied.code == (0 if expected else 2)
    assert applied.answer.get("backend", "") == expected
    assert applied.error == ("" if expected else "backend_unavailable")
    assert repaired.code == 0
    assert rendered.answer["backend"] == (expected or "nftables")
    assert unnamed.agent("remove").code == 0
    assert unnamed.agent("remove").answer["changed"] is False
