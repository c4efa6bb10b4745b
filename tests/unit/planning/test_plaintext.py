"""A cache without TLS and AUTH is no forward for sources that are too wide."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.plan import ChangeKind
from cachegate.errors import InvocationError
from cachegate.planning.explain import explain
from cachegate.planning.release import release
from tests.unit.planning.builders import START, Passes, group, memcached, serverless

if TYPE_CHECKING:
    from cachegate.domain.cache import Cache

PLAIN, A, B = memcached("m", tls=False), {"m.0001": "10.0.1.1"}, {"m.0001": "10.0.1.2"}
SESSIONS = {"s-001.0001": "10.0.1.1", "s-002.0001": "10.0.1.2", "s.primary": "10.0.1.1"}


def sources(*networks: str) -> tuple[IPv4Network, ...]:
    return tuple(map(IPv4Network, networks))


WIDE, NARROW = sources("203.0.112.0/20"), sources("203.0.113.7/32")


def passes(*networks: str, **policy: Any) -> Passes:
    found = Passes()
    found.with_policy(sources=sources(*networks), **policy)
    return found


def leads(made: Passes) -> dict[str, list[str]]:
    """Where the listen ports lead in what is pushed."""
    return {f.key: [str(t.address) for t in f.targets] for f in made.ledger.rule_set.forwards}


@pytest.mark.parametrize(
    ("networks", "knob", "forwarded"),
    [
        (["203.0.112.0/23"], 24, False),
        (["203.0.113.0/24"], 24, True),
        (["203.0.113.0/25"], 24, True),
        (["198.51.100.27/32", "203.0.113.0/24"], 24, True),
        (["198.51.100.27/32", "203.0.112.0/20"], 24, False),
        ([], 24, True),
        (["203.0.113.7/32"], 32, True),
        (["203.0.113.6/31"], 32, False),
        (["0.0.0.0/0"], 0, True),
        (["0.0.0.0/0"], 1, False),
    ],
)
def test_one_source_wider_than_the_knob_is_too_wide(
    networks: list[str],
    knob: int,
    forwarded: bool,  # noqa: FBT001
) -> None:
    made = passes(*networks, widest_plaintext=knob)

    made.at(0, [PLAIN], A)

    assert leads(made) == {"m/m/0001": ["10.0.1.1"] if forwarded else []}
    code = "plaintext" if forwarded else "plaintext_withheld"
    assert [(p.code, p.forwarded) for p in made.plan.problems] == [(code, forwarded)]


@pytest.mark.parametrize(
    ("cache", "forwarded"),
    [
        (PLAIN, False),
        (memcached("m", tls=True), True),
        (memcached("m", tls=False, plaintext_accepted=True), True),
        (memcached("m", tls=False, auth=True), True),
        (memcached("m", tls=True, tls_optional=True), False),
        (memcached("m", tls=True, tls_optional=True, auth=True), True),
        (memcached("m", tls=True, tls_optional=True, plaintext_accepted=True), True),
        (group("m", tls=False), False),
        (group("m", tls=True), True),
        (group("m", tls=False, auth=True), True),
        (group("m", cluster_mode=True, tls=False), False),
        (serverless("m"), True),
        (serverless("m", auth=True), True),
    ],
)
def test_tls_auth_or_the_tag_let_wide_sources_in(cache: Cache, forwarded: bool) -> None:  # noqa: FBT001
    made = passes("203.0.112.0/20")
    names = [node.endpoint.host for node in cache.nodes if node.endpoint]
    ends = [e.host for e in (cache.primary_endpoint, cache.endpoint) if e]

    made.at(0, [cache], {name: f"10.0.1.{n}" for n, name in enumerate(names + ends, 1)})

    assert any(leads(made).values()) is forwarded
    assert ("plaintext_withheld" in made.codes().values()) is not forwarded


def test_every_kind_of_forward_is_withheld_with_its_ports_kept() -> None:
    made = passes("203.0.112.0/20")

    made.at(0, [group("s", 2, tls=False)], SESSIONS)

    keys = ["s/s-001/0001", "s/s-002/0001", "s/primary", "s/readers"]
    assert made.listens() == dict(zip(keys, range(6379, 6383), strict=True))
    assert leads(made) == {key: [] for key in keys}


def test_what_is_withheld_is_so_in_the_pass_that_sees_it_and_comes_back_in_the_next() -> None:
    made = passes("203.0.113.0/24")
    made.at(0, [group("s", 2, tls=False)], SESSIONS)
    before = leads(made)

    made.with_policy(sources=WIDE)
    made.at(1, [group("s", 2, tls=False)], SESSIONS)
    withheld = made.changes(ChangeKind.WITHHOLD)
    assert set(map(tuple, leads(made).values())) == {()}
    assert [(c.listen, bool(c.before), c.after) for c in withheld] == [
        (port, True, ()) for port in range(6379, 6383)
    ]
    assert made.plan.recheck_after is None

    made.with_policy(sources=NARROW)
    made.at(2, [group("s", 2, tls=False)], SESSIONS)
    resumed = made.changes(ChangeKind.RESUME)
    assert leads(made) == before
    assert [(c.listen, c.before, bool(c.after)) for c in resumed] == [
        (port, (), True) for port in range(6379, 6383)
    ]
    assert made.changes(ChangeKind.HOLD) == []
    assert made.plan.recheck_after is None


def test_the_reason_names_the_wide_sources_and_what_to_do() -> None:
    made = passes("198.51.100.27/32", "10.0.0.0/8", "203.0.112.0/20")

    made.at(0, [PLAIN], A)

    reason = (
        "m lets clients in without TLS and AUTH, and of the trusted sources 10.0.0.0/8, "
        "203.0.112.0/20 are wider than /24: let the cache require TLS, narrow TrustedCidrs, or "
        "tag it cachegate:plaintext=accepted"
    )
    assert [c.reason for c in made.changes(ChangeKind.ADD)] == [reason]
    assert [p.message for p in made.plan.problems] == [reason]


def test_a_mass_of_withheld_forwards_is_none_for_the_brake() -> None:
    made = passes("203.0.113.0/24")
    many = memcached("m", 20, tls=False)
    records = {f"m.{n:04}": f"10.0.1.{n}" for n in range(1, 21)}
    made.at(0, [many], records)

    made.with_policy(sources=WIDE)
    made.at(1, [many], records)

    assert set(map(tuple, leads(made).values())) == {()}
    assert made.ledger.braked_since is None


@pytest.mark.parametrize("change", ["tls", "auth", "plaintext_accepted"])
def test_a_forward_comes_back_where_its_node_is_by_then(change: str) -> None:
    made = passes("203.0.112.0/20")
    made.at(0, [PLAIN], A)
    made.at(10, [PLAIN], B)
    assert made.plan.made == ()  # nothing that anybody could see

    made.at(11, [memcached("m", tls=False, **{change: True}) if change != "tls" else TLS], B)

    assert leads(made) == {"m/m/0001": ["10.0.1.2"]}


TLS = memcached("m", tls=True)
SILENT: dict[str, Any] = {"tls": False, "described": False, "whole": False}


def test_an_answer_that_is_missing_neither_withholds_nor_releases() -> None:
    forwarded, withheld = passes("203.0.112.0/20"), passes("203.0.112.0/20")
    forwarded.at(0, [TLS], A)
    withheld.at(0, [PLAIN], A)

    for at in (1, 100, 1000):
        forwarded.at(at, [memcached("m", **SILENT)], A)
        withheld.at(at, [memcached("m", **SILENT)], A)
        assert leads(forwarded) == {"m/m/0001": ["10.0.1.1"]}
        assert leads(withheld) == {"m/m/0001": []}
        assert withheld.codes() == {"m": "plaintext_withheld"}


def test_sources_that_become_too_wide_while_aws_is_silent_reach_no_cache_seen_plain() -> None:
    made = passes("203.0.113.0/24")
    made.at(0, [PLAIN], A)

    made.with_policy(sources=WIDE)
    made.at(1, [memcached("m", **SILENT)], A)
    assert leads(made) == {"m/m/0001": []}

    made.with_policy(sources=NARROW)
    made.at(2, [], A, listed=False)
    assert leads(made) == {"m/m/0001": ["10.0.1.1"]}


def test_a_withheld_port_is_not_at_rest_and_nobody_elses() -> None:
    made = passes("203.0.112.0/20")
    made.at(0, [PLAIN], A)

    with pytest.raises(InvocationError, match="not at rest"):
        release(made.ledger, 6379, START + 1)
    made.at(1, [PLAIN, memcached("other")], A)

    assert made.listens() == {"m/m/0001": 6379, "other/other/0001": 6380}


def test_a_withheld_cache_that_is_gone_rests_as_any_other() -> None:
    made = passes("203.0.112.0/20")
    made.at(0, [PLAIN], A)
    made.at(1, [], {})
    (held,) = made.changes(ChangeKind.HOLD)
    assert (held.before, held.after) == ((), ())

    made.at(61, [], {})

    assert [c.kind for c in made.plan.made] == [ChangeKind.REST]
    assert (made.ledger.withheld, made.ledger.unprotected) == ({}, ())
    assert explain(made.ledger, 6379, START + 62).state == "at_rest"


def test_explain_says_that_a_port_is_withheld_since_when_and_why() -> None:
    made = passes("203.0.113.0/24")
    made.at(0, [PLAIN], A)
    made.with_policy(sources=WIDE)
    made.at(50, [PLAIN], A)
    made.at(70, [PLAIN], B)

    told = explain(made.ledger, 6379, START + 80)

    assert (told.state, told.targets, told.since) == ("withheld", (), START + 50)
    assert "203.0.112.0/20 is wider than /24" in told.why


def test_a_port_that_leads_somewhere_again_does_so_only_since_then() -> None:
    made = passes("203.0.112.0/20")
    made.at(0, [PLAIN], A)
    made.with_policy(sources=NARROW)
    made.at(50, [PLAIN], A)

    told = explain(made.ledger, 6379, START + 60)

    assert (told.state, told.since) == ("forwarding", START + 50)
    assert "10.0.1.1" in told.why


def test_a_cache_that_found_no_listen_port_is_neither_withheld_nor_warned_of() -> None:
    made = passes("203.0.113.0/24", first_port=6379, last_port=6379)

    made.at(0, [group("s", 2, tls=False)], SESSIONS)

    assert [p.code for p in made.plan.problems] == ["range_exhausted"]
