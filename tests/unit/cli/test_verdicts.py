"""Who is blamed where a listen port does not answer from here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cachegate_cli.checks import Check
from cachegate_cli.probe import Outcome, Port, Probed
from cachegate_cli.verdicts import Known, ports_of, targets_of, verdicts_of

if TYPE_CHECKING:
    from cachegate_cli.checks import State

NAT, OWN, OTHER = "203.0.113.73", "198.51.100.27", "192.0.2.66"
PORT = Port(
    vpc="vpc-1", public=NAT, listen=6380, key="sessions/sessions-002/0001", state="forwarding",
    reason="seen by DNS", engine="redis", tls=False, server_name="s2.example",
)  # fmt: skip
NEIGHBOUR = replace(PORT, listen=6381, key="sessions/sessions-003/0001")
KNOWN = Known(sources={"vpc-1": (f"{OWN}/32",)}, own={NAT: OWN})


def probed(outcome: Outcome, said: str = "", **port: Any) -> Probed:
    return Probed(port=replace(PORT, **port), outcome=outcome, said=said)


def beside_another(first: Probed, known: Known = KNOWN) -> Check:
    """Judge a port of an address at which another one answers."""
    other = Probed(port=NEIGHBOUR, outcome=Outcome.ANSWERED, said="+PONG")
    verdict, well = verdicts_of([first, other], known)
    assert well.state == "pass"
    assert verdict.subject == f"{NAT}:6380"
    return verdict


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (probed(Outcome.ANSWERED, "+PONG"), "sessions-002/0001: it answers PING"),
        (probed(Outcome.ANSWERED, "+PONG", tls=True), "over TLS"),
        (probed(Outcome.ANSWERED, "VERSION 1.6", engine="memcached"), "it answers version"),
        (probed(Outcome.PASSWORD, "-NOAUTH Authentication required."), "password first (NOAUTH)"),
        (probed(Outcome.ANSWERED, engine=None), "takes connections"),
        (probed(Outcome.ANSWERED, key="sessions/primary"), "sessions/primary: it answers"),
        (probed(Outcome.ANSWERED, state="leaving"), "it answers PING"),
    ],
)
def test_who_answers_passes_also_where_it_wants_a_password(seen: Probed, says: str) -> None:
    verdict = beside_another(seen)

    assert (verdict.state, verdict.fix) == ("pass", None)
    assert says in verdict.says


@pytest.mark.parametrize(
    ("seen", "says", "fix"),
    [
        (probed(Outcome.SILENT), "nothing comes from this node", "cache-ingress"),
        (probed(Outcome.NO_WAY, "no route"), "nothing comes from this node", "cache-ingress"),
        (probed(Outcome.REFUSED), "resets connections, unlike other ports", "explain 6380"),
        (probed(Outcome.MUTE), "says nothing in time", "TLS"),
        (probed(Outcome.CLOSED), "closes it", "maxclients"),
        (probed(Outcome.UNTRUSTED, "expired"), "as that of s2.example: expired", "--ca-file"),
        (
            probed(Outcome.UNTRUSTED, "Hostname mismatch, certificate is not valid for 's2'."),
            "a certificate that is not for s2.example",
            "connect sessions -f hosts",
        ),
        (probed(Outcome.NO_TLS, "WRONG_VERSION"), "none is spoken there: WRONG", "explain 6380"),
        (probed(Outcome.COMPLAINED, "-LOADING {0}"), "an error: -LOADING {0}", "describe-events"),
        (probed(Outcome.STRANGE, "HTTP/1.1 400"), "not as redis does: HTTP", "explain 6380"),
    ],
)
def test_where_the_nat_instance_leads_to_others_the_node_is_to_blame(
    seen: Probed, says: str, fix: str
) -> None:
    verdict = beside_another(seen)

    assert verdict.state == "fail"
    assert says in verdict.says
    assert fix in (verdict.fix or "")


def test_every_outcome_has_a_verdict() -> None:
    for outcome in Outcome:
        assert beside_another(probed(outcome, "-NOAUTH first")).state in {"pass", "fail"}


@pytest.mark.parametrize(
    ("heard", "says", "fix"),
    [
        (("pass",), "though the NAT instance reaches the node", "nat-ingress"),
        (("pass", "fail"), "gets no answer from the node either", "cache-ingress"),
        (("fail",), "gets no answer from the node either", "cache-ingress"),
        (("unknown",), "nothing comes from this node", "cache-ingress"),
    ],
)
def test_what_nat_instances_hear_tells_a_dead_node_from_a_security_group(
    heard: tuple[State, ...], says: str, fix: str
) -> None:
    checks = [
        Check(check="target", vpc="vpc-1", subject=PORT.key, state=state, says="")
        for state in heard
    ]
    known = replace(KNOWN, targets=targets_of(checks))

    verdict = beside_another(probed(Outcome.SILENT), known)

    assert says in verdict.says
    assert fix in (verdict.fix or "")


def shut_out(outcome: Outcome, known: Known, said: str = "") -> Check:
    both = [Probed(port=port, outcome=outcome, said=said) for port in (PORT, NEIGHBOUR)]
    (verdict,) = verdicts_of(both, known)
    assert (verdict.state, verdict.subject) == ("fail", NAT)
    return verdict


@pytest.mark.parametrize("outcome", [Outcome.SILENT, Outcome.REFUSED])
def test_who_is_not_trusted_hears_so_once_with_the_own_address(outcome: Outcome) -> None:
    verdict = shut_out(outcome, replace(KNOWN, own={NAT: OTHER}))

    assert f"this machine is {OTHER}, and TrustedCidrs has {OWN}/32 alone" in verdict.says
    assert f"{OTHER}/32 in TrustedCidrs" in (verdict.fix or "")
    assert "2 listen ports" in verdict.says


def test_who_is_trusted_is_sent_to_the_security_group_or_to_the_rule_set() -> None:
    assert "nat-ingress" in (shut_out(Outcome.SILENT, KNOWN).fix or "")
    assert "rule-set" in (shut_out(Outcome.REFUSED, KNOWN).fix or "")


@pytest.mark.parametrize("own", ["10.1.2.3", "192.168.0.5", "172.31.0.1", "100.64.9.9", None])
def test_who_is_behind_a_router_compares_the_public_address(own: str | None) -> None:
    verdict = shut_out(Outcome.SILENT, replace(KNOWN, own={NAT: own}))

    assert "checkip" in (verdict.fix or "")


def test_who_cannot_send_looks_at_the_own_network() -> None:
    assert "cannot send there: No route" in shut_out(Outcome.NO_WAY, KNOWN, "No route").says


@pytest.mark.parametrize("outcome", [Outcome.SILENT, Outcome.REFUSED])
def test_what_leads_nowhere_on_purpose_is_no_fault_of_the_way(outcome: Outcome) -> None:
    neighbour = Probed(port=NEIGHBOUR, outcome=Outcome.ANSWERED, said="+PONG")
    at_rest = probed(outcome, state="at_rest")
    withheld = probed(outcome, state="withheld", reason="it speaks without TLS", listen=6400)
    waiting = probed(outcome, state="waiting", reason="it has no address", listen=6401)

    well, *others = verdicts_of([neighbour, at_rest, withheld, waiting], KNOWN)

    assert well.state == "pass"
    assert [each.subject for each in others] == [f"{NAT}:6400", f"{NAT}:6401"]
    assert "withheld, so it resets connections: it speaks without TLS" in others[0].says
    assert "cachegate:plaintext=accepted" in (others[0].fix or "")
    assert "waiting and leads nowhere yet: it has no address" in others[1].says


def test_what_answers_though_it_should_lead_nowhere_fails() -> None:
    for state in ("at_rest", "withheld", "waiting"):
        verdict = beside_another(probed(Outcome.ANSWERED, "+PONG", state=state))
        assert verdict.state == "fail"
        assert "something answers" in verdict.says


def test_addresses_are_judged_apart() -> None:
    second = replace(PORT, public="203.0.113.74")
    known = replace(KNOWN, own={NAT: OWN, "203.0.113.74": OWN})
    seen = [
        Probed(port=PORT, outcome=Outcome.ANSWERED, said="+PONG"),
        Probed(port=second, outcome=Outcome.SILENT),
    ]

    well, ill = verdicts_of(seen, known)

    assert (well.state, ill.state, ill.subject) == ("pass", "fail", "203.0.113.74")


def test_each_listen_port_is_a_port_to_probe_at_each_public_address() -> None:
    forward = {
        "listen": 6380, "key": "cart/cart/0001", "state": "forwarding", "reason": "r", "tls": None,
        "engine": None, "server_name": None, "public_addresses": [NAT, "203.0.113.74"],
    }  # fmt: skip
    vpc = {"vpc": "vpc-1", "detached": False, "forwards": [forward]}
    found = ports_of({"vpcs": [vpc]})

    assert [(port.public, port.known) for port in found] == [(NAT, False), ("203.0.113.74", False)]
    assert {port.state for port in found} == {"forwarding"}
    assert {port.state for port in ports_of({"vpcs": [vpc | {"detached": True}]})} == {"detached"}


def test_a_detached_vpc_is_no_fault_of_the_network() -> None:
    seen = [probed(Outcome.REFUSED, state="detached"), probed(Outcome.SILENT, state="detached")]

    for verdict in verdicts_of(seen, KNOWN):
        assert "is detached" in verdict.says
        assert (verdict.state, verdict.fix) == ("fail", "cachegate sync")


def test_what_was_said_is_shortened_between_words() -> None:
    says = beside_another(probed(Outcome.COMPLAINED, "-ERR " + "certainly " * 40)).says
    assert says.endswith("certainly ...")
    assert len(says) < 250
