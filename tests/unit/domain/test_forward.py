"""Rule sets cannot be wrong, and their digest is the one of the agent's contract."""

from __future__ import annotations

import hashlib
import json
from ipaddress import IPv4Address, IPv4Network

import pytest

from cachegate.domain.forward import Forward, ForwardKind, RuleSet, Target
from cachegate.errors import ConfigurationError

A = Target(IPv4Address("10.0.1.230"), 6379)
B = Target(IPv4Address("10.0.1.231"), 6379)


def forward(listen: int, *targets: Target, kind: ForwardKind = ForwardKind.NODE) -> Forward:
    return Forward(listen=listen, kind=kind, key=f"cache/{listen}", targets=targets)


@pytest.mark.parametrize("listen", [0, 22, 65536, -1])
def test_a_port_that_nobody_may_listen_on_is_refused(listen: int) -> None:
    with pytest.raises(ConfigurationError):
        forward(listen, A)


@pytest.mark.parametrize("kind", sorted(set(ForwardKind) - {ForwardKind.READERS}))
def test_only_readers_have_several_targets(kind: ForwardKind) -> None:
    with pytest.raises(ConfigurationError, match="several targets"):
        forward(6379, A, B, kind=kind)


def test_unsorted_or_repeated_targets_are_refused() -> None:
    for targets in ((B, A), (A, A)):
        with pytest.raises(ConfigurationError, match="sorted"):
            forward(6379, *targets, kind=ForwardKind.READERS)


def test_two_forwards_never_share_a_listen_port() -> None:
    with pytest.raises(ConfigurationError, match="share a listen port"):
        RuleSet((forward(6379, A), forward(6379, B)))


def test_the_digest_is_that_of_the_agents_contract() -> None:
    rules = RuleSet((forward(6379, A),), (IPv4Network("198.51.100.27/32"),))
    contract = {
        "forwards": [
            {"listen": 6379, "kind": "node", "key": "cache/6379", "targets": [["10.0.1.230", 6379]]}
        ],
        "sources": ["198.51.100.27/32"],
    }
    text = json.dumps(contract, sort_keys=True, separators=(",", ":"))

    assert rules.digest == hashlib.sha256(text.encode()).hexdigest()
    assert RuleSet.from_json(contract) == rules
