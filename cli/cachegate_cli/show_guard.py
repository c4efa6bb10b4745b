"""Draw what the guard found, did, and was asked: a paragraph for each rule, the gravest first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from cachegate_cli.drawing import BAD, GOOD, NOTE, WARN, commas, hanging, marked, plural, row, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

SEVERITIES = {"critical": BAD, "high": "red", "medium": WARN, "low": NOTE}
LONGEST = max(map(len, SEVERITIES))
STEPS = {"revoke": BAD, "carve": BAD, "exempt": GOOD}  # their styles; docs/guard.md has all
ACTS = frozenset({"revoke", "carve", "wait", "refuse"})  # what the mode observe does not do
TRAILS = {
    "none": "no trail logs management events: only the schedule notices new rules",
    "unknown": "CloudTrail does not tell whether a trail logs",
}


def looked(answer: Mapping[str, Any]) -> RenderableType:
    """Draw the answer to `plan` or `sweep` of the guard."""
    if "findings" not in answer:
        return Text("")
    groups, shared = answer["groups"], Counter(g["shared"] for g in answer["groups"].values())
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(shared.items()))
    return Group(
        row(
            text(f"mode {answer['mode']}", "bold"),
            text(
                f"{plural(len(groups), 'group')} of caches: {kinds}"
                if groups
                else "no cache has a group"
            ),
        ),
        *_trail(answer["trail"]),
        *(
            marked(WARN, text(f"EC2 does not show {each}, which a cache has"))
            for each in answer["unseen_groups"]
        ),
        *_revoked(answer.get("revoked", []), "revoked"),
        *_failures(answer.get("failures") or {}),
        *_findings(answer),
        *([marked(NOTE, text(answer["aftermath"], NOTE))] if answer.get("aftermath") else []),
    )


def found(answer: Mapping[str, Any]) -> RenderableType:
    """Draw the answer to `findings`."""
    if "findings" not in answer:
        return Text("")
    swept = answer["swept"]
    return Group(
        row(
            text(f"mode {answer['mode']}", "bold"),
            text(
                f"last pass {swept}"
                if swept
                else "the guard made no pass yet: cachegate guard sweep"
            ),
        ),
        *_trail(answer["trail"]),
        *_findings(answer),
        *_revoked(answer["revocations"], "ever revoked"),
        *_left_out(answer["revocations_left_out"], "revocations", "--group"),
    )


def restored(answer: Mapping[str, Any]) -> RenderableType:
    """Draw the answer to `restore`."""
    if "restored" not in answer:
        return Text("")
    each = answer["restored"]
    as_ = each["restored_as"]
    how = "was there already, as" if answer["existed"] else "is back, as"
    closed = answer["closed"]
    return Group(
        marked(
            GOOD,
            row(text(each["rule"]), text(how), text(as_ or "", "bold"), text(_admits(each))),
            *([text(f"closed again: {commas(closed)}", NOTE)] if closed else []),
            text(answer["note"], NOTE),
        )
    )


def exempted(answer: Mapping[str, Any]) -> RenderableType:
    """Draw the answer to `exempt`."""
    if "exempted" not in answer:
        return Text("")
    each = answer["exempted"]
    said = row(
        text(each["rule"], "bold"), text(f"in {each['group']} is exempt:"), text(_admits(each))
    )
    return marked(GOOD, said, text(each["tags"].get("cachegate:exempt", ""), NOTE))


def _trail(trail: str) -> Iterator[RenderableType]:
    if trail in TRAILS:
        yield marked(WARN, text(TRAILS[trail]))


def _findings(answer: Mapping[str, Any]) -> Iterator[RenderableType]:
    findings = answer["findings"]
    if not findings:
        yield marked(GOOD, text("no rule is too wide"))
    for each in findings:
        yield Text("")
        yield _finding(each, answer["mode"])
    if findings:
        yield Text("")
    yield from _left_out(answer["left_out"], "findings", "cachegate findings --group")


def _finding(each: Mapping[str, Any], mode: str) -> RenderableType:
    style = SEVERITIES.get(each["severity"], WARN)
    step = text(f"step {each['step']}", STEPS.get(each["step"], WARN))
    later = "once the mode is enforce" if mode == "observe" and each["step"] in ACTS else ""
    said: list[RenderableType] = [
        row(text(each["rule"], "bold"), text("in"), _group(each)),
        row(text(_admits(each)), text("·", NOTE), step, later),
        text(each["why"], NOTE),
        text(each["reason"], NOTE),
    ]
    if each["exemption"] and each["step"] != "exempt":
        said.append(row(text("exemption", NOTE), text(each["exemption"])))
    said += _added_by(each)
    if each.get("since"):
        said.append(text(f"found first {each['since']}", NOTE))
    if each["opens_again"] or each["opens_first"]:
        said.append(
            text(f"opened for it: {commas([*each['opens_again'], *each['opens_first']])}", NOTE)
        )
    if each["advice"]:
        said.append(row(text("→", NOTE), text(each["advice"])))
    return hanging(text(f"{each['severity']:{LONGEST}}", style), *said)


def _added_by(each: Mapping[str, Any]) -> Iterator[Text]:
    by = each["added_by"]
    if by:
        yield text(f"added by {by['who']}, {by['at']} ({by['call']})", NOTE)


def _revoked(revocations: list[Mapping[str, Any]], title: str) -> Iterator[RenderableType]:
    if not revocations:
        return
    yield text(f"{title}: {plural(len(revocations), 'rule')}", "bold")
    for each in revocations:
        done = each["restored"] or each["revoked"] or each["recorded"]
        said: list[RenderableType] = [
            row(text(each["rule"], "bold"), text("in"), _group(each)),
            row(text(_admits(each)), text("·", NOTE), text(f"{each['state']} {done}", GOOD)),
            text(each["why"], NOTE),
            *(text(interface, NOTE) for interface in each["evidence"]),
            *_added_by(each),
        ]
        if each["state"] == "restored":
            said.append(text(f"back as {each['restored_as']}", NOTE))
        else:
            said.append(row(text("→", NOTE), text(f"cachegate restore {each['rule']}", "cyan")))
        yield hanging("-", *said)


def _failures(failures: Mapping[str, Mapping[str, Any]]) -> Iterator[RenderableType]:
    for rule, failure in failures.items():
        yield marked(BAD, text(f"{rule}: {failure['message']} ({failure['code']})"))


def _left_out(count: int, what: str, how: str) -> Iterator[RenderableType]:
    if count:
        yield marked(NOTE, text(f"{count} more {what} have no room here: {how} GROUP_ID", NOTE))


def _group(each: Mapping[str, Any]) -> Text:
    stack = f", stack {each['group_stack']}" if each.get("group_stack") else ""
    name = f"({each['group_name']}{stack})" if each.get("group_name") else ""
    return row(text(each["group"]), text(name, NOTE))


def _admits(each: Mapping[str, Any]) -> str:
    first, last = each["from_port"], each["to_port"]
    span = f"{first}" if first == last else f"{first}-{last}"
    ports = "every port" if first is None else span
    protocol = "every protocol" if each["protocol"] == "-1" else each["protocol"]
    return f"admits {each['source']} to {protocol} {ports}"
