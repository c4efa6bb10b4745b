"""What has changed between two answers to `describe`, a line for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate_cli.drawing import BAD, GOOD, NOTE, WARN, commas
from cachegate_cli.troubles import unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STYLES = {"forwarding": GOOD, "withheld": BAD, "at_rest": NOTE}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was."""

    says: str
    style: str


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Compare two answers. A VPC that the later one leaves out because of an error is as it was."""
    old = {vpc["vpc"]: vpc for vpc in before.get("vpcs", [])}
    new = {vpc["vpc"]: vpc for vpc in after.get("vpcs", [])}
    for name, vpc in new.items():
        yield from _in_vpc(old.get(name), vpc)
    if after.get("ok"):
        for name in old.keys() - new.keys():
            yield Difference(f"{name} has no cache and no NAT instance any more", WARN)
        yield from _problems(before.get("not_forwarded", []), after.get("not_forwarded", []))


def _in_vpc(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterator[Difference]:
    if before is None:
        yield Difference(f"{after['vpc']} is new", GOOD)
        before = {"forwards": [], "nat_instances": [], "detached": False}
    if before["detached"] != after["detached"]:
        state = "detached" if after["detached"] else "attached again"
        yield Difference(f"{after['vpc']} is {state}", BAD if after["detached"] else GOOD)
    yield from _forwards(_by(before["forwards"], "listen"), _by(after["forwards"], "listen"))
    yield from _answers(before, after)
    was, now = _by(before["nat_instances"], "instance"), _by(after["nat_instances"], "instance")
    yield from _instances(was, now)
    was_held = (before.get("address") or {}).get("holder")
    held = (after.get("address") or {}).get("holder")
    if held != was_held:
        says = f"the address {(after.get('address') or {}).get('address')}: "
        says += f"{was_held or 'nobody'} → {held or 'nobody'}"
        yield Difference(says, WARN if held else BAD)


def _forwards(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterator[Difference]:
    for listen, forward in sorted(after.items()):
        was, name = before.get(listen), f"{listen} {forward['key']}"
        if was is None or was["key"] != forward["key"]:
            leads = f"{commas(forward['targets'])} ({_state(forward)})"
            yield Difference(f"{name}: new, {leads}", _style(forward))
            continue
        changed = list(_changed(was, forward))
        if changed:
            yield Difference(f"{name}: {'; '.join(changed)}", _style(forward))
    for listen in sorted(before.keys() - after.keys()):
        yield Difference(f"{listen} {before[listen]['key']}: gone, the port is free", NOTE)


def _answers(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    was, now = unanswered(before), unanswered(after)
    for listen, forward in sorted(_by(after["forwards"], "listen").items()):
        if listen in now - was:
            yield Difference(f"{listen} {forward['key']}: no answer", WARN)
        elif listen in was - now and forward["state"] == "forwarding":
            yield Difference(f"{listen} {forward['key']}: answers again", GOOD)


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if was["targets"] != now["targets"]:
        yield f"{commas(was['targets'])} → {commas(now['targets'])}"
    if was["role"] != now["role"]:
        yield f"{was['role'] or 'no role'} → {now['role'] or 'no role'}"
    if was["state"] != now["state"]:
        yield f"{_state(was)} → {_state(now)}"
    if bool(was["held"]) != bool(now["held"]):  # the reason names times, which go on
        yield f"held: {now['held']}" if now["held"] else "held no more"


def _instances(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterator[Difference]:
    for name, each in after.items():
        was = before.get(name)
        now = _condition(each)
        if was is None or _condition(was) != now:
            came = f"{_condition(was)} → " if was else ""
            yield Difference(
                f"NAT instance {name}: {came}{now}", GOOD if each["verified"] else WARN
            )
    for name in before.keys() - after.keys():
        yield Difference(f"NAT instance {name}: gone", WARN)


def _condition(instance: Mapping[str, Any]) -> str:
    proved = "verified" if instance["verified"] else "not verified"
    impaired = ", impaired" if instance["health"] == "impaired" else ""
    return f"{instance['state']}, {proved}{impaired}"


def _problems(before: list[Any], after: list[Any]) -> Iterator[Difference]:
    was = {(each["cache"], each["code"]): each for each in before}
    now = {(each["cache"], each["code"]): each for each in after}
    for key, each in now.items():
        if key not in was:
            yield Difference(str(each["message"]), WARN if each["forwarded"] else BAD)
    for cache, code in was.keys() - now.keys():
        yield Difference(f"{cache}: {str(code).replace('_', ' ')} no more", GOOD)


def _by(each: list[Any], field: str) -> dict[Any, Any]:
    return {entry[field]: entry for entry in each}


def _state(forward: Mapping[str, Any]) -> str:
    return str(forward["state"]).replace("_", " ")


def _style(forward: Mapping[str, Any]) -> str:
    return _STYLES.get(forward["state"], WARN)
