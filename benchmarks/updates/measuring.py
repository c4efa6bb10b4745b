"""Measure updates: all forwards at once, then one target changed, by every way in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks.progress import rounds
from benchmarks.rows import Rows
from benchmarks.updates import names, one_target, rule_sets
from benchmarks.updates.instance import instance
from tests.integration.gateway.lab import payload

if TYPE_CHECKING:
    from benchmarks.updates.instance import Applied, Instance, Timed

SIZES, QUICK_SIZES = (1, 50, 500, 5_000), (1, 500)
REPETITIONS, QUICK_REPETITIONS = 6, 1
MANY_CALLS = 1_000  # rules; so many calls, one process each, are measured once: half a minute


class Turn(NamedTuple):
    """What one measurement belongs to."""

    rows: Rows
    here: Instance
    size: int
    repetition: int

    def keep(self, way: str, seconds: float) -> None:
        """Keep a time, in ms."""
        self.rows.add(way, self.size, self.repetition, seconds * 1000)


PLACES = ("sysctl", "-n", "net.netfilter.nf_conntrack_buckets")


def measure(*, quick: bool) -> Rows:
    """Measure every way at every size; the ways change their order from turn to turn."""
    rows = Rows("updates")
    ways = [_ours_by_nftables, _ours_by_iptables, _by_hand, _with_sets, _restore, _calls]
    with instance() as here:
        for repetition in rounds(QUICK_REPETITIONS if quick else REPETITIONS):
            for size in QUICK_SIZES if quick else SIZES:
                turn = Turn(rows, here, size, repetition)
                turn.keep(names.EMPTY, here.run("true").seconds)
                rows.add(names.PLACES, size, repetition, int(here.run(*PLACES).output))
                first = repetition % len(ways)
                for way in (*ways[first:], *ways[:first]):
                    way(turn)
                    here.clear()
        for size in QUICK_SIZES if quick else SIZES:
            one_target.measure(rows, here, size, quick=quick)
    return rows


def _ours_by_nftables(turn: Turn) -> None:
    script = _ours(turn, "nftables")
    turn.keep(names.same_text("nftables", names.FIRST), _nft(turn, script).seconds)
    _keep_length(turn, "ours", script)


def _ours_by_iptables(turn: Turn) -> None:
    done = turn.here.run("iptables-restore", "--noflush", text=_ours(turn, "iptables"))
    turn.keep(names.same_text("iptables", names.FIRST), done.seconds)


def _ours(turn: Turn, backend: str) -> str:
    """Apply twice, leave an empty kernel, and return the text that the first swap gave it."""
    texts = {}
    for generation, update in enumerate(names.UPDATES, 1):
        some = rule_sets.forwards(turn.size, changed=update == names.CHANGE)
        done: Applied = turn.here.apply(backend, payload(generation, *some))
        for step, seconds in (*done.seconds.items(), (names.START, done.start)):
            turn.keep(names.ours(backend, update, step), seconds)
        texts[update] = done.script
    turn.here.remove(backend)
    return texts[names.FIRST]


def _by_hand(turn: Turn) -> None:
    text = rule_sets.least_table(rule_sets.forwards(turn.size))
    turn.keep(names.other(names.BY_HAND, names.FIRST), _nft(turn, text).seconds)
    _keep_length(turn, names.BY_HAND, text)


def _with_sets(turn: Turn) -> None:
    """Show what the elements of our sets cost, apart from all else that our table has."""
    text = rule_sets.with_our_sets(rule_sets.forwards(turn.size))
    turn.keep(names.other(names.WITH_SETS, names.FIRST), _nft(turn, text).seconds)
    _keep_length(turn, names.WITH_SETS, text)


def _restore(turn: Turn) -> None:
    """Give the whole chain again for the change, which the kernel then swaps."""
    for update in names.UPDATES:
        text = rule_sets.restore_text(rule_sets.forwards(turn.size, changed=update == names.CHANGE))
        done = turn.here.run("iptables-restore", "--noflush", text=text)
        turn.keep(names.other(names.RESTORE, update), done.seconds)


def _calls(turn: Turn) -> None:
    if turn.size > MANY_CALLS and turn.repetition > 0:
        return
    some = rule_sets.forwards(turn.size)
    for update, text in (
        (names.FIRST, rule_sets.calls(some)),
        (names.CHANGE, rule_sets.calls_for_a_change(some)),
    ):
        turn.keep(names.other(names.CALLS, update), turn.here.run("sh", text=text).seconds)


def _nft(turn: Turn, text: str) -> Timed:
    return turn.here.run("nft", "-f", "-", text=text)


def _keep_length(turn: Turn, way: str, text: str) -> None:
    turn.rows.add(names.size_of_text(way), turn.size, turn.repetition, len(text) / 1000)
