"""What the rows of the deaths mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.estimate import Estimate, estimate
from benchmarks.repair.deaths import ALIVE, ALL_WAYS, CAP, DELAY, OF, START, column
from benchmarks.repair.lanes import (
    CUT,
    DEATH,
    DEFAULT,
    IPTABLES,
    LATE,
    NFTABLES,
    ORDERED,
    SOON,
    WAYS,
)
from benchmarks.repair.watched import ACTIVE, CLIENTS, IDLE, NEW
from benchmarks.report import Goal, Picture, Report, spec, table

if TYPE_CHECKING:
    from benchmarks.rows import Rows

BOUND = 1.0  # seconds from the order until a client knows
NAMES = {NFTABLES: "nftables", IPTABLES: "iptables"}
TITLE = "When a node dies under its clients"


def tell(rows: Rows) -> Report:
    """Tell who learns of a dead node, and when."""
    picture = _picture(rows)
    whens = [when for when in (SOON, LATE) if column(NEW, when) in rows.columns()]
    parts = [
        _method(rows, whens),
        _table(rows, whens),
        *filter(None, [_missing(rows)]),
        picture.markdown,
        _reading(rows, whens[-1]),
    ]
    return Report(TITLE, "\n\n".join(parts), _goals(rows, whens), (picture,))


def _goals(rows: Rows, whens: list[str]) -> tuple[Goal, ...]:
    known = tuple(
        Goal(
            f"from the order until an {client} client knows: {way}",
            estimate(
                seconds
                for when in whens
                for seconds in rows.taken(way, column(client, when)).values()
            ),
            BOUND,
            unit=" s",
        )
        for way in NAMES
        for client in (ACTIVE, IDLE)
    )
    sooner = tuple(
        Goal(
            f"until an active client knows, order {when}: {NFTABLES}, to {CUT}",
            rows.ratio(NFTABLES, column(ACTIVE, when), CUT, column(ACTIVE, when)),
            1,
        )
        for when in whens
        if CUT in rows.ways()
    )
    cut = sum(
        OF - alive
        for way in NAMES
        for when in whens
        for alive in rows.taken(way, column(ALIVE, when)).values()
    )
    return (*known, *sooner, Goal("connections of others that ours cut", estimate([cut]), 0))


def _method(rows: Rows, whens: list[str]) -> str:
    delays = "; ".join(f"{when}: {_range(rows, when)} s after it" for when in whens)
    return f"""\
Our agent is the archive that the SSM document carries, started anew for each order.
Clients are connected through the NAT instance to node A, which dies: its packets vanish. Then the
order comes to lead the port to node B ({delays}). An active client sends a request 20 ms after each
answer, an idle one only reads, as a subscriber does; neither has a time-out, so TCP alone tells
them. Measured is the time from the order until their connection ends, and until a new connection
(one is tried each 20 ms) is answered by B. Of a way that has no order, the time counts from the
death. What had not come after {rows.median(ALL_WAYS, CAP):.0f} s was waited for no longer.
The last column counts connections that are none of this death's business: on another port of
node A, asked once A is back, and to node B."""


def _range(rows: Rows, when: str) -> str:
    taken = rows.taken(NFTABLES, column(DELAY, when)).values()
    return f"{min(taken):.1f} to {max(taken):.1f}"


def _missing(rows: Rows) -> str:
    """Return a line about each program that could not be found; "" where none lacked."""
    ways = {"conntrack": CUT, "haproxy": ORDERED}
    return "\n".join(
        f"{way} could not be measured: {program} was not found."
        for program, way in ways.items()
        if way not in rows.ways()
    )


def _table(rows: Rows, whens: list[str]) -> str:
    ordered = [(client, when) for client in CLIENTS for when in whens]
    lines = []
    for way in (each for each in WAYS if each in rows.ways()):
        if rows.taken(way, column(NEW, DEATH)):
            cells = [_cell(rows, way, client, DEATH) for client, _ in ordered]
            cells = [
                cell if when == whens[0] else ""
                for cell, (_, when) in zip(cells, ordered, strict=True)
            ]
            name = f"{way} (from the death)"
        else:
            cells, name = [_cell(rows, way, client, when) for client, when in ordered], way
        lines.append([name, *cells, _alive(rows, way)])
    head = [f"{client}, {when}" for client, when in ordered]
    return table(["seconds until they know", *head, f"others alive, of {OF}"], lines)


def _cell(rows: Rows, way: str, client: str, when: str) -> str:
    taken = rows.taken(way, column(client, when)).values()
    if not taken:
        return ""
    found = estimate(taken)
    cap = rows.median(ALL_WAYS, CAP)
    if found.low >= cap:
        return f"more than {cap:.0f}"
    return f"{found:{spec(found)}}"


def _alive(rows: Rows, way: str) -> str:
    alive = [
        value
        for name in rows.columns()
        if name.startswith(ALIVE)
        for value in rows.taken(way, name).values()
    ]
    return f"{min(alive):.0f}"


def _picture(rows: Rows) -> Picture:
    cap = rows.median(ALL_WAYS, CAP)
    panels: dict[str, dict[str, Estimate]] = {ACTIVE: {}, IDLE: {}}
    for way in (each for each in WAYS if each in rows.ways()):
        for client, estimates in panels.items():
            for when in (LATE, SOON, DEATH):
                if rows.taken(way, column(client, when)):
                    estimates[way.replace("`", "")] = rows.estimate(way, column(client, when))
                    break
    return Picture(
        "repair",
        f"Bars: seconds until an active and an idle client know, by way; {cap:.0f} means never",
        figures.bars(
            f"Seconds until clients of a dead node know ({cap:.0f}: not while we waited)",
            {f"{client} client": estimates for client, estimates in panels.items()},
            colours=dict.fromkeys(NAMES, figures.OURS),
        ),
    )


def _reading(rows: Rows, when: str) -> str:
    ours, new = (rows.median(NFTABLES, column(client, when)) for client in (IDLE, NEW))
    start = rows.median(NFTABLES, START)
    said = [
        f"""\
With nobody's help, or with the rule alone changed, no client learns anything: the kernel goes on
sending what it knows to node A, and the client's own TCP gives up after a quarter of an hour by
Linux's defaults. Ours tells both: it sends each end a segment that makes it ask back and be
refused. Of the time until an idle client knows, {new / ours:.0%} pass until new connections
reach B; the start of Python and of the agent alone is {start / ours:.0%}. The rest is most
likely looking for flows, a short wait for clients that were just connecting, and telling."""
    ]
    if CUT in rows.ways():
        worst = max(rows.taken(CUT, column(ACTIVE, when)).values())
        said.append(f"""\
Deleting what the kernel knows of the connections ({CUT}) tells the active client at its
next attempt to send, and never the idle one. TCP doubles the time between attempts, so that
client may wait as long again as the order took to come: {worst:.1f} s here at worst. After an
early order it may know sooner than by ours, most likely because these two programs start faster
than our agent.""")
    if ORDERED in rows.ways():
        slower = rows.ratio(NFTABLES, column(IDLE, when), ORDERED, column(IDLE, when))
        said.append(f"""\
haproxy (`on-marked-down shutdown-sessions`) holds the clients' connections itself and ends them.
Told through its socket by a program that runs already, it is far ahead: ours takes
{slower:.0f} times as long. What haproxy costs is that each request goes through it (see the data
path).""")
    if rows.taken(DEFAULT, column(IDLE, DEATH)):
        default = rows.median(DEFAULT, column(IDLE, DEATH))
        said.append(f"""\
haproxy also finds a death by itself, which ours does not: it learns of it from AWS. By its
default checks clients know {default:.1f} s after the death; with ours they know as soon as that
where the order comes within {default - ours:.1f} s.""")
    return "\n\n".join(said)
