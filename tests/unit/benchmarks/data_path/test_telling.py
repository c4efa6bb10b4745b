"""What is told of the rows, and nothing else is."""

from __future__ import annotations

from benchmarks.data_path.load import LOADS, NEW
from benchmarks.data_path.measuring import CPU, NAME, SLOW, TYPICAL
from benchmarks.data_path.peers import PEERS
from benchmarks.data_path.telling import tell
from benchmarks.data_path.ways import KERNEL, OURS, OURS_MANY, TLS, TRACKED
from benchmarks.rows import Rows

HAPROXY, NGINX, SOCAT = list(PEERS)[:3]
BEST = "the best of all other programs"


def rows(*ways: str, **rates: float) -> Rows:
    """Return two repetitions of equal figures: 1,000 requests a second where nothing is said."""
    made = Rows(NAME)
    for repetition in (0, 1):
        for way in ways:
            for load in LOADS:
                made.add(way, load.column, repetition, rates.get(way, 1000.0))
                for what in (CPU, TYPICAL, SLOW):
                    made.add(way, f"{load.column}: {what}", repetition, 1.0)
    return made


def test_each_goal_is_a_ratio_of_what_was_measured_in_the_same_repetition() -> None:
    nft, iptables = OURS.values()
    slow, many = OURS_MANY["iptables"], OURS_MANY["nftables"]
    rates = {
        TRACKED: 1000.0,
        nft: 960.0,
        iptables: 900.0,
        HAPROXY: 480.0,
        NGINX: 920.0,
        slow: 450.0,
        many: 950.0,
    }
    report = tell(rows(*KERNEL, HAPROXY, NGINX, **rates))

    found = {goal.what: (round(goal.found.median, 3), goal.met) for goal in report.goals}

    assert len(found) == 6 * len(LOADS)
    for load in LOADS:
        of = f"requests a second, {load.column}:"
        assert found[f"{of} `{nft}` to `{TRACKED}`"] == (0.96, True)
        assert found[f"{of} `{iptables}` to `{TRACKED}`"] == (0.9, False)
        assert found[f"{of} `{nft}` to `{NGINX}`, {BEST}"] == (1.043, True)
        assert found[f"{of} `{iptables}` to `{NGINX}`, {BEST}"] == (0.978, False)
        assert found[f"{of} `{many}` to `{nft}`"] == (0.99, False)  # no column worse
        assert found[f"{of} `{slow}` to `{iptables}`"] == (0.5, False)


def test_the_best_peer_is_another_one_where_another_is_ahead() -> None:
    made = rows(*KERNEL, HAPROXY, NGINX, **{NGINX: 2000.0})
    made.add(HAPROXY, NEW.column, 2, 5000)
    made.add(HAPROXY, NEW.column, 3, 5000)
    made.add(HAPROXY, NEW.column, 4, 5000)

    goals = [goal.what for goal in tell(made).goals if BEST in goal.what]

    of = [what for what in goals if f"`{HAPROXY}`" in what]
    assert [NEW.column in what for what in of] == [True] * len(OURS)
    assert sum(f"`{NGINX}`" in what for what in goals) == 2 * len(OURS)


def test_peers_that_were_not_measured_are_named_and_the_others_stand_in_the_tables() -> None:
    text = tell(rows(*KERNEL, TLS, HAPROXY, SOCAT)).text

    (line,) = [line for line in text.splitlines() if "Left out" in line]
    assert all(name in line for name in PEERS if name not in {HAPROXY, SOCAT})
    assert HAPROXY not in line
    assert text.count(f"| {HAPROXY} |") == 2
    assert f"| {NGINX} |" not in text


def test_without_any_peer_there_is_no_goal_against_one() -> None:
    report = tell(rows(*KERNEL, TLS))

    assert not any(BEST in goal.what for goal in report.goals)


def test_with_all_peers_no_line_says_that_one_is_missing() -> None:
    report = tell(rows(*KERNEL, TLS, *PEERS))

    assert "Left out" not in report.text
    assert "{" not in report.text
    assert report.pictures[0].markdown in report.text
