"""The alert: what people read of a pass, on a phone and at night."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.groups import STACK_TAG
from cachegate.domain.revocation import Author
from cachegate.errors import RuleRefusedError
from cachegate.guard.advice import AFTERMATH, NEW_ID
from cachegate.guard.alert import LONGEST_SUBJECT, MOST, RUNBOOK, Alert, alert_of
from cachegate.guard.revoke import Asked
from cachegate.guard.settings import Mode
from cachegate.guard.sweep import sweep
from tests.unit.guard.fakes import GROUP, read_source

if TYPE_CHECKING:
    from cachegate.domain.ingress import IngressRule
    from cachegate.guard.results import SweepResult
    from tests.unit.guard.fakes import World

ROOT = Path(__file__).parents[4]
EVE = Author(
    who="arn:aws:sts::123456789012:assumed-role/Ops/eve",
    event="AuthorizeSecurityGroupIngress",
    event_id="trail-1",
    at=1_799_999_940.0,
)


def alert(world: World, *by_eve: IngressRule) -> Alert | None:
    """Run a pass and return its alert."""
    alerts = []

    def tell(result: SweepResult) -> SweepResult:
        alerts.append(alert_of(result, world.settings))
        return result

    authors = {rule.rule_id: EVE for rule in by_eve}
    sweep(world.adapters, world.settings, Asked(authors=authors), tell)
    return alerts[0]


def text(world: World, *by_eve: IngressRule) -> str:
    found = alert(world, *by_eve)
    assert found is not None
    return found.text


def returning(world: World) -> IngressRule:
    """A rule that came back as often as the guard fights it."""
    world.set_policy(most_returns=1)
    world.add_rule("tcp 6379", "0.0.0.0/0")
    sweep(world.adapters, world.settings, Asked(), lambda result: result)
    return world.add_rule("tcp 6379", "0.0.0.0/0", **{STACK_TAG: "shop"})


def commands(text: str) -> list[dict[str, Any]]:
    """Return what the commands of an alert would send, as a shell reads them."""
    found = []
    for line in text.splitlines():
        if line.startswith("aws lambda "):
            words = shlex.split(line)
            assert words[:3] == ["aws", "lambda", "invoke"]
            assert words[words.index("--region") + 1] == "eu-west-1"
            assert words[words.index("--function-name") + 1] == "guard"
            assert words[-1] == "/dev/stdout"
            found.append(json.loads(words[words.index("--payload") + 1]))
    return found


def test_a_revocation_says_in_its_first_line_what_went(world: World) -> None:
    world.add_rule("tcp 6379", "0.0.0.0/0")

    found = alert(world)

    assert found is not None
    short = "1 ingress rule revoked: 0.0.0.0/0 to tcp 6379 of cart"
    assert found.subject == f"cachegate gate: {short}"
    assert found.text.splitlines()[:2] == [short, "cachegate stack gate, mode enforce"]
    assert found.text.count("ingress rule revoked") == found.text.count("INGRESS RULE") + 1 == 1
    assert found.text.endswith(f"\n\n{RUNBOOK}\n")


def test_a_subject_names_the_sender_once(world: World) -> None:
    world.set(stack="my-cachegate")
    world.add_rule("tcp 6379", "0.0.0.0/0")

    found = alert(world)

    assert found is not None
    assert found.subject.startswith("my-cachegate: 1 ingress rule revoked: ")


def test_the_runbook_has_the_heading_that_an_alert_names() -> None:
    page, _, anchor = RUNBOOK.removeprefix("Runbook: ").partition("#")
    headings = [
        line.removeprefix("## ").lower().replace(" ", "-")
        for line in (ROOT / page).read_text().splitlines()
        if line.startswith("## ")
    ]

    assert anchor in headings


def test_a_revocation_is_told_with_all_that_a_person_asks(world: World) -> None:
    rule = world.add_rule("tcp 6000-7000", "0.0.0.0/0", **{STACK_TAG: "shop"})

    told = text(world, rule)

    for line in (
        f"{rule.rule_id} in {GROUP} (sg-cache name, vpc-1)",
        "  admits: 0.0.0.0/0 (world) to tcp 6000-7000",
        "  caches: cart",
        "  severity: critical",
        f"  added by: {EVE.who} by {EVE.event} at 2027-01-15 07:59:00 UTC, event trail-1",
        "  public with it: eni-i-web (i-web, public at 198.51.100.9)",
        "  CloudFormation stack: shop",
    ):
        assert line in told.splitlines()
    assert "why: 0.0.0.0/0 admits every IPv4 address" in told
    assert AFTERMATH in told
    assert NEW_ID in told


def test_the_commands_give_back_and_exempt_as_a_shell_reads_them(world: World) -> None:
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    excuse = {"owner": "YOU", "expires": "2027-02-14", "reason": "WHY"}

    (restore,) = commands(text(world))

    assert restore == {"action": "restore", "rule": rule.rule_id, "exempt": excuse}


def test_of_several_rules_the_command_says_which_one_it_names(world: World) -> None:
    rules = [world.add_rule("tcp 6379", source) for source in ("0.0.0.0/0", "::/0")]

    told = text(world)

    assert "TO GIVE A RULE (here the first one) BACK, say who answers" in told
    first = next(line for line in told.splitlines() if line.startswith("sgr-")).split()[0]
    assert first in {rule.rule_id for rule in rules}
    assert [each["rule"] for each in commands(told)] == [first]


def test_what_goes_with_a_range_is_told(world: World) -> None:
    world.add_rule("tcp 6379-6380", "0.0.0.0/0")
    assert "goes too" not in text(world)

    world.add_rule("tcp 443-7000", "0.0.0.0/0")
    assert "what else it admits goes too: tcp 443-6378, tcp 6381-7000\n" in text(world)

    world.add_rule("-1", "0.0.0.0/0")
    assert "what else it admits goes too: every other port and protocol\n" in text(world)


def test_a_rule_without_an_event_says_so(world: World) -> None:
    world.add_rule("tcp 6379", "0.0.0.0/0")

    assert "  added by: not known: no event told of it" in text(world).splitlines()


def test_what_was_opened_instead_is_told(world: World) -> None:
    world.set_policy(carve_ranges=True, add_own_path=True)
    world.add_nat()
    world.add_cache("cart", GROUP, exposed=True)
    world.add_rule("tcp 6000-7000", "0.0.0.0/0")

    line = "  opened instead: tcp 6000-6378 from 0.0.0.0/0, tcp 6381-7000 from 0.0.0.0/0, "

    assert any(each.startswith(line) and "sg-nat" in each for each in text(world).splitlines())


def test_a_rule_that_came_back_is_open_and_names_the_stack_that_puts_it_there(
    world: World,
) -> None:
    rule = returning(world)

    told = text(world, rule)

    assert told.startswith("1 ingress rule is OPEN and needs you: 0.0.0.0/0 to tcp 6379 of cart\n")
    assert "and came back: the CloudFormation stack shop puts it there" in told
    assert "  to do: take the rule out of what the CloudFormation stack shop declares" in told
    assert AFTERMATH not in told  # nothing was revoked
    (exempt,) = commands(told)
    assert (exempt["action"], exempt["rule"]) == ("exempt", rule.rule_id)


def test_a_refusal_is_told_once(world: World) -> None:
    returning(world)
    assert alert(world) is not None

    assert alert(world) is None


def test_what_is_open_comes_before_what_is_done(world: World) -> None:
    world.add_rule("tcp 6379", "0.0.0.0/0")
    world.add_rule("tcp 6379", "::/0")
    world.wire.fail("groups.revoke", RuleRefusedError("EC2 said no"))

    found = alert(world)

    assert found is not None
    first = "1 ingress rule could not be revoked and is OPEN; 1 ingress rule revoked"
    assert found.subject.startswith(f"cachegate gate: {first}, ")
    assert len(found.subject) == LONGEST_SUBJECT
    assert found.text.startswith(f"{first}, the gravest: 0.0.0.0/0 to tcp 6379 of cart\n")
    assert "  failed: rule_refused: EC2 said no" in found.text.splitlines()


def test_what_waits_for_the_next_pass_is_open_meanwhile(world: World) -> None:
    world.set_policy(most_revocations=1)
    for source in ("0.0.0.0/0", "::/0"):
        world.add_rule("tcp 6379", source)

    told = text(world)

    assert told.startswith("1 ingress rule revoked; 1 ingress rule is OPEN until a later pass,")


def test_observe_tells_once_what_enforce_would_revoke(world: World) -> None:
    world.set(mode=Mode.OBSERVE)
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")

    told = text(world, rule)

    headline = "1 ingress rule is OPEN (enforce would revoke it)"
    assert told.startswith(f"{headline}: 0.0.0.0/0 to tcp 6379 of cart\n")
    assert EVE.who in told
    assert [each["action"] for each in commands(told)] == ["exempt"]
    by_hand = f"--group-id {GROUP} --security-group-rule-ids {rule.rule_id}"
    revoke = f"aws ec2 revoke-security-group-ingress --region eu-west-1 {by_hand}"
    assert f"TO REVOKE IT (by hand, and nothing gives it back):\n{revoke}\n" in told
    assert alert(world) is None


def test_no_command_revokes_by_hand_what_has_to_wait_for_a_person_or_a_pass(world: World) -> None:
    world.set(mode=Mode.OBSERVE)
    world.add_nat()
    world.add_cache("cart", GROUP, exposed=True)
    world.add_rule("tcp 6379", "0.0.0.0/0")  # the NAT instance's only way

    told = text(world)

    assert "needs you" in told
    assert "revoke-security-group-ingress" not in told


@pytest.mark.parametrize(
    ("traffic", "source", "tags"),
    [
        ("tcp 6379", "203.0.113.7/32", {}),  # allowed
        ("tcp 22", "0.0.0.0/0", {}),  # for a person to judge
        ("tcp 22", "0.0.0.0/0", {"cachegate:exempt": "ops|2027-12-31|a migration"}),
    ],
)
def test_what_nobody_has_to_act_on_sends_nothing(
    world: World, traffic: str, source: str, tags: dict[str, str]
) -> None:
    world.add_rule(traffic, source, **tags)

    assert alert(world) is None


def test_an_exemption_is_told_once_and_again_where_its_rule_was_widened(world: World) -> None:
    excuse = {"cachegate:exempt": "ops|2027-12-31|a migration"}
    rule = world.add_rule("tcp 6379", "13.0.0.0/8", **excuse)
    first = alert(world)
    assert first is not None
    assert "1 ingress rule is OPEN by an exemption" in first.text
    assert "ops answers for it through 2027-12-31: a migration" in first.text
    assert "TO LEAVE" not in first.text
    assert alert(world) is None

    world.ec2.held[rule.rule_id] = replace(rule, source=read_source("0.0.0.0/0"))

    again = alert(world)
    assert again is not None
    assert "0.0.0.0/0" in again.subject


def test_of_many_rules_the_gravest_twenty_are_named_and_the_rest_is_counted(world: World) -> None:
    world.add_group("sg-quiet")
    world.add_cache("users", "sg-quiet")
    world.add_instance("i-inner", "sg-quiet")  # with no public address: less grave
    quiet = [world.add_rule("tcp 6379", f"{n}.0.0.0/8", "sg-quiet") for n in range(20, 30)]
    world.set_policy(most_revocations=1000)
    grave = [world.add_rule("tcp 6379", f"{n}.0.0.0/8") for n in range(30, 50)]

    told = text(world)

    named = {line.split()[0] for line in told.splitlines() if line.startswith("sgr-")}
    assert named == {rule.rule_id for rule in grave}
    assert len(named) == MOST
    assert told.startswith("30 ingress rules revoked, the gravest: ")
    assert f"and {len(quiet)} more, which the actions `findings` and `plan` name" in told


def test_the_longest_names_make_an_alert_that_sns_takes(world: World) -> None:
    world.set_policy(most_revocations=1000)
    world.ec2.known[GROUP] = replace(world.ec2.known[GROUP], name="n" * 255)
    for number in range(200):
        world.add_cache(f"{'c' * 45}{number:03}", GROUP)
        world.add_interface(
            f"eni-{'0' * 14}{number:03}",
            GROUP,
            address=f"10.1.{number // 250}.{number % 250}",
            public_addresses=frozenset({IPv4Address(f"198.51.{number // 250}.{number % 250}")}),
            description="d" * 255,
        )
    rules = [
        world.add_rule(
            "tcp 0-65535", f"{n}.0.0.0/8", description="d" * 255, **{STACK_TAG: "s" * 128}
        )
        for n in range(11, 71)
    ]

    found = alert(world, *rules)

    assert found is not None
    assert len(found.text.encode()) < 100_000
    assert "and 196 more" in found.text  # caches of one paragraph


def test_of_a_rule_that_was_gone_already_nothing_is_said_to_be_opened(world: World) -> None:
    world.set_policy(carve_ranges=True)
    rule = world.add_rule("tcp 6000-7000", "0.0.0.0/0")

    def remove(_number: int, name: str, _args: object) -> None:
        if name == "network.nat_instances":  # late in the look
            world.ec2.take(rule.rule_id)

    world.wire.before = remove

    told = text(world)

    assert "it was gone already when its turn came" in told
    assert "opened instead" not in told
    assert "stays open" not in told


def test_no_text_of_a_stranger_makes_a_line_of_its_own(world: World) -> None:
    name = "web\n\nALL IS WELL\r\x1b[2J\u202e"
    world.ec2.known[GROUP] = replace(world.ec2.known[GROUP], name=name)
    rule = world.add_rule("tcp 6379", "0.0.0.0/0")
    liar = Author(who="eve\nALL IS WELL", event="x\ny", event_id="\x00", at=None)
    alerts = []

    def tell(result: SweepResult) -> SweepResult:
        alerts.append(alert_of(result, world.settings))
        return result

    sweep(world.adapters, world.settings, Asked(authors={rule.rule_id: liar}), tell)

    (found,) = alerts
    assert found is not None
    assert f"{rule.rule_id} in {GROUP} (web ALL IS WELL [2J , vpc-1)" in found.text.splitlines()
    assert not any(line.startswith("ALL IS WELL") for line in found.text.splitlines())
    assert all(char.isprintable() or char == "\n" for char in found.text)


def test_the_alert_of_thousands_of_rules_takes_seconds(world: World) -> None:
    world.set(mode=Mode.OBSERVE)
    for number in range(8_000):
        world.add_rule(f"tcp 6379-{number + 7_000}", "0.0.0.0/0")
    began = time.process_time()

    found = alert(world)

    # Two, on a slow core; where each finding is compared with each it is half a minute.
    assert time.process_time() - began < 12.0
    assert found is not None
    assert "8000 ingress rules are OPEN" in found.subject
