"""Draw what a pass would change, or did: a line for each change, with its reason below."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from cachegate_cli.drawing import (
    BAD,
    COMMAND,
    GOOD,
    NOTE,
    WARN,
    age,
    command,
    commas,
    hanging,
    marked,
    plural,
    row,
    text,
)
from cachegate_cli.troubles import caches_troubles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rich.console import RenderableType

# The sign, its style, and what is counted at the end.
SIGNS = {
    "add": ("+", GOOD, "to add"),
    "return": ("+", GOOD, "to bring back"),
    "move": ("~", WARN, "to move"),
    "resume": ("+", GOOD, "to resume"),
    "withhold": ("-", BAD, "to withhold"),
    "rest": ("-", BAD, "to let rest"),
    "free": ("-", NOTE, "to free"),
    "sources": ("~", WARN, "of sources"),
    "networks": ("~", WARN, "of networks"),
    "hold": ("=", WARN, "held"),
}
ARROW = "→"


def planned(answer: Mapping[str, Any]) -> RenderableType:
    """Draw the answer to `plan`."""
    vpcs = answer.get("vpcs", [])
    drawn: list[RenderableType] = []
    for vpc in vpcs:
        drawn += [_heading(vpc), *_planned_in(vpc), Text("")]
    drawn += _problems(answer)
    drawn += _proposals(answer.get("proposals") or [])
    drawn += _total(vpcs, complete=bool(answer.get("ok")))
    return Group(*drawn)


def synced(answer: Mapping[str, Any]) -> RenderableType:
    """Draw the answer to `sync` or `move`."""
    drawn: list[RenderableType] = []
    for vpc in answer.get("vpcs", []):
        drawn += [_heading(vpc, _proved(vpc)), *_synced_in(vpc)]
        drawn += [*_failed(vpc, answer), Text("")]
    drawn += _problems(answer)
    return Group(*drawn[:-1] if drawn and not answer.get("problems") else drawn)


def _heading(vpc: Mapping[str, Any], proved: Text | str = "") -> Text:
    generation = f"generation {vpc['generation']}" if vpc["generation"] is not None else ""
    detached = Text("detached: nothing is pushed", BAD) if vpc["detached"] else ""
    return row(text(vpc["vpc"], "bold"), text(generation, NOTE), proved, detached)


def _proved(vpc: Mapping[str, Any]) -> Text:
    if not vpc["verified"]:
        return Text("not verified", BAD)
    return Text(f"verified, {plural(vpc['forwards'], 'listen port')}", GOOD)


def _planned_in(vpc: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield from _changes(vpc["changes"])
    groups = vpc["groups"] or {"add": [], "remove": []}
    yield from (_rule(each, "+", GOOD) for each in groups["add"])
    yield from (_rule(each, "-", BAD) for each in groups["remove"])
    yield from _address_outlook(vpc["address"])
    yield from _notifications(vpc["notifications"])


def _synced_in(vpc: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield from _changes(vpc["changes"])
    if not vpc["changes"]:
        yield marked(NOTE, text("nothing changed", NOTE))
    groups = vpc["groups"] or {"added": [], "removed": [], "errors": []}
    yield from (_rule(each, "+", GOOD) for each in groups["added"])
    yield from (_rule(each, "-", BAD) for each in groups["removed"])
    yield from (marked(BAD, text(error)) for error in groups["errors"])
    yield from _address_after(vpc["address"])
    yield from _notifications(vpc["notifications"])
    for each in vpc["nat_instances"]:
        yield _instance(each, opened=bool(groups["added"]))
    if vpc["recheck_after"] is not None:
        yield marked(NOTE, text(f"looked at again in {age(vpc['recheck_after'])}", NOTE))


def _failed(vpc: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Say why a VPC is not verified, where that is not all that the answer's error says."""
    if vpc["error"] and vpc["error"] != answer.get("error", {}).get("message"):
        yield marked(BAD, text(vpc["error"]))


def _changes(changes: Iterable[Mapping[str, Any]]) -> Iterator[RenderableType]:
    for each in changes:
        sign, style, _ = SIGNS.get(each["change"], ("~", WARN, ""))
        reason = text(each["reason"], NOTE)
        if each["listen"] is None:
            yield hanging(
                Text(sign, style), row(text(each["change"]), text(each["key"] or "")), reason
            )
            continue
        what = row(text(each["listen"], COMMAND), text(each["key"] or "", "bold"), _targets(each))
        yield hanging(Text(sign, style), what, reason)


def _targets(change: Mapping[str, Any]) -> Text:
    before, after = commas(change["before"]), commas(change["after"])
    match change["change"]:
        case "add" | "return" | "resume":
            return row(text(ARROW, NOTE), text(after))
        case "rest" | "withhold":
            return row(text(before, "strike"), text("will answer RST", NOTE))
        case "free":
            return text("is free for others", NOTE)
        case "hold":
            seen = (
                row(text(before), text(ARROW, NOTE), text(after)) if before != after else text("")
            )
            return row(text("held", WARN), seen)
    return row(text(before), text(ARROW, NOTE), text(after))


def _rule(rule: Mapping[str, Any], sign: str, style: str) -> RenderableType:
    first, last = rule["from_port"], rule["to_port"]
    ports = f"{first}" if first == last else f"{first}-{last}"
    way = "from" if rule["direction"] == "ingress" else "to"
    told = f"{rule['direction']} {rule['protocol']} {ports} {way} {rule['peer']}"
    back = text("somebody removed it", WARN) if rule.get("vanished") else ""
    what = row(text(rule["group"], "bold"), text(told), back)
    return hanging(Text(sign, style), what, text(rule["description"], NOTE))


def _address_outlook(address: Mapping[str, Any] | None) -> Iterator[RenderableType]:
    if address is None or address["state"] == "held":
        return
    name, reason = (
        text(address["address"] or address["allocation"], "bold"),
        text(address["reason"], NOTE),
    )
    if address["state"] == "due":
        moved = row(
            name, text(address["holder"] or "nobody"), text(ARROW, NOTE), text(address["move_to"])
        )
        yield hanging(Text("~", WARN), moved, reason)
    else:
        yield hanging(Text("=", WARN), row(name, text(f"is {address['state']}", WARN)), reason)


def _address_after(address: Mapping[str, Any] | None) -> Iterator[RenderableType]:
    if address is None:
        return
    name, reason = text(address["address"] or "the address", "bold"), text(address["reason"], NOTE)
    if address["error"]:
        yield marked(BAD, row(name, text(address["error"])), reason)
    elif address["state"] == "moved":
        former = text(address["moved_from"] or "nobody")
        yield hanging(
            Text("~", WARN), row(name, former, text(ARROW, NOTE), text(address["holder"])), reason
        )
    elif address["state"] != "held":
        yield marked(WARN, row(name, text(f"is {address['state']}", WARN)), reason)


def _notifications(enrolments: Iterable[Mapping[str, Any]]) -> Iterator[RenderableType]:
    for each in enrolments:
        if each["step"] in ("enrol", "report") or each["error"]:
            sign = Text("+", GOOD) if each["step"] == "enrol" else Text("=", WARN)
            told = f"notifications of {each['cache']}: {each['step']}"
            yield hanging(sign, text(told), text(each["error"] or each["reason"], NOTE))


def _instance(each: Mapping[str, Any], *, opened: bool) -> RenderableType:
    verified = each["state"] == "verified"
    told = [each["backend"]] if each["backend"] else []
    told += [f"{plural(each['flows_told'], 'connection')} told"] if each["flows_told"] else []
    told += ["another agent was there before"] if each["outdated"] else []
    state = text(each["state"], GOOD if verified else BAD if each["state"] == "failed" else WARN)
    said: list[RenderableType] = [
        row("NAT instance", text(each["instance_id"]), state, text(", ".join(told), NOTE))
    ]
    said += [text(each["reason"], NOTE)] if each["reason"] else []
    if each["unreachable"]:
        ports = commas(each["unreachable"])
        early = ", for it was asked before the rules above were there" if opened else ""
        said.append(text(f"no answer from what is behind {ports}{early}: looked at again", WARN))
    said += [text(warning, WARN) for warning in each["warnings"]]
    failed = each["state"] == "failed"
    return marked(GOOD if verified else BAD if failed else WARN, *said)


def _problems(answer: Mapping[str, Any]) -> list[RenderableType]:
    found: list[RenderableType] = []
    for trouble in caches_troubles(answer.get("problems", [])):
        todo = [command(trouble.todo)] if trouble.todo else []
        found.append(marked(trouble.gravity, text(trouble.says), *todo))
    return found


def _proposals(proposals: list[Mapping[str, Any]]) -> Iterator[RenderableType]:
    if proposals:
        caches = commas(each["cache"] for each in proposals)
        groups = commas(dict.fromkeys(s["group"] for each in proposals for s in each["shared"]))
        says = f"{caches}: what is no cache has {groups} too; better a group of its own for each"
        yield marked(WARN, text(says), command("cachegate plan --proposals"))


def _total(vpcs: Iterable[Mapping[str, Any]], *, complete: bool) -> Iterator[RenderableType]:
    kinds: Counter[str] = Counter()
    for vpc in vpcs:
        kinds.update(each["change"] for each in vpc["changes"])
        rules = vpc["groups"] or {"add": [], "remove": []}
        kinds["rules"] += len(rules["add"]) + len(rules["remove"])
        kinds["address"] += (vpc["address"] or {}).get("state") == "due"
    told = [f"{kinds[kind]} {words}" for kind, (_, _, words) in SIGNS.items() if kinds[kind]]
    told += [plural(kinds["rules"], "security-group rule")] if kinds["rules"] else []
    told += ["the address to move"] if kinds["address"] else []
    if told:
        yield row(text("plan:", "bold"), text(", ".join(told)), command("cachegate sync"))
    elif complete:
        yield marked(GOOD, text("nothing to change"))
