"""What `cachegate status` shows, at which width, and what it says is wrong."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from cachegate_cli.show_status import status
from cachegate_cli.troubles import troubles_of
from tests.unit.cli.asked import answering, run
from tests.unit.cli.told import (
    AT,
    FORWARDS,
    HOSTILE,
    ONE,
    TWO,
    address,
    cache,
    described,
    forward,
    instance,
    problem,
    vpc,
)

if TYPE_CHECKING:
    from tests.unit.cli.told import Answer


def drawn(answer: Answer, width: int, **how: Any) -> str:
    console = Console(
        file=StringIO(), width=width, markup=False, emoji=False, highlight=False, **how
    )
    console.print(status(answer))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_where_all_is_well_each_port_has_its_node_role_and_target() -> None:
    text = drawn(described(), 80)
    assert text.startswith("cachegate 1 cache, 4 of 4 listen ports forwarding, verified 12 s ago\n")
    assert "198.51.100.27/32 may connect to 203.0.113.73" in text
    assert "sessions redis TLS, AUTH" in text
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line[2:6].isdigit()}
    assert rows["6379"] == ["6379", "sessions-001/0001", "primary", "10.0.1.230:6379", "✓",
                            "forwarding"]  # fmt: skip
    assert rows["6382"] == ["6382", "readers", "10.0.1.231:6379", "✓", "forwarding"]
    assert f"NAT instance {ONE} running, verified, has the address" in text
    assert troubles_of(described()) == []


LONG = "a" * 40
WIDE = described(
    vpc(
        forwards=[
            forward(6379, f"{LONG}/{LONG}-0001-001/0001", "10.255.255.255:65535", role="replica"),
            forward(6380, f"{LONG}/readers", "10.0.1.1:6379", "10.0.1.2:6379", held="x " * 60),
            forward(6381, f"{LONG}/primary", state="waiting", reason="it has no address yet"),
        ],
        caches=[cache(LONG, tls=False, auth=False, cluster_mode=True, status="modifying")],
    ),
    not_forwarded=[problem("legacy", "no_nat_instance", "legacy: " + "word " * 60)],
)


@pytest.mark.parametrize("width", [72, 80, 100, 140])
@pytest.mark.parametrize("answer", [described(), WIDE])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut_off(
    answer: Answer, width: int
) -> None:
    text = drawn(answer, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    for each in (f for v in answer["vpcs"] for f in v["forwards"]):
        assert str(each["listen"]) in text
        assert all(target in text for target in each["targets"])


NAMES = st.text(min_size=1, max_size=90)


@settings(max_examples=40)  # each draws a whole page
@given(
    name=NAMES,
    node=NAMES,
    reason=NAMES,
    targets=st.lists(NAMES, max_size=3),
    width=st.integers(72, 200),
)
def test_whatever_things_are_called_it_fits(
    name: str, node: str, reason: str, targets: list[str], width: int
) -> None:
    entry = forward(6379, f"{name}/{node}", *(each[:21] for each in targets), reason=reason)
    answer = described(vpc(forwards=[entry], caches=[cache(name)]), stack=name)
    lines = drawn(answer, width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert any(line.startswith("  6379") for line in lines)


def test_more_width_tells_since_when_and_why() -> None:
    narrow, wide, widest = (drawn(described(), width) for width in (80, 100, 140))
    assert "SINCE" not in narrow
    assert "5 min" in wide
    assert "WHY" not in wide
    assert "it resolves to 10.0.1.230:6379" in widest


def test_colour_is_no_part_of_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = drawn(WIDE, 100)
    assert "\x1b" not in plain
    assert "\x1b" in drawn(WIDE, 100, force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    bare = drawn(WIDE, 100, force_terminal=True, color_system="standard")
    assert "\x1b[3" not in bare.replace("\x1b[3m", "")  # italics are no colour


@pytest.mark.parametrize(
    ("change", "says", "todo"),
    [
        ({"detached": True}, "detached: nothing is forwarded", "cachegate sync"),
        ({"verified_at": None}, "no pass is verified", "cachegate sync"),
        ({"verified_at": AT - 3000}, "was 50 min ago", "cachegate sync"),
        ({"nat_instances": []}, "has no NAT instance", "NatInstances=create"),
        ({"nat_instances": [instance(ONE, state="stopped")]}, "is stopped", None),
        (
            {"nat_instances": [instance(ONE, verified=False)], "verified_at": AT - 60},
            "has not proved the rule set",
            "cachegate sync",
        ),
        ({"nat_instances": [instance(ONE, verified=False)]}, "the newest rule set yet", None),
        (
            {"nat_instances": [instance(ONE)]},
            f"no other NAT instance can take over from {ONE}",
            None,
        ),
        (
            {"unreachable": [6380, 7000]},
            "had no answer from what is behind 6380",
            "cachegate doctor --probe",
        ),
        (
            {"nat_instances": [instance(ONE, health="impaired"), instance(TWO)]},
            "status checks",
            None,
        ),
        (
            {
                "nat_instances": [
                    instance(ONE, capacity={"conntrack": {"used": 9, "limit": 10}}),
                    instance(TWO),
                ]
            },
            "9 of 10 connections",
            "a larger instance",
        ),
        ({"address": address("due", reason="it fails")}, "it fails", "cachegate sync"),
        ({"address": address("elsewhere", reason="a web server")}, "web server", "cachegate move"),
        (
            {"forwards": [forward(1, "a/a/1", held="the brake")]},
            "1 (a/a/1) is held: the brake",
            None,
        ),
        (
            {"forwards": [forward(1, "a/a/1", state="waiting", reason="no address")]},
            "1 (a/a/1) waits: no address",
            None,
        ),
        ({"groups": {"add": [{}], "remove": [{}]}}, "2 security-group rules", "cachegate plan"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    change: dict[str, Any], says: str, todo: str | None
) -> None:
    (trouble,) = troubles_of(described(vpc(**change)))
    assert says in trouble.says
    assert (todo or "") in (trouble.todo or "")
    assert bool(trouble.todo) is bool(todo)


def test_what_is_wrong_stands_first_and_the_gravest_before_the_rest() -> None:
    answer = described(
        not_forwarded=[
            problem("pages", "plaintext", "pages has no TLS", forwarded=True),
            problem("carts", "plaintext", "carts has no TLS", forwarded=True),
            problem("legacy", "no_nat_instance", "legacy: no NAT instance in vpc-1"),
        ]
    )
    lines = drawn(answer, 100).splitlines()
    assert lines[1].startswith("✗ legacy: no NAT instance")
    assert lines[2].strip().startswith("→ deploy with NatInstances=create")
    assert lines[3].strip() == "! pages has no TLS (the same: carts)"
    assert "vpc-0a1b2c3d" in lines[5]


def test_a_stack_with_nothing_says_how_to_expose_a_cache() -> None:
    (trouble,) = troubles_of(described() | {"vpcs": []})
    assert "cachegate:expose" in (trouble.todo or "")


def test_an_older_function_is_drawn_and_told_to_be_updated() -> None:
    older = {key: value for key, value in vpc().items() if key != "caches"}
    fields = ("endpoint", "shard")
    older["forwards"] = [
        {key: value for key, value in each.items() if key not in fields} for each in FORWARDS
    ]
    text = drawn(described(older), 100)
    assert "sam deploy" in text
    assert "sessions redis TLS\n" in "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    assert "6379" in text


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"tls": True, "auth": False}, "TLS, no AUTH"),
        ({"tls": False, "auth": True}, "no TLS, AUTH"),
        ({"tls": False, "auth": False}, "no TLS, no AUTH"),
        ({"tls": False, "auth": False, "plaintext_accepted": True}, "accepted by its tag"),
    ],
)
def test_a_cache_says_how_it_is_protected(facts: dict[str, bool], told: str) -> None:
    assert told in drawn(described(vpc(caches=[cache("sessions", **facts)])), 80)


@pytest.mark.parametrize("state", ["withheld", "at_rest", "waiting", "leaving", "never heard of"])
def test_every_state_is_named(state: str) -> None:
    text = drawn(described(vpc(forwards=[forward(6379, "a/a/1", state=state)])), 80)
    assert state.replace("_", " ") in text


def test_a_detached_vpc_has_no_port_that_forwards() -> None:
    text = drawn(described(vpc(detached=True)), 80)
    assert "0 of 4 listen ports forwarding" in text
    assert text.count("✗ detached") == 4


def test_names_from_aws_neither_steer_the_terminal_nor_are_taken_for_markup() -> None:
    answer = described(
        vpc(
            forwards=[forward(6379, f"{HOSTILE}/{HOSTILE}", HOSTILE, reason=HOSTILE, role=HOSTILE)],
            caches=[cache(HOSTILE, engine=HOSTILE, status=HOSTILE)],
            nat_instances=[instance(HOSTILE, state=HOSTILE, health=HOSTILE)],
            vpc=HOSTILE,
        ),
        stack=HOSTILE,
        not_forwarded=[problem(HOSTILE, HOSTILE, HOSTILE)],
    )
    text = drawn(answer, 140)
    for character in "\x1b\x07\u202e":
        assert character not in text
    assert "[red]x[/red]" in text


def test_the_command_draws_and_ends_with_the_code_of_the_answer() -> None:
    good = run(answering(described()), "status")
    assert good.exit_code == 0
    assert "sessions-001/0001" in good.stdout
    assert not any(line.endswith(" ") for line in good.stdout.splitlines())
    bad = described(ok=False, error={"code": "try_again", "message": "a ledger\nis lost"})
    ended = run(answering(bad), "status")
    assert ended.exit_code == 1
    assert ended.stderr == "cachegate: a ledger is lost (try_again)\n"
    assert "sessions-001/0001" in ended.stdout


def test_an_error_alone_is_one_line() -> None:
    ended = run(
        answering({"ok": False, "error": {"code": "bad_request", "message": "no"}}), "status"
    )
    assert (ended.exit_code, ended.stderr) == (1, "cachegate: no (bad_request)\n")


def test_without_an_address_to_keep_one_nat_instance_needs_no_other() -> None:
    assert troubles_of(described(vpc(nat_instances=[instance(ONE)], address=None))) == []


def test_a_port_from_which_nothing_came_is_not_shown_as_forwarding() -> None:
    text = drawn(described(vpc(unreachable=[6380])), 80)
    assert "3 of 4 listen ports forwarding" in text
    (line,) = (line for line in text.splitlines() if line.startswith("  6380"))
    assert "! no answer" in line


def test_one_cache_can_be_shown_alone() -> None:
    carts = forward(6390, "carts/carts-001/0001", "10.0.1.9:6379")
    both = described(vpc(forwards=[*FORWARDS, carts], caches=[cache("sessions"), cache("carts")]))
    ended = run(answering(both), "status", "carts")
    assert ended.exit_code == 0
    assert "6390" in ended.stdout
    assert "sessions" not in ended.stdout


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("6380", "that is a listen port of sessions"),
        ("sessions-002", "that is a node of sessions"),
        ("sesions", "did you mean sessions?"),
        ("x", "there are sessions"),
    ],
)
def test_what_is_no_cache_is_one_line_and_the_code_is_1(word: str, meant: str) -> None:
    ended = run(answering(described()), "status", word)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == f"cachegate: there is no cache {word}: {meant}\n"
