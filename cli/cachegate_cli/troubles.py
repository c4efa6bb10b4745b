"""What is wrong with a stack by its answer to `describe`, the gravest first, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate_cli.drawing import BAD, NOTE, WARN, age, commas, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

OVERDUE_S = 900  # the schedule makes a pass every five minutes, retries take two
UNDER_WAY_S = 60  # after a verified pass; what is new since then is being pushed
FULL = 0.8  # of the table of connections
UPDATE = "update the stack: sam build && sam deploy"
_GRAVITY = {BAD: 0, WARN: 1, NOTE: 2}
_ADDRESS: Mapping[str, tuple[str, str | None]] = {
    "due": (WARN, "cachegate sync"),
    "waiting": (WARN, "cachegate watch"),
    "stranded": (BAD, "cachegate doctor"),
    "elsewhere": (BAD, "cachegate move INSTANCE_ID"),
    "missing": (BAD, "cachegate doctor"),
    "unknown": (WARN, "cachegate sync"),
}

_TODO = {"no_nat_instance": "deploy with NatInstances=create, or see PeeredVpcs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that is not as it should be."""

    gravity: str  # BAD, WARN or NOTE
    says: str
    todo: str | None = None


def troubles_of(described: Mapping[str, Any]) -> list[Trouble]:
    """Return all troubles, the gravest first, else in the order of the answer."""
    found = [*_of_vpcs(described), *caches_troubles(described.get("not_forwarded", []))]
    return sorted(found, key=lambda trouble: _GRAVITY[trouble.gravity])


def _of_vpcs(described: Mapping[str, Any]) -> Iterator[Trouble]:
    vpcs = described.get("vpcs", [])
    if not vpcs and described.get("ok"):
        yield Trouble(
            gravity=WARN,
            says="no cache is exposed, and no NAT instance is there",
            todo="tag a cache: aws elasticache add-tags-to-resource --resource-name ARN "
            "--tags Key=cachegate:expose,Value=true",
        )
    if any("caches" not in vpc for vpc in vpcs):
        says = "the stack is older than this command and does not tell TLS, AUTH and endpoints"
        yield Trouble(gravity=NOTE, says=says, todo=UPDATE)
    for vpc in vpcs:
        yield from _of_pass(vpc, described["at"])
        yield from _of_instances(vpc, described["at"])
        yield from _of_successor(vpc)
        yield from _of_address(vpc.get("address"))
        yield from _of_forwards(vpc)
        yield from _of_groups(vpc)


def _of_pass(vpc: Mapping[str, Any], now: float) -> Iterator[Trouble]:
    if vpc["detached"]:
        says = f"{vpc['vpc']} is detached: nothing is forwarded there"
        yield Trouble(gravity=BAD, says=says, todo="cachegate sync")
    elif not vpc["verified_at"]:
        says = f"no pass is verified in {vpc['vpc']} yet"
        yield Trouble(gravity=BAD, says=says, todo="cachegate sync")
    elif now - vpc["verified_at"] > OVERDUE_S:
        ago = age(now - vpc["verified_at"])
        says = f"the last verified pass over {vpc['vpc']} was {ago} ago"
        yield Trouble(gravity=BAD, says=says, todo="cachegate sync")


def _of_instances(vpc: Mapping[str, Any], now: float) -> Iterator[Trouble]:
    if not vpc["nat_instances"]:
        says = f"{vpc['vpc']} has no NAT instance"
        yield Trouble(gravity=BAD, says=says, todo="deploy with NatInstances=create, or tag one")
    for each in vpc["nat_instances"]:
        name = f"the NAT instance {each['instance']}"
        if each["state"] != "running":
            yield Trouble(gravity=WARN, says=f"{name} is {each['state']}")
        elif not each["verified"] and not vpc["detached"]:
            yield _unproved(name, under_way=now - (vpc["verified_at"] or 0) < UNDER_WAY_S)
        if each["health"] == "impaired":
            yield Trouble(gravity=BAD, says=f"{name} fails EC2's status checks")
        table = (each.get("capacity") or {}).get("conntrack")
        if table and table["used"] > FULL * table["limit"]:
            says = f"{name} has {table['used']} of {table['limit']} connections"
            yield Trouble(gravity=WARN, says=says, todo="a larger instance, or idle clients closed")


def _unproved(name: str, *, under_way: bool) -> Trouble:
    if under_way:
        return Trouble(gravity=NOTE, says=f"{name} has not proved the newest rule set yet")
    says = f"{name} has not proved the rule set"
    return Trouble(gravity=WARN, says=says, todo="cachegate sync")


def _of_successor(vpc: Mapping[str, Any]) -> Iterator[Trouble]:
    """Tell that the address would have nowhere to go."""
    address = vpc.get("address")
    able = [each for each in vpc["nat_instances"] if each["state"] == "running"]
    if address and len(able) == 1 and able[0]["verified"] and not vpc["detached"]:
        says = f"no other NAT instance can take over from {able[0]['instance']}"
        yield Trouble(gravity=NOTE, says=says)


def unanswered(vpc: Mapping[str, Any]) -> frozenset[int]:
    """Return the listen ports that lead somewhere, from where the last pass had no answer."""
    silent = vpc.get("unreachable", [])  # which older functions do not tell
    leads = (each for each in vpc["forwards"] if each["state"] == "forwarding")
    return frozenset(each["listen"] for each in leads if each["listen"] in silent)


def _of_address(address: Mapping[str, Any] | None) -> Iterator[Trouble]:
    if address and address["state"] in _ADDRESS:
        gravity, todo = _ADDRESS[address["state"]]
        says = f"the address {address['address'] or address['allocation']}: {address['reason']}"
        yield Trouble(gravity=gravity, says=says, todo=todo)


def _of_forwards(vpc: Mapping[str, Any]) -> Iterator[Trouble]:
    for each in vpc["forwards"]:
        name = f"{each['listen']} ({each['key']})"
        if each["held"]:
            yield Trouble(gravity=WARN, says=f"{name} is held: {each['held']}")
        if each["state"] == "waiting":
            yield Trouble(gravity=WARN, says=f"{name} waits: {each['reason']}")
    silent = unanswered(vpc)
    if silent and not vpc["detached"]:
        says = f"the last pass had no answer from what is behind {commas(sorted(silent))}"
        yield Trouble(gravity=WARN, says=says, todo="cachegate doctor --probe")


def _of_groups(vpc: Mapping[str, Any]) -> Iterator[Trouble]:
    groups = vpc.get("groups") or {}
    due = len(groups.get("add", [])) + len(groups.get("remove", []))
    if due:
        says = f"{plural(due, 'security-group rule')} of {vpc['vpc']} to change"
        yield Trouble(gravity=WARN, says=says, todo="cachegate plan, then cachegate sync")


def caches_troubles(problems: Iterable[Mapping[str, Any]]) -> Iterator[Trouble]:
    """Tell each problem; what is said of several caches alike is said once."""
    together: dict[tuple[str, str, bool], list[Mapping[str, Any]]] = {}
    for each in problems:
        said = str(each["message"]).removeprefix(str(each["cache"]))
        together.setdefault((each["code"], said, each["forwarded"]), []).append(each)
    for (code, _, forwarded), alike in together.items():
        others = dict.fromkeys(each["cache"] for each in alike[1:])
        yield Trouble(
            gravity=WARN if forwarded else BAD,
            says=alike[0]["message"] + (f" (the same: {commas(others)})" if others else ""),
            todo=_TODO.get(code),
        )
