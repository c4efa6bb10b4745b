"""A ledger that was written and read again is the same ledger."""

from __future__ import annotations

import gzip
import json
from dataclasses import fields
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate.aws.ledger_body import pack, unpack
from cachegate.domain.address import Holding
from cachegate.domain.forward import ForwardKind, Target
from cachegate.domain.ledger import CacheGroups, Enrolling, Lease, Ledger, NatSide, Withheld
from cachegate.errors import ConfigurationError

TIMES = st.floats(min_value=0, max_value=1e11, allow_nan=False)
ADDRESSES = st.ip_addresses(v=4)
NETWORKS = ADDRESSES.map(IPv4Network)
TARGETS = st.lists(st.builds(Target, ADDRESSES, st.integers(1, 65535)), max_size=3).map(tuple)
LEASES = st.builds(
    Lease,
    key=st.text(max_size=20),
    cache=st.text(max_size=20),
    kind=st.sampled_from(ForwardKind),
    listen=st.integers(1, 65535),
    targets=TARGETS,
    leased_at=TIMES,
    changed_at=TIMES,
    reason=st.text(max_size=50),
    missing_since=st.none() | TIMES,
    resting_since=st.none() | TIMES,
    candidate=st.none() | TARGETS,
    candidate_since=st.none() | TIMES,
    left=st.lists(st.tuples(ADDRESSES, TIMES), max_size=3).map(tuple),
)
ENROLLINGS = st.builds(
    Enrolling,
    topic=st.text(max_size=20),
    attempts=st.integers(0, 2**20),
    asked_at=TIMES,
    absent=st.lists(st.text(max_size=20), max_size=2).map(tuple),
    absent_since=st.none() | TIMES,
    error=st.none() | st.text(max_size=50),
)
HOLDINGS = st.builds(
    Holding,
    instance_id=st.none() | st.text(max_size=19),
    since=TIMES,
    reason=st.text(max_size=50),
    moved_from=st.none() | st.text(max_size=19),
    moved_at=st.none() | TIMES,
    fenced_until=TIMES,
    bad_since=st.none() | TIMES,
    unheld_since=st.none() | TIMES,
)
CACHE_GROUPS = st.builds(
    CacheGroups,
    vpc_id=st.text(max_size=20),
    groups=st.lists(st.text(max_size=20), max_size=2).map(tuple),
)
NAT_SIDES = st.builds(
    NatSide,
    address=ADDRESSES,
    group=st.none() | st.text(max_size=20),
    gone_since=st.none() | TIMES,
)
WITHHELD = st.builds(Withheld, since=TIMES, reason=st.text(max_size=50))
LEDGERS = st.builds(
    Ledger,
    vpc_id=st.text(min_size=1, max_size=20),
    generation=st.integers(0, 2**40),
    leases=st.dictionaries(st.text(max_size=20), LEASES, max_size=5),
    sources=st.lists(NETWORKS, max_size=3).map(tuple),
    targets_within=st.lists(NETWORKS, max_size=3).map(tuple),
    braked_since=st.none() | TIMES,
    braked_digest=st.none() | st.text(max_size=64),
    detached=st.booleans(),
    nat_instances=st.lists(st.text(max_size=19), max_size=3).map(tuple),
    enrolling=st.dictionaries(st.text(max_size=20), ENROLLINGS, max_size=2),
    holding=st.none() | HOLDINGS,
    cache_groups=st.dictionaries(st.text(max_size=20), CACHE_GROUPS, max_size=2),
    nat_sides=st.dictionaries(st.text(max_size=20), NAT_SIDES, max_size=2),
    openings=st.lists(st.text(max_size=20), max_size=2).map(tuple),
    unprotected=st.lists(st.text(max_size=20), max_size=2).map(tuple),
    withheld=st.dictionaries(st.text(max_size=20), WITHHELD, max_size=2),
)


@given(LEDGERS)
def test_every_field_survives(ledger: Ledger) -> None:
    assert unpack(pack(ledger)) == ledger


@given(LEDGERS)
def test_the_same_ledger_gives_the_same_bytes_whatever_the_order_of_its_leases(
    ledger: Ledger,
) -> None:
    turned = dict(reversed(list(ledger.leases.items())))
    other = Ledger(
        **{each.name: getattr(ledger, each.name) for each in fields(Ledger)} | {"leases": turned}
    )

    assert pack(other) == pack(ledger)


def test_no_field_is_forgotten_when_one_is_added() -> None:
    lease = Lease(
        key="k",
        cache="c",
        kind=ForwardKind.NODE,
        listen=6379,
        targets=(Target(IPv4Address("10.0.0.1"), 6379),),
        leased_at=1.0,
        changed_at=1.0,
        reason="new",
    )
    body = json.loads(gzip.decompress(pack(Ledger(vpc_id="vpc-1", leases={"k": lease}))))

    assert body.keys() - {"schema"} == {each.name for each in fields(Ledger)}
    assert body["leases"]["k"].keys() == {each.name for each in fields(Lease)}


def test_a_ledger_of_an_older_version_is_read() -> None:
    ledger = Ledger(vpc_id="vpc-1", generation=7, nat_instances=("i-1",))
    body = json.loads(gzip.decompress(pack(ledger)))
    for name in ("enrolling", "holding", "cache_groups", "openings", "unprotected", "withheld"):
        del body[name]

    assert unpack(gzip.compress(json.dumps(body).encode())) == ledger


def test_a_ledger_of_a_newer_version_is_not_guessed_at() -> None:
    body = json.loads(gzip.decompress(pack(Ledger(vpc_id="vpc-1")))) | {"schema": 2}

    with pytest.raises(ConfigurationError, match="newer version"):
        unpack(gzip.compress(json.dumps(body).encode()))
