"""What travels to the agent and back."""

from __future__ import annotations

import base64
import gzip
import random
from ipaddress import IPv4Address, IPv4Network

import pytest

from cachegate.domain.agent import LARGEST_PAYLOAD, apply_payload, decode, encode
from cachegate.domain.forward import ForwardKind, Target
from cachegate.domain.ledger import Lease, Ledger
from cachegate.errors import RuleSetTooLargeError


def ledger(nodes: int) -> Ledger:
    dice = random.Random(7)  # noqa: S311 - repeatable, not secret
    leases = {}
    for n in range(nodes):
        key = f"production-sessions-{n // 6:03}/production-sessions-{n // 6:03}-{n % 6:03}/0001"
        address = IPv4Address(f"10.0.{dice.randrange(256)}.{dice.randrange(256)}")
        leases[key] = Lease(
            key=key,
            cache=key.partition("/")[0],
            kind=ForwardKind.NODE,
            listen=6379 + n,
            targets=(Target(address, 6379),),
            leased_at=0,
            changed_at=0,
            reason="new",
        )
    return Ledger(
        vpc_id="vpc-1",
        generation=3,
        leases=leases,
        sources=(IPv4Network("198.51.100.27/32"),),
        targets_within=(IPv4Network("10.0.0.0/16"),),
    )


def test_a_payload_says_all_that_the_contract_asks_for() -> None:
    payload = apply_payload(ledger(2), "owner", adopt="former")

    assert payload["schema"] == 1
    assert payload["generation"] == 3
    assert payload["digest"] == ledger(2).rule_set.digest
    assert payload["targets_within"] == ["10.0.0.0/16"]
    assert [f["listen"] for f in payload["forwards"]] == [6379, 6380]
    assert payload["adopt"] == "former"
    assert decode(encode(payload)) == payload


def test_500_nodes_fit_into_one_command() -> None:
    assert len(encode(apply_payload(ledger(500), "owner"))) < LARGEST_PAYLOAD


def test_a_rule_set_that_no_command_carries_is_refused_with_its_size() -> None:
    with pytest.raises(RuleSetTooLargeError, match=r"20000 forwards need \d+ characters"):
        encode(apply_payload(ledger(20_000), "owner"))


def test_equal_payloads_are_equal_text() -> None:
    assert encode(apply_payload(ledger(5), "o")) == encode(apply_payload(ledger(5), "o"))


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[1]", "{", base64.b64encode(gzip.compress(b"[]", mtime=0)).decode(), "AAAA"],
)
def test_a_last_line_that_is_no_report_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is json's or ours
        decode(text)
