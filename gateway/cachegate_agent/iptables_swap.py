"""The way from the rules that the kernel holds to others, transaction by transaction.

iptables changes each table in a transaction of its own. So the filter first admits the flows of the
old rules and of the new, then the translation changes, then the filter narrows: at no moment does
the filter refuse what the translation lets in. Meanwhile it stamps no flow, where it admits
any that the new rules do not.
"""

from __future__ import annotations

from ipaddress import collapse_addresses
from typing import TYPE_CHECKING, Dict, List, Mapping, Optional, Union

from cachegate_agent.iptables_chains import TABLES, Content, Table
from cachegate_agent.iptables_text import Found, as_found, nothing, rewrite

if TYPE_CHECKING:
    from cachegate_agent.backend import Live
    from cachegate_agent.rules import Rules

Steps = List[List[str]]  # the lines of each transaction; none where the table needs no change
Held = Union[Content, Found]  # by a table: exactly the chains for a content, or what was found

_EMPTY = Table({}, {})


def steps(rules: Rules, stamp: int, before: Optional[Live], found: Mapping[str, Held]) -> Steps:
    """Return the transactions that lead from what was found to the rules.

    `before` is what the found chains mean, None where there are none.
    """
    after = Content(str(rules.identity), rules.admitted, rules.targets, stamp)
    wide = _both(rules, stamp, before) if before else after
    return [
        _step("raw", after, found.get("raw", nothing())),
        _step("filter", wide, found.get("filter", nothing())),
        _step("nat", after, found.get("nat", nothing())),
        _step("filter", after, wide),
    ]


def removal(found: Mapping[str, Found]) -> Steps:
    """Return the transactions that take everything away: the translation first."""
    return [
        rewrite(name, _EMPTY, found[name]) for name in ("nat", "filter", "raw") if name in found
    ]


def held(since: Live) -> Dict[str, Content]:
    """Return what each table holds where the kernel holds exactly this."""
    content = Content(str(since.identity), since.sources, since.targets, since.stamp)
    return dict.fromkeys(TABLES, content)


def _step(name: str, content: Content, since: Held) -> List[str]:
    """Return the transaction that leads a table from what it holds to a content."""
    table = TABLES[name]
    if isinstance(since, Found):
        return rewrite(name, table(content), since)
    return rewrite(name, table(content, since), as_found(table(since, content)))


def _both(rules: Rules, stamp: int, before: Live) -> Content:
    """Return what admits the flows of the old rules and of the new, under the old identity."""
    targets = dict(before.targets)
    for listen, added in rules.targets.items():
        there = targets.get(listen, ())
        targets[listen] = there if there == added else tuple(sorted({*there, *added}))
    sources = tuple(collapse_addresses([*before.sources, *rules.admitted]))
    is_wider = sources != rules.admitted or targets != rules.targets
    return Content(str(before.identity or ""), sources, targets, 0 if is_wider else stamp)
