"""Draw the answer to `describe`: what is wrong first, then every cache with its listen ports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from cachegate_cli.drawing import (
    BAD,
    COMMAND,
    GOOD,
    MARKS,
    NOTE,
    WARN,
    age,
    command,
    commas,
    marked,
    plural,
    row,
    text,
)
from cachegate_cli.troubles import OVERDUE_S, troubles_of, unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from rich.console import Console, ConsoleOptions, RenderableType

STATES = {
    "forwarding": GOOD,
    "waiting": WARN,
    "leaving": WARN,
    "withheld": BAD,
    "detached": BAD,
    "at_rest": NOTE,
}
SILENT = "no_answer"  # it leads there, and what is there did not answer the last pass
WITH_AGE, WITH_REASON = 96, 130  # columns of the terminal from which on there is room for them
GAP, INDENT = 2, 2


@dataclass(frozen=True, slots=True)
class Status:
    """A drawing of an answer that fits the width it gets."""

    described: Mapping[str, Any]

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Draw it."""
        yield from _troubles(self.described)
        for vpc in self.described.get("vpcs", []):
            yield Text("")
            yield _heading(vpc)
            yield from _instances(vpc, options.max_width)
            yield from _caches(vpc, self.described["at"], options.max_width)


def status(described: Mapping[str, Any]) -> RenderableType:
    """Return the drawing of an answer to `describe`."""
    return Group(summary(described), Status(described))


def summary(described: Mapping[str, Any]) -> Text:
    """Say in a line how much is forwarded and how fresh that is."""
    if "at" not in described:
        return Text("")
    vpcs = described["vpcs"]
    forwards = [forward for vpc in vpcs for forward in _as_it_is(vpc)]
    caches = {(vpc["vpc"], f["cache"]) for vpc in vpcs for f in vpc["forwards"]}
    open_ = sum(forward["state"] == "forwarding" for forward in forwards)
    counted = f"{plural(len(caches), 'cache')}, {open_} of {plural(len(forwards), 'listen port')}"
    return row(
        text(described["stack"], "bold"), text(f"{counted} forwarding,"), _verified(described)
    )


def _verified(described: Mapping[str, Any]) -> Text:
    times = [vpc["verified_at"] for vpc in described["vpcs"]]
    if not all(times) or not times:
        return Text("not verified", BAD)
    old = described["at"] - min(times)
    return Text(f"verified {age(old)} ago", BAD if old > OVERDUE_S else GOOD)


def _troubles(described: Mapping[str, Any]) -> Iterator[RenderableType]:
    for trouble in troubles_of(described):
        said: list[RenderableType] = [text(trouble.says)]
        if trouble.todo:
            said.append(command(trouble.todo))
        yield marked(trouble.gravity, *said)


def _heading(vpc: Mapping[str, Any]) -> Text:
    sources = commas(vpc["sources"]) if vpc["sources"] else "nobody"
    public = dict.fromkeys(a for f in vpc["forwards"] for a in f["public_addresses"])
    where = row("connect to", text(commas(public), "bold")) if public else text("no public address")
    return row(text(vpc["vpc"], "bold"), text("·", NOTE), text(f"{sources} may"), where)


def _instances(vpc: Mapping[str, Any], width: int) -> Iterator[RenderableType]:
    holder = (vpc.get("address") or {}).get("holder")
    for each in vpc["nat_instances"]:
        good = each["state"] == "running" and each["verified"] and each["health"] != "impaired"
        told = [each["state"], "verified" if each["verified"] else "not verified"]
        told += [f"status checks {each['health']}"] if each["health"] != "ok" else []
        told += ["has the address"] if each["instance"] == holder else []
        table = (each.get("capacity") or {}).get("conntrack")
        told += [f"{table['used']} tracked"] if table and width >= WITH_AGE else []
        said = row("NAT instance", text(each["instance"]), text(", ".join(told), NOTE))
        yield marked(GOOD if good else WARN, said)


def _caches(vpc: Mapping[str, Any], now: float, width: int) -> Iterator[RenderableType]:
    facts = {each["cache"]: each for each in vpc.get("caches", [])}
    forwards = sorted(_as_it_is(vpc), key=lambda forward: forward["listen"])
    by_cache = {name: list(of) for name, of in groupby(sorted(forwards, key=_cache), _cache)}
    columns = _columns(forwards, now, width)
    if forwards:
        yield Text("")
        yield _table([], columns)
    for name in sorted(facts.keys() | by_cache.keys(), key=lambda n: _first(by_cache.get(n))):
        mine = by_cache.get(name, [])
        yield _cache_line(name, facts.get(name), mine)
        if mine:
            yield _table(mine, columns)


def _as_it_is(vpc: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the forwards; the answer has them as the ledger does, which a detachment overrides."""
    forwards: list[Mapping[str, Any]] = vpc["forwards"]
    if vpc["detached"]:
        return [{**each, "state": "detached"} for each in forwards]
    silent = unanswered(vpc)
    return [{**each, "state": SILENT} if each["listen"] in silent else each for each in forwards]


def _cache(forward: Mapping[str, Any]) -> str:
    return str(forward["cache"])


def _first(forwards: list[Mapping[str, Any]] | None) -> int:
    return int(forwards[0]["listen"]) if forwards else 65536


def _cache_line(
    name: str, facts: Mapping[str, Any] | None, forwards: list[Mapping[str, Any]]
) -> RenderableType:
    engine = facts["engine"] if facts else next((f["engine"] for f in forwards), None)
    told = [engine or "not seen any more"]
    if facts:
        told += ["cluster mode"] if facts["cluster_mode"] else []
        told += [facts["status"]] if facts["status"] not in ("available", None) else []
    return row(text(name, "bold"), text(", ".join(told), NOTE), _secrecy(facts, forwards))


def _secrecy(facts: Mapping[str, Any] | None, forwards: list[Mapping[str, Any]]) -> Text:
    """Say how a cache is protected on the way, as far as the function tells."""
    if facts is None:
        known = {forward["tls"] for forward in forwards} - {None}
        secret = True in known
        return Text("TLS" if secret else "no TLS" if known else "", GOOD if secret else WARN)
    if facts["tls"]:
        return Text("TLS, AUTH" if facts["auth"] else "TLS, no AUTH", GOOD)
    told = "no TLS, AUTH" if facts["auth"] else "no TLS, no AUTH"
    return Text(f"{told}, accepted by its tag" if facts["plaintext_accepted"] else told, WARN)


@dataclass(frozen=True, slots=True)
class Column:
    """What stands in a column, and how wide it is."""

    title: str
    cell: Callable[[Mapping[str, Any]], Text]
    width: int = 0


def _columns(forwards: list[Mapping[str, Any]], now: float, width: int) -> list[Column]:
    """Choose columns by the width, equally wide for all caches, so that they stand in line.

    Names of nodes, which may be long, get what the others leave, and the reason what is left then.
    """
    columns = [
        Column("PORT", lambda f: text(f["listen"], COMMAND)),
        Column("NODE", _what),
        Column("ROLE", lambda f: text(f["role"] or "")),
        Column("LEADS TO", lambda f: Text("\n").join(map(text, f["targets"]))),
        Column("STATE", _state),
    ]
    if width >= WITH_AGE:
        columns.append(Column("SINCE", lambda f: text(age(now - f["since"]), NOTE)))
    columns = [replace(column, width=_widest(column, forwards)) for column in columns]
    room = width - INDENT - sum(column.width + GAP for column in columns)
    if room < 0:
        columns[1] = replace(columns[1], width=max(8, columns[1].width + room))
    elif width >= WITH_REASON and room > GAP:
        why = Column("WHY", lambda f: text(f["held"] or f["reason"], NOTE))
        columns.append(replace(why, width=min(_widest(why, forwards), room)))
    return columns


def _widest(column: Column, forwards: list[Mapping[str, Any]]) -> int:
    cells = (column.cell(forward) for forward in forwards)
    lines = (cell_len(line) for cell in cells for line in cell.plain.split("\n"))
    return max([len(column.title), *lines])


def _table(forwards: Iterable[Mapping[str, Any]], columns: list[Column]) -> RenderableType:
    """Draw forwards, or where there are none the titles."""
    forwards = tuple(forwards)
    table = Table(
        box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style=NOTE,
        show_header=not forwards,
    )  # fmt: skip
    table.add_column("", width=INDENT - GAP)
    for column in columns:
        table.add_column(column.title, width=column.width, overflow="fold")
    for forward in forwards:
        table.add_row("", *(column.cell(forward) for column in columns))
    return table


def _what(forward: Mapping[str, Any]) -> Text:
    """Name a node by its key, without the cache that stands above; a role port by its kind."""
    key = str(forward["key"]).removeprefix(f"{forward['cache']}/")
    return text(key, "" if forward["kind"] == "node" else "italic")


def _state(forward: Mapping[str, Any]) -> Text:
    style = STATES.get(forward["state"], WARN)
    held = ", held" if forward["held"] else ""
    style = WARN if held and style == GOOD else style
    return Text(f"{MARKS[style]} {plain_state(forward['state'])}{held}", style)


def plain_state(state: str) -> str:
    """Write a state for people."""
    return text(state.replace("_", " ")).plain
