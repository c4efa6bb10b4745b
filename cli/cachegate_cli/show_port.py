"""Draw where a listen port leads, since when and why, and what became of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from cachegate_cli.drawing import GOOD, NOTE, WARN, age, commas, listed, marked, moment, row, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

LEADS = {
    "waiting": "leads nowhere yet",
    "withheld": "is withheld and answers RST",
    "at_rest": "is at rest and answers RST",
}


def explained(answer: Mapping[str, Any]) -> RenderableType:
    """Draw the answer to `explain`."""
    drawn: list[RenderableType] = []
    for each in answer.get("forwards", []):
        drawn += [Text(""), _leads(each), listed(_facts(each)), *_address(each["address"])]
    return Group(*drawn[1:])


def _leads(each: Mapping[str, Any]) -> Text:
    leads = LEADS.get(each["state"], f"leads to {commas(each['targets'])}")
    return row(text(f"{each['listen']} {leads}", "bold"), text(f"in {each['vpc']}", NOTE))


def _facts(each: Mapping[str, Any]) -> Iterator[tuple[str, str | Text]]:
    kinds = {"node": "a node", "primary": "the primary", "readers": "the replicas"}
    turns = ", by turns" if each["kind"] == "readers" else ""
    what = f"{kinds.get(each['kind'], 'the endpoint')} of {each['cache']}{turns}"
    yield "for", row(text(each["key"]), text(what, NOTE))
    yield "because", text(each["why"])
    yield "since", _since(each["since"], each["seconds"])
    yield "port", text(f"belongs to this key since {moment(each['leased_at'])}")
    for number, pending in enumerate(each["pending"]):
        yield "" if number else "but", text(pending, WARN)


def _since(at: float, seconds: float) -> Text:
    return row(text(moment(at)), text(f"({age(seconds)})", NOTE))


def _address(address: Mapping[str, Any] | None) -> Iterator[RenderableType]:
    if address is None:
        return
    facts: list[tuple[str, str | Text]] = [
        ("because", text(address["why"])),
        ("since", _since(address["since"], address["seconds"])),
    ]
    if address["moved_from"]:
        facts.append(("came from", text(address["moved_from"])))
    facts += [("but", text(pending, WARN)) for pending in address["pending"]]
    yield text(f"{address['holder'] or 'nobody'} has the Elastic IP", "bold")
    yield listed(facts)


def released(answer: Mapping[str, Any]) -> RenderableType:
    """Draw the answer to `release`."""
    if not answer.get("ok"):
        return Text("")
    told = f"{answer['listen']} is free for other caches now ({answer['vpc']})"
    return marked(GOOD, text(told))


def detached(answer: Mapping[str, Any]) -> RenderableType:
    """Draw the answer to `detach`."""
    return Group(*_detached(answer))


def _detached(answer: Mapping[str, Any]) -> Iterator[RenderableType]:
    removed, rules = answer.get("removed", []), answer.get("rules_removed", [])
    for each in removed:
        yield marked(GOOD, text(f"NAT instance {each} is free of cachegate"))
    for each in answer.get("still_there", []):
        told = text(f"NAT instance {each['instance']} still has it")
        yield marked(WARN, told, text(each["reason"], NOTE))
    if rules:
        yield marked(GOOD, text(f"security-group rules removed: {commas(rules)}"))
    for each in answer.get("rules_still_there", []):
        yield marked(WARN, text(each))
    if answer.get("ok"):
        if not removed:
            yield marked(GOOD, text("no NAT instance has anything of cachegate"))
        yield marked(NOTE, text("passes push nothing until `cachegate sync`", NOTE))
