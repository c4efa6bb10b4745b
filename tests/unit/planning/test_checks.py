"""Each check of `doctor`: passes where things are in order, fails and is unknown with a fix."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate.domain.check import Check, CheckState, Unanswered
from cachegate.domain.ledger import Withheld
from cachegate.domain.plan import Problem
from cachegate.planning.checks import life, on_instance, place, ways
from cachegate.planning.checks.every import EVERY, check
from tests.unit.planning.check_cases import CASES, FAIL, PASS, UNKNOWN
from tests.unit.planning.command_line import read
from tests.unit.planning.sound import LEASE, LEDGER, REPORT, SOUND, but, says, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachegate.planning.checks.facts import Facts

    Checker = Callable[[Facts], Iterator[Check]]


@pytest.mark.parametrize(
    ("checker", "facts", "state", "words", "fix"),
    [case[1:] for case in CASES],
    ids=[f"{case[1].__name__}: {case[0]}" for case in CASES],
)
def test_a_check_says_what_is_so_and_what_to_do_where_it_does_not_pass(
    checker: Checker, facts: Facts, state: str, words: str, fix: str
) -> None:
    found = says(checker, facts)

    assert found[0] == state, found
    assert words in found[1]
    assert fix in found[2]


COMMANDS = sorted(
    {
        line.fix.partition(";")[0]
        for _, checker, facts, *_ in CASES
        for line in checker(facts)
        if line.fix and line.fix.startswith("aws ")
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_fix_that_is_a_command_has_the_shape_that_the_aws_command_line_takes(
    command: str,
) -> None:
    assert read(shlex.split(command)[1:]).parameters


@pytest.mark.parametrize("checker", [*EVERY, on_instance.targets], ids=lambda each: each.__name__)
def test_each_check_has_a_case_of_each_state_that_it_knows(checker: Checker) -> None:
    states = {case[3] for case in CASES if case[1] is checker}

    lacks: dict[Checker, set[str]] = {
        ways.path_mtu: {FAIL},
        place.platform: {FAIL},
    }
    assert states == {PASS, FAIL, UNKNOWN} - lacks.get(checker, set())


def test_where_all_is_in_order_every_line_passes() -> None:
    assert {line.state for line in check(SOUND, probe=True)} == {CheckState.PASS}


def test_only_a_probe_tells_of_targets() -> None:
    assert "target" in {line.check for line in check(SOUND, probe=True)}
    assert "target" not in {line.check for line in check(SOUND, probe=False)}


@pytest.mark.parametrize(
    "changes",
    [
        {"leases": {LEASE.key: replace(LEASE, targets=())}},
        {"withheld": {"cart": Withheld(since=0.0, reason="in the clear")}},
    ],
    ids=["waiting", "withheld"],
)
def test_a_listen_port_that_leads_nowhere_is_not_probed(changes: dict[str, Any]) -> None:
    ledger = replace(LEDGER, **changes)

    facts = replace(told(digest=ledger.rule_set.digest), ledger=ledger)

    assert list(on_instance.targets(facts)) == []


def test_every_check_has_a_name_of_its_own() -> None:
    names = [{line.check for line in each(SOUND)} for each in (*EVERY, on_instance.targets)]

    assert all(len(each) == 1 for each in names)
    assert len(set.union(*names)) == len(names)


def test_caches_outside_any_vpc_and_those_without_a_nat_instance_fail_with_a_fix() -> None:
    problems = [
        Problem(code="no_vpc", cache="old", message="old: it is in no VPC"),
        Problem(code="no_nat_instance", cache="far", message="far: there is no NAT instance"),
        Problem(code="two_stacks", cache="both", message="both: ..."),
    ]

    found = {line.subject: line for line in place.homeless(problems, "gate")}

    assert {name: (line.check, line.state) for name, line in found.items()} == {
        "old": ("platform", CheckState.FAIL),
        "far": ("nat-instance", CheckState.FAIL),
    }
    assert "cachegate:nat,Value=gate" in str(found["far"].fix)


def test_without_any_nat_instance_each_cache_is_told_of_once() -> None:
    assert list(place.nat_instance(but(instances=()))) == []


@pytest.mark.parametrize(
    ("kind", "older"),
    [
        ("t4g.nano", True), ("t2.micro", True), ("m5.large", True), ("c7gn.medium", True),
        ("u-6tb1.metal", False), ("m8g.large", False), ("r8i-flex.large", False),
        ("p5.48xlarge", False), ("x2iedn.xlarge", True), ("mac2-m2.metal", True), ("", False),
    ],
)  # fmt: skip
def test_only_of_types_that_are_surely_older_the_usual_time_is_believed(
    kind: str, *, older: bool
) -> None:
    assert life.is_older(kind) == older


@pytest.mark.parametrize(("state", "fix"), [(CheckState.PASS, "do"), (CheckState.FAIL, None)])
def test_a_check_has_a_fix_exactly_where_it_does_not_pass(
    state: CheckState, fix: str | None
) -> None:
    with pytest.raises(ValueError, match="has a fix exactly where"):
        Check(check="x", subject="y", state=state, says="z", fix=fix)


def test_what_aws_says_in_several_lines_becomes_one() -> None:
    line = Check(check="x", subject="y", state=CheckState.FAIL, says="a\n b", fix="c\nd")

    assert (line.says, line.fix) == ("a b", "c d")


RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda parts: (
        st.lists(parts, max_size=2) | st.dictionaries(st.text(max_size=5), parts, max_size=2)
    ),
    max_leaves=4,
)


@given(field=st.sampled_from(sorted(REPORT)), value=RUBBISH)
def test_whatever_an_agent_reports_every_check_of_every_instance_is_made(
    field: str, value: object
) -> None:
    sound = {(line.check, line.subject) for line in check(SOUND, probe=False)}

    assert {
        (line.check, line.subject) for line in check(told(**{field: value}), probe=False)
    } == sound


@pytest.mark.parametrize("senders", [["rubbish"], "10.0.0.10", [], None])
def test_senders_that_nobody_can_read_are_not_known(senders: object) -> None:
    report = told(senders=senders).report(SOUND.instances[0])

    assert not isinstance(report, Unanswered)
    assert report.senders is None
