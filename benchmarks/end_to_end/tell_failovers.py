"""What the rows of the failovers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.end_to_end.failovers import ALONE, HUNG, MS, PARTS, SCHEDULE_S, TERMINATED
from benchmarks.report import Picture, Report, table
from local.world import SETTINGS

if TYPE_CHECKING:
    from benchmarks.rows import Rows

_AWS = "https://docs.aws.amazon.com/"
LINKS = {
    "checks": f"{_AWS}AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html",
    "group": f"{_AWS}autoscaling/ec2/userguide/health-checks-overview.html",
    "fck_nat": "https://github.com/AndrewGuenther/fck-nat/blob/main/docs/limitations.md",
}
TEXT = """\
The holder is the NAT instance that has the Elastic IP. It dies while a client outside opens a
connection for each request, and gives each one 0.2 s; measured is the time until the next answer.
With two instances the address moves to the other one; with one its group makes another.

{table}

{picture}

The waits of this world are short: a holder in doubt loses the address after {takeover} s (the
template: 60 s), a command that nobody fetches is given up after 3 s (30 s), re-checks begin after
{recheck} s (30 s), and the schedule comes round when the holder hangs and each {schedule} s (each
minute). EC2 tells of a terminated instance at once, and packets follow an Elastic IP at once. Of
the time until an answer after a told death, {waiting:.0%} go by until the pass begins (above all
the queue's batching window), and {passing:.0%} are the pass.

What AWS adds: to a told death an event's way, which it calls near real time; to a hung instance
up to 60 s until the schedule, 60 s of doubt instead of {takeover} s, and 30 s instead of 3 s for
each of the two passes, whose commands nobody fetches: 2 to 3 min in all. EC2's own status checks
run [once a minute]({checks}). One instance alone has to be found unhealthy, ended and launched
again by its [Auto Scaling group]({group}), to boot, and to register with Systems Manager first: its
row counts from there. fck-nat, which is rebuilt like that, documents
[about 5 minutes]({fck_nat}).
"""


def tell(rows: Rows) -> Report:
    """Return the section; a quick run has the told death alone."""
    picture = _picture(rows)
    waiting, passing, _ = (
        rows.ratio(f"{TERMINATED}: {part}", MS, TERMINATED, MS).median for part in PARTS
    )
    text = TEXT.format(
        table=_table(rows),
        picture=picture.markdown,
        waiting=waiting,
        passing=passing,
        takeover=SETTINGS["CACHEGATE_TAKEOVER"],
        recheck=SETTINGS["CACHEGATE_RECHECK"],
        schedule=SCHEDULE_S,
        **LINKS,
    )
    title = "From a dead NAT instance to an answer at the same address"
    return Report(title, text, pictures=(picture,))


def _whole(rows: Rows) -> list[str]:
    """Return the ways that were measured, without their parts."""
    return [way for way in (TERMINATED, HUNG, ALONE) if rows.taken(way, MS)]


def _table(rows: Rows) -> str:
    lines = []
    for way in _whole(rows):
        for name in (way, *(f"{way}: {part}" for part in PARTS)):
            if taken := rows.taken(name, MS):
                found = rows.estimate(name, MS)
                lines.append(
                    [name, f"{found:,.0f}", f"{max(taken.values()):,.0f}", str(len(taken))]
                )
    return table(["ms", "median", "greatest", "deaths"], lines)


def _picture(rows: Rows) -> Picture:
    columns = {
        way: {part: rows.median(f"{way}: {part}", MS) for part in PARTS}
        for way in _whole(rows)
        if way != ALONE
    }
    if rows.taken(ALONE, MS):
        columns[ALONE] = {"from the registration to an answer": rows.median(ALONE, MS)}
    figure = figures.stacks(
        "From the death of a NAT instance to an answer", columns, across="milliseconds, medians"
    )
    return Picture("failovers", "The parts of a failover, one bar for each way to die", figure)
