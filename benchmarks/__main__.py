"""Measure, side by side and in one run: `python -m benchmarks [--quick]`, inside the sandbox.

The full run writes docs/benchmarks.md; the raw rows go to build/benchmarks as CSV either way.
Compare rows of one run only: absolute times differ from machine to machine by a factor.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import calls, events, failovers, judging, planning, sweeps, updates
from cachegate.aws.batches import MOST_VALUES
from cachegate.aws.rule_calls import PAGE as RULES_PAGE
from local import sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.rows import Rows

ROOT = Path(__file__).parents[1]
UPDATE_SIZES = (1, 50, 500, 5000)
PLAN_SIZES = (3, 30, 300, 500, 5000)
CALL_SIZES = (3, 30, 300)
SWEEP_SIZES = (3, 30, 300, 2500)
EVENTS = 100
FAIL_OVERS = 30  # of each way
EVENTS_EXPLAINED = """\
Moves of one node of three among six, each by one event on the bus; nothing else asks for a pass.
Waiting is the stand-in's part: above all the batching window of 2 s, then how often its poller
looks. The pass is ours: observing, planning, recording, a command that starts Python on the NAT
instance, and the wait for its result in steps of 1 s. It is {share:.0%} of the time to the proof.
AWS's own delays (an event's way, the delivery of a command) are not in it."""
FAIL_OVERS_EXPLAINED = """\
As a client outside sees it that opens a connection for each request, and gives each one 0.2 s. The
waits of this world are short: a holder in doubt loses the address after 1 s (the template: 60 s), a
command that nobody fetches is given up after 3 s (30 s), re-checks begin after 1 s (30 s), and the
schedule comes round when the holder hangs and each 5 s (each minute). EC2 tells of a terminated
instance at once, and packets follow an Elastic IP at once. Of the time until an answer after a told
death, {waiting:.0%} go by until the pass begins (above all the batching window of 2 s), and
{passing:.0%} are the pass.

What AWS adds: to a told death an event's way, which it calls near real time; to a hung instance
up to 60 s until the schedule, 60 s of doubt instead of 1 s, and 30 s instead of 3 s for each of the
two passes, whose commands nobody fetches: 2 to 3 min in all. EC2's own status checks run once a
minute (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html).
One instance alone has to be found unhealthy, ended and launched again by its Auto Scaling group
(https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html), to boot, and to
register with Systems Manager first: the last row counts from there. fck-nat, which is rebuilt like
that, documents about 5 minutes
(https://github.com/AndrewGuenther/fck-nat/blob/main/docs/limitations.md)."""
CALLS_EXPLAINED = """\
Of a pass that finds nothing new. Caches and network are asked by the page, of 100 clusters or
1,000 interfaces. A command counts as several calls, since its result is waited for."""
SWEPT_EXPLAINED = """\
Of a pass of the guard that finds nothing new, over groups of {rules} ingress rules, one of which
is reported; {groups} groups belong to one cache and one function. Groups, rules and interfaces are
asked for {batch} groups at a time, rules by the page of {page:,}, egress among them, caches and
records by the page. Each managed prefix list that a rule names would cost one call more, or one
for 100 entries: EC2 gives them by the list."""
JUDGE_SIZES = (25, 250, 2500)  # groups: the last is EC2's default quota for an account's Region
UPDATES_EXPLAINED = """\
The agent's rows are its `elapsed_ms`: everything but the start of Python and the probe of targets,
so they include reading the kernel before and after, looking for stale flows, cutting and saving.
The kernel's transaction is the swap alone, `nft` process included, as the bare rows include
theirs. The goal for the first apply of 500 forwards with nftables is below 100 ms: {first:.0f} ms
here."""
JUDGING_EXPLAINED = """\
Groups of 60 rules (EC2's default quota) as columns, pure Python, CPU time of one core. Goal:
2,500 groups in seconds. Their rules take {held:.0f} MB as Python values, judging them adds
{judging:.0f} MB at most, and all that a pass of the guard decides about them {finding:.0f} MB."""


def main(arguments: list[str]) -> int:
    """Measure and print; with --quick fewer repetitions, and the page is left as it is."""
    if unknown := set(arguments) - {"--quick"}:
        sys.stderr.write(f"benchmarks: unknown option {' '.join(sorted(unknown))}\n{__doc__}")
        return 2
    if not sandbox.inside():
        sys.stderr.write(f"benchmarks: needs network namespaces: {sandbox.why_not()}\n")
        return 1
    quick = "--quick" in arguments
    print("AWS calls ...", flush=True)
    called = calls.measure(CALL_SIZES)
    swept = sweeps.measure((3, 300) if quick else SWEEP_SIZES)
    print("planning ...", flush=True)
    planned = planning.measure(PLAN_SIZES, 3 if quick else 11)
    print("updates ...", flush=True)
    updated = updates.measure(UPDATE_SIZES, 1 if quick else 7)
    print("judging ...", flush=True)
    judged = judging.measure(JUDGE_SIZES, 1 if quick else 5)
    print("events ...", flush=True)
    noticed = events.measure(5 if quick else EVENTS)
    print("failovers ...", flush=True)
    failed_over = failovers.measure(2 if quick else FAIL_OVERS)
    for rows in (planned, updated, judged, noticed, failed_over):
        rows.save(ROOT / "build" / "benchmarks")
    page = report(planned, updated, judged, (noticed, failed_over), (called, swept))
    print(page)
    if not quick:
        (ROOT / "docs" / "benchmarks.md").write_text(page)
    return 0


def report(
    planned: Rows,
    updated: Rows,
    judged: Rows,
    lived: tuple[Rows, Rows],
    counted: tuple[Mapping[int, Mapping[str, int]], Mapping[int, Mapping[str, int]]],
) -> str:
    """Return the page; `lived` are events and failovers, `counted` calls and those of sweeps."""
    (noticed, failed_over), (called, swept) = lived, counted
    swap = "agent, nftables: of that, the kernel's transaction"
    one = "agent, nftables: apply with one target changed"
    ratios = [
        ("one target changed, kernel's transaction: 5,000 forwards to 50",
         updated.ratio(swap, 5000, swap, 50), "at most 2"),
        ("kernel's transaction to bare `nft -f`, one element among 500",
         updated.ratio(swap, 500, "nft -f: one element changed", 500), "at most 1.2"),
        ("one call a rule to our whole first apply, 500 forwards",
         updated.ratio("the guide: one iptables call a rule", 500,
                       "agent, nftables: first apply", 500), ""),
        ("first apply to apply with one target changed, 500 forwards",
         updated.ratio("agent, nftables: first apply", 500, one, 500), ""),
        ("steady plan: 5,000 nodes to 500", planned.ratio("steady plan", 5000, "steady plan", 500),
         "at most 10 (linear)"),
        ("judging mixed rules: 2,500 groups to 250",
         judged.ratio(judging.MIXED, 2500, judging.MIXED, 250), "about 10 (linear)"),
        ("all decisions of the guard: 2,500 groups to 250",
         judged.ratio(judging.FINDING, 2500, judging.FINDING, 250), "about 10 (linear)"),
    ]  # fmt: skip
    held, judging_adds, finding_adds = judging.memory(JUDGE_SIZES[-1])
    first = updated.medians()["agent, nftables: first apply"][500]
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Compare figures of this page with each other only.",
        "",
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {_machine()}.",
        "",
        "| ratio, taken within each repetition | median | least to greatest | goal |",
        "| --- | --- | --- | --- |",
        *(
            f"| {what} | {middle:.2f} | {least:.2f} to {most:.2f} | {goal} |"
            for what, (middle, least, most), goal in ratios
        ),
        "",
        "## Updates of the NAT instance",
        "",
        updated.markdown(UPDATE_SIZES),
        "",
        UPDATES_EXPLAINED.format(first=first),
        "",
        "## From an event to the kernel",
        "",
        *_noticed(noticed),
        "",
        "## From a dead NAT instance to an answer at the same address",
        "",
        *_failed_over(failed_over),
        "",
        "## AWS calls of a pass",
        "",
        calls.markdown(called, calls.GROUPS.values()),
        "",
        CALLS_EXPLAINED,
        "",
        calls.markdown(swept, sweeps.ROWS.values(), "groups"),
        "",
        SWEPT_EXPLAINED.format(
            rules=sweeps.RULES_A_GROUP,
            groups=sweeps.GROUPS_A_CACHE,
            batch=MOST_VALUES,
            page=RULES_PAGE,
        ),
        "",
        "## Planning",
        "",
        planned.markdown(PLAN_SIZES),
        "",
        "Nodes of cluster-mode groups, pure Python, one core. Goal: 500 nodes below 10 ms.",
        "",
        "## Judging ingress rules",
        "",
        judged.markdown(JUDGE_SIZES),
        "",
        JUDGING_EXPLAINED.format(held=held, judging=judging_adds, finding=finding_adds),
        "",
    ]
    return "\n".join(lines)


def _noticed(noticed: Rows) -> list[str]:
    ways = list(noticed.medians())
    quantiles = {way: noticed.quantiles(way) for way in ways}
    lines = [f"| {way} | {middle:.0f} | {high:.0f} |" for way, (middle, high) in quantiles.items()]
    share = quantiles[events.PASSING][0] / quantiles[events.PROVED][0]
    return ["| ms | p50 | p95 |", "| --- | ---: | ---: |", *lines, "",
            EVENTS_EXPLAINED.format(share=share)]  # fmt: skip


def _failed_over(rows: Rows) -> list[str]:
    quantiles = {way: rows.quantiles(way) for way in rows.medians()}
    lines = [f"| {way} | {middle:.0f} | {high:.0f} |" for way, (middle, high) in quantiles.items()]
    whole = quantiles[failovers.TERMINATED][0]
    waiting, passing, _ = (
        quantiles[f"{failovers.TERMINATED}: {part}"][0] / whole for part in failovers.PARTS
    )
    explained = FAIL_OVERS_EXPLAINED.format(waiting=waiting, passing=passing)
    return ["| ms | p50 | p95 |", "| --- | ---: | ---: |", *lines, "", explained]


def _machine() -> str:
    said = subprocess.run(["nft", "--version"], capture_output=True, text=True, check=True).stdout
    nft = said.split(" (")[0].strip().replace(" v", " ")
    linux = platform.release().partition("-")[0]
    return f"{os.cpu_count()} cores, Linux {linux}, Python {platform.python_version()}, {nft}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
