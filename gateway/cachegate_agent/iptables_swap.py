"""The way from the rules that the kernel holds to others, transaction by transaction.

iptables changes each table in a transaction of its own. So the filter first admits the flows of the
old rules and of the new, then the translation changes, then the filter narrows: at no moment does
the filter refuse what the translation lets in. Meanwhile it stamps no flow, where it admits
any that the new rules do not.
"""

from __future__ import annotations

from ipaddress import collapse_addresses
from typing import TYPE_CHECKING, Dict, List, Mapping, Optional

from cachegate_agent.iptables_chains import Content, Table, filter_table, tables
from cachegate_agent.iptables_text import Found, as_found, nothing, rewrite

if TYPE_CHECKING:
    from cachegate_agent.backend import Live
    from cachegate_agent.rules import Rules

Steps = List[List[str]]  # the lines of each transaction; none where the table needs no change

_EMPTY = Table({}, {})


def steps(rules: Rules, stamp: int, before: Optional[Live], found: Mapping[str, Found]) -> Steps:
    """Return the transactions that lead from what was found to the rules.

    `before` is what the found chains mean, None where there are none.
    """
    wanted = tables(Content(str(rules.identity), rules.admitted, rules.targets, stamp))
    wide = filter_table(_both(rules, stamp, before)) if before else wanted["filter"]
    return [
        rewrite("raw", wanted["raw"], found.get("raw", nothing())),
        rewrite("filter", wide, found.get("filter", nothing())),
        rewrite("nat", wanted["nat"], found.get("nat", nothing())),
        rewrite("filter", wanted["filter"], as_found(wide)),
    ]


def removal(found: Mapping[str, Found]) -> Steps:
    """Return the transactions that take everything away: the translation first."""
    return [
        rewrite(name, _EMPTY, found[name]) for name in ("nat", "filter", "raw") if name in found
    ]


def held(since: Live) -> Dict[str, Found]:
    """Return the chains of a kernel that holds exactly this."""
    content = Content(str(since.identity), since.sources, since.targets, since.stamp)
    return {name: as_found(table) for name, table in tables(content).items()}


def _both(rules: Rules, stamp: int, before: Live) -> Content:
    """Return what admits the flows of the old rules and of the new, under the old identity."""
    targets = dict(before.targets)
    for listen, added in rules.targets.items():
        there = targets.get(listen, ())
        targets[listen] = there if there == added else tuple(sorted({*there, *added}))
    sources = tuple(collapse_addresses([*before.sources, *rules.admitted]))
    is_wider = sources != rules.admitted or targets != rules.targets
    return Content(str(before.identity or ""), sources, targets, 0 if is_wider else stamp)
