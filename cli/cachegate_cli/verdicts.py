"""Who is to blame where a listen port does not answer from here: verdicts of probes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import groupby
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from cachegate_cli.checks import Check, State
from cachegate_cli.probe import Outcome, Port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cachegate_cli.probe import Probed

CHECK = "listen-port"
LONGEST = 160  # characters that are shown of what was said
_LIVING = frozenset({"forwarding", "leaving"})  # states in which a listen port leads somewhere
_GOOD = frozenset({Outcome.ANSWERED, Outcome.PASSWORD})
# Where nothing but these came back from an address, we did not get past it.
_NOT_THROUGH = frozenset({Outcome.SILENT, Outcome.REFUSED, Outcome.NO_WAY})
# Networks whose addresses a router between here and the NAT instance surely replaces by its own.
_BEHIND = tuple(
    map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
)
_EVENTS = "aws elasticache describe-events --duration 60"
_TROUBLES: Mapping[Outcome, tuple[str, str]] = {
    Outcome.REFUSED: (
        "it resets connections, unlike other ports: the node refuses them, or no rule is there",
        f"{{explain}}; {_EVENTS}",
    ),
    Outcome.MUTE: (
        "the node takes the connection, and then says nothing in time",
        f"is TLS on at one side alone? else it has too much to do: {_EVENTS}",
    ),
    Outcome.CLOSED: (
        "the node takes the connection, and closes it without an answer",
        "is TLS on at one side alone, or are there too many clients (maxclients)? {explain}",
    ),
    Outcome.UNTRUSTED: (
        "it answers, but its certificate is not accepted as that of {name}: {said}",
        "update this machine's CA certificates, or name the CA by --ca-file",
    ),
    Outcome.NO_TLS: (
        "AWS says that TLS is on, but none is spoken there: {said}",
        "does the port lead elsewhere? {explain}",
    ),
    Outcome.COMPLAINED: ("the node answers with an error: {said}", _EVENTS),
    Outcome.STRANGE: ("it answers, but not as {engine} does: {said}", "{explain}"),
}

# So OpenSSL begins where a certificate is good, and for other names.
_OTHER_NAME = "Hostname mismatch"
_OTHER = (
    "it answers with a certificate that is not for {name}",
    "does the port lead elsewhere? {explain}; clients need: cachegate connect {cache} -f hosts",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known beside the probes themselves."""

    sources: Mapping[str, tuple[str, ...]]  # trusted networks, by VPC
    own: Mapping[str, str | None]  # our address towards each public address
    # States of the check `target` by VPC and key: whether NAT instances get an answer there.
    targets: Mapping[tuple[str | None, str], frozenset[State]] = field(default_factory=dict)


def ports_of(described: Mapping[str, Any]) -> list[Port]:
    """Return every listen port of an answer to `describe`, at each public address."""
    return [
        Port(
            vpc=vpc["vpc"], public=public, listen=each["listen"], key=each["key"],
            state="detached" if vpc["detached"] else each["state"],  # which is as the ledger has it
            reason=each["reason"], engine=each["engine"],
            tls=bool(each["tls"]), server_name=each["server_name"],
        )
        for vpc in described["vpcs"]
        for each in vpc["forwards"]
        for public in each["public_addresses"]
    ]  # fmt: skip


def sources_of(described: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the trusted networks of each VPC of an answer to `describe`."""
    return {vpc["vpc"]: tuple(vpc["sources"]) for vpc in described["vpcs"]}


def targets_of(checks: Iterable[Check]) -> dict[tuple[str | None, str], frozenset[State]]:
    """Return what NAT instances say of each forward's targets."""
    found: dict[tuple[str | None, str], frozenset[State]] = {}
    for each in checks:
        if each.check == "target":
            place = each.vpc, each.subject
            found[place] = found.get(place, frozenset()) | {each.state}
    return found


def verdicts_of(probed: Iterable[Probed], known: Known) -> Iterator[Check]:
    """Yield a check a port; where none gets through to an address, one for the address."""
    by_address = sorted(probed, key=lambda each: (each.port.vpc, each.port.public))
    for (vpc, public), group in groupby(by_address, key=lambda e: (e.port.vpc, e.port.public)):
        theirs = list(group)
        living = [each for each in theirs if each.port.state in _LIVING]
        if living and all(each.outcome in _NOT_THROUGH for each in living):
            yield _shut_out(vpc, public, living, known)
            theirs = [each for each in theirs if each.port.state not in _LIVING]
        for each in theirs:
            yield from _verdict(each, known)


def _shut_out(vpc: str, public: str, living: list[Probed], known: Known) -> Check:
    """Judge an address of which no listen port leads us to a node."""
    outcomes = {each.outcome for each in living}
    if outcomes == {Outcome.NO_WAY}:
        says = f"this machine cannot send there: {living[0].said}"
        fix = "see this machine's own network"
    else:
        resets = Outcome.REFUSED in outcomes
        verb = "it resets connections to" if resets else "it does not answer at"
        blame, fix = _blame(known.own.get(public), known.sources.get(vpc, ()), resets=resets)
        says = f"{verb} any of its {len(living)} listen ports in use; {blame}"
    return Check(check=CHECK, vpc=vpc, subject=public, state="fail", says=says, fix=fix)


def _blame(own: str | None, sources: tuple[str, ...], *, resets: bool) -> tuple[str, str]:
    """Say whether it is our address that is not trusted, and else whom to look at."""
    trusted = ", ".join(sources) or "nobody"
    if own is None or any(IPv4Address(own) in network for network in _BEHIND):
        here = f"this machine is {own} in a network of its own" if own else "our address is unknown"
        blame = f"{here}, and TrustedCidrs has {trusted}"
        return blame, "compare with: curl https://checkip.amazonaws.com"
    if not any(IPv4Address(own) in IPv4Network(source) for source in sources):
        blame = f"this machine is {own}, and TrustedCidrs has {trusted} alone"
        return blame, f"sam deploy --guided, with {own}/32 in TrustedCidrs"
    if resets:
        blame = f"this machine is trusted ({own}), so its rule set is not in force"
        return blame, "see the checks rule-set and ssm-online; cachegate sync"
    blame = (
        f"this machine is trusted ({own}), so its security group, the instance itself or a "
        "firewall on the way here is to blame"
    )
    return blame, "see the checks nat-ingress, running and elastic-ip; try from another network"


def _verdict(each: Probed, known: Known) -> Iterator[Check]:
    port, living = each.port, each.port.state in _LIVING
    if living and each.outcome in _GOOD:
        yield _line(each, "pass", _answer(each))
    elif living:
        says, fix = _trouble(each, known)
        yield _line(each, "fail", says, fix)
    elif each.outcome not in _NOT_THROUGH:
        says = f"something answers at it, though it is {_WORDS.get(port.state, port.state)}"
        yield _line(each, "fail", says, "cachegate sync, then see the check rule-set")
    elif port.state == "withheld":
        says = f"it is withheld, so it resets connections: {port.reason}"
        fix = "turn TLS on; or tag the cache cachegate:plaintext=accepted; or trust fewer networks"
        yield _line(each, "fail", says, fix)
    elif port.state == "detached":
        yield _line(each, "fail", "its VPC is detached, so it leads nowhere", "cachegate sync")
    elif port.state != "at_rest":
        says = f"it is {port.state} and leads nowhere yet: {port.reason}"
        yield _line(each, "fail", says, f"cachegate explain {port.listen}")


_WORDS = {"at_rest": "at rest"}


def _answer(each: Probed) -> str:
    request = "version" if each.port.engine == "memcached" else "PING"
    if not each.port.known:
        return "it takes connections; what to speak there is not known now"
    if each.outcome is Outcome.PASSWORD:
        return f"it answers, and wants a password first ({each.said.split()[0][1:]})"
    over = " over TLS, as whom its certificate says" if each.port.tls else ""
    return f"it answers {request}{over}"


def _trouble(each: Probed, known: Known) -> tuple[str, str]:
    """Say what is wrong at a port of an address that leads us to other nodes, and what to do."""
    if each.outcome in {Outcome.SILENT, Outcome.NO_WAY}:
        return _silence(each, known)
    port = each.port
    told = shorten(each.said, LONGEST, placeholder=" ...")
    said = {"said": told, "name": port.server_name, "engine": port.engine}
    says, fix = _TROUBLES[each.outcome]
    if each.outcome is Outcome.UNTRUSTED and each.said.startswith(_OTHER_NAME):
        says, fix = _OTHER
    do = {"explain": f"cachegate explain {port.listen}", "cache": port.key.partition("/")[0]}
    return says.format(**said), fix.format(**do)


def _silence(each: Probed, known: Known) -> tuple[str, str]:
    """Tell a node that is down from a security group, by what the NAT instances get to hear."""
    port = each.port
    told = known.targets.get((port.vpc, port.key), frozenset())
    if told == {"pass"}:
        says = "nothing answers from here, though the NAT instance reaches the node"
        return says, f"open tcp {port.listen} to clients: see the check nat-ingress"
    if "fail" in told:
        says = "the NAT instance is there, but gets no answer from the node either"
        return says, f"see the check cache-ingress; where it passes, the node is down: {_EVENTS}"
    says = "the NAT instance is there (other ports answer), but nothing comes from this node"
    return says, f"see the checks cache-ingress and nat-ingress; else the node is down: {_EVENTS}"


def _line(each: Probed, state: State, says: str, fix: str | None = None) -> Check:
    port = each.port
    # A node's own name is unique; what has no node is called after its cache.
    rest = port.key.partition("/")[2]
    name = rest if "/" in rest else port.key
    subject = f"{port.public}:{port.listen}"
    return Check(
        check=CHECK, vpc=port.vpc, subject=subject, state=state, says=f"{name}: {says}", fix=fix
    )
