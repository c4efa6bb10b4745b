"""What becomes of each rule: one row for each reason to let it go, or to leave it alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.domain.finding import EXEMPT, Path, Sharing, Use
from cachegate.domain.groups import STACK_TAG
from cachegate.domain.ingress import PrefixList, UnknownSource
from cachegate.domain.judgement import IngressPolicy
from cachegate.domain.traffic import TCP, Traffic
from cachegate.planning.findings import find
from tests.unit.planning.guarded import (
    AT,
    DAY,
    DOUBTFUL,
    EXCLUSIVE,
    EXPOSED,
    POLICY,
    SHARED,
    THEIRS,
    cache,
    group,
    interface,
    nat,
    policy,
    revocation,
    view,
)
from tests.unit.planning.ingress import entries, network, rule

if TYPE_CHECKING:
    from cachegate.domain.finding import Finding
    from cachegate.domain.guard_policy import GuardPolicy
    from cachegate.domain.guard_view import GuardView
    from cachegate.domain.ingress import IngressRule

WORLD = rule("tcp 6379 0.0.0.0/0")
DEFAULT = Sharing(use=Use.SHARED, reason="it is the default group of its VPC")


def the(seen: GuardView, by: GuardPolicy = POLICY) -> Finding:
    (finding,) = find(seen, by)
    return finding


def steps(seen: GuardView, by: GuardPolicy = POLICY) -> dict[str, str]:
    return {finding.rule.rule_id: finding.step.value for finding in find(seen, by)}


def tagged(value: str, of: IngressRule = WORLD) -> IngressRule:
    return replace(of, tags={EXEMPT: value})


# Name, rule, fields of the view, step, severity, words of the reason.
ONE = [
    # Who is concerned
    ("the world on a shared group", WORLD, {}, "revoke", "high", "the group is shared: eni-web"),
    (
        "the world, and something public has the group",
        WORLD,
        {"sharing": EXPOSED},
        "revoke",
        "critical",
        "",
    ),
    (
        "the world on a default group",
        WORLD,
        {"sharing": DEFAULT, "groups": (group(name="default"),)},
        "revoke",
        "high",
        "default group",
    ),
    (
        "the world on a group that caches alone have",
        WORLD,
        {"sharing": EXCLUSIVE},
        "report",
        "high",
        "caches alone have it",
    ),
    (
        "the world where nobody knows who has the group",
        WORLD,
        {"sharing": DOUBTFUL},
        "report",
        "high",
        "not known",
    ),
    (
        "the world on another account's group",
        WORLD,
        {"groups": (group(owner=THEIRS),)},
        "report",
        "high",
        THEIRS,
    ),
    # What is too wide, and where
    ("half the world", rule("tcp 6379 0.0.0.0/1"), {}, "revoke", "high", ""),
    ("a public /8", rule("tcp 6379 13.0.0.0/8"), {}, "revoke", "high", ""),
    ("IPv6 global unicast", rule("tcp 6379 2000::/3"), {}, "revoke", "high", ""),
    ("every protocol", rule("-1 0.0.0.0/0"), {}, "revoke", "high", ""),
    ("a range that merely contains the port", rule("tcp 6000-7000 ::/0"), {}, "revoke", "high", ""),
    (
        "a list with the world in it",
        rule("tcp 6379", entries("0.0.0.0/0")),
        {},
        "revoke",
        "high",
        "",
    ),
    (
        "a web server's port",
        rule("tcp 443 0.0.0.0/0"),
        {},
        "report",
        "low",
        "a person has to judge it",
    ),
    (
        "a web server's port on something public",
        rule("tcp 443 0.0.0.0/0"),
        {"sharing": EXPOSED},
        "report",
        "medium",
        "",
    ),
    ("the port by UDP", rule("udp 11211 0.0.0.0/0"), {}, "report", "low", ""),
    ("every ICMP type", rule("icmp 0-65535 0.0.0.0/0"), {}, "report", "low", ""),
    ("out of private space", rule("tcp 6379 172.16.0.0/11"), {}, "report", "medium", ""),
    (
        "out of private space, and something public",
        rule("tcp 6379 172.16.0.0/11"),
        {"sharing": EXPOSED},
        "report",
        "high",
        "",
    ),
    (
        "a source that is none that we know",
        rule("tcp 6379", UnknownSource("a riddle")),
        {},
        "report",
        "medium",
        "",
    ),
    ("a list that nobody can read", rule("tcp 6379 pl-1"), {}, "report", "medium", ""),
    (
        "a list of AWS's own",
        rule(
            "tcp 6379",
            PrefixList(list_id="pl-1", entries=(network("0.0.0.0/0"),), aws_name="com.amazonaws.x"),
        ),
        {},
        "report",
        "medium",
        "",
    ),
    # The real ports
    (
        "a port that only this cache has",
        rule("tcp 7000 0.0.0.0/0"),
        {"caches": (cache(ports=frozenset({7000})),)},
        "revoke",
        "high",
        "",
    ),
    ("the same where no cache has it", rule("tcp 7000 0.0.0.0/0"), {}, "report", "low", ""),
    (
        "a port of a cache with another group",
        rule("tcp 7000 0.0.0.0/0"),
        {"caches": (cache(), cache("b", "sg-2", ports=frozenset({7000})))},
        "report",
        "low",
        "",
    ),
    (
        "Memcached's port, though the cache speaks Redis",
        rule("tcp 11211 0.0.0.0/0"),
        {},
        "revoke",
        "high",
        "",
    ),
    (
        "a cache of which AWS shows no port yet",
        WORLD,
        {"caches": (cache(ports=frozenset()),)},
        "revoke",
        "high",
        "",
    ),
    # Exemptions
    (
        "exempt",
        tagged("ann|2026-11-25|moves"),
        {},
        "exempt",
        "high",
        "ann answers for it through 2026-11-25: moves",
    ),
    (
        "exempt until yesterday",
        tagged("ann|2026-11-24|moves"),
        {},
        "revoke",
        "high",
        "ann ended after 2026-11-24",
    ),
    ("exempt by a tag of no form", tagged("yes"), {}, "revoke", "high", "excuses nothing"),
    (
        "exempt by its description",
        replace(WORLD, description="keep cachegate:exempt ann|2099-01-01|x"),
        {},
        "revoke",
        "high",
        "",
    ),
    (
        "exempt by a tag of the group",
        WORLD,
        {"groups": (group(tags={EXEMPT: "ann|2099-01-01|x"}),)},
        "revoke",
        "high",
        "",
    ),
    (
        "judged by a person although only reported",
        tagged("ann|2027-01-31|ours", rule("tcp 6379 172.16.0.0/11")),
        {},
        "exempt",
        "medium",
        "ann",
    ),
    (
        "judged by a person on an exclusive group",
        tagged("ann|2027-01-31|ours"),
        {"sharing": EXCLUSIVE},
        "exempt",
        "high",
        "ann",
    ),
    (
        "reported, and the exemption is over",
        tagged("ann|2026-11-24|ours", rule("tcp 443 0.0.0.0/0")),
        {},
        "report",
        "low",
        "ended after 2026-11-24",
    ),
]


@pytest.mark.parametrize(
    ("of", "seen", "step", "severity", "words"), [case[1:] for case in ONE], ids=[c[0] for c in ONE]
)
def test_each_rule_gets_its_step(
    of: IngressRule, seen: dict[str, Any], step: str, severity: str, words: str
) -> None:
    finding = the(view([of], **seen))

    assert (finding.step, finding.severity) == (step, severity)
    assert words in finding.reason
    assert finding.rule is of


@pytest.mark.parametrize(
    "text",
    [
        "tcp 6379 10.0.0.0/8",
        "tcp 6379 203.0.114.5/32",
        "-1 sg-1",  # the default group's own reference: without it caches and clients part
        "tcp 6379 sg-9",
        "tcp 6379 13.0.0.0/9",
        "tcp 6379 fc00::/7",
    ],
)
def test_what_is_allowed_is_no_finding(text: str) -> None:
    assert find(view([text], sharing=EXPOSED), POLICY) == ()


def test_an_office_beside_a_wide_source_is_never_named() -> None:
    named = steps(view(["tcp 6379 0.0.0.0/0", "tcp 6379 203.0.114.5/32", "tcp 6379 10.0.0.0/8"]))

    assert named == {"sgr-0": "revoke"}


def test_of_a_union_the_widest_go_until_the_rest_is_below_the_knob() -> None:
    texts = ["tcp 6379 13.0.0.0/9", "tcp 6379 14.0.0.0/9", "tcp 6379 15.0.0.0/24"]

    assert steps(view(texts)) == {"sgr-0": "revoke"}


def test_sources_of_two_groups_are_no_union() -> None:
    rules = [rule("tcp 6379 13.0.0.0/9"), rule("tcp 6379 14.0.0.0/9", number=1, group="sg-2")]
    seen = view(rules, groups=(group(), group("sg-2")), caches=(cache(groups="sg-1 sg-2"),))

    assert find(seen, POLICY) == ()


def test_each_group_is_judged_by_its_own_sharing_owner_and_ports() -> None:
    ids = ["sg-1", "sg-2", "sg-3", "sg-4"]
    seen = view(
        [rule("tcp 7000 0.0.0.0/0", number=n, group=group_id) for n, group_id in enumerate(ids)],
        groups=(group(), group("sg-2"), group("sg-3", owner=THEIRS), group("sg-4")),
        caches=(cache(groups="sg-1 sg-2 sg-3", ports=frozenset({7000})), cache("b", "sg-4")),
        sharing=dict.fromkeys(ids, SHARED) | {"sg-2": EXCLUSIVE},
    )

    assert steps(seen) == {
        "sgr-0": "revoke",
        "sgr-1": "report",  # exclusive
        "sgr-2": "report",  # another account's
        "sgr-3": "report",  # its cache has another port
    }


def test_a_finding_names_the_caches_that_have_the_group_and_no_others() -> None:
    caches = (cache("b"), cache("a", "sg-1 sg-2"), cache("c", "sg-2"))

    assert the(view([WORLD], caches=caches)).caches == ("a", "b")


def test_rules_of_a_group_that_we_cannot_see_are_nobodys_finding() -> None:
    assert find(view([rule("tcp 6379 0.0.0.0/0", group="sg-unseen")]), POLICY) == ()


# The knobs


def test_an_exclusive_group_is_acted_on_only_where_the_stack_says_so() -> None:
    finding = the(view([WORLD], sharing=EXCLUSIVE), policy(revoke_exclusive=True))

    assert finding.step == "revoke"
    assert finding.reason == "caches alone have it, and the stack revokes there too"


@pytest.mark.parametrize("whose", [{"sharing": DOUBTFUL}, {"groups": (group(owner=THEIRS),)}])
def test_no_knob_touches_a_doubtful_group_or_another_accounts(whose: dict[str, Any]) -> None:
    every = policy(revoke_exclusive=True, carve_ranges=True, add_own_path=True)

    assert the(view([WORLD], **whose), every).step == "report"


def test_knobs_of_the_judge_are_heeded() -> None:
    by = policy(judge=IngressPolicy(wide_ipv4=16, protected=frozenset({9999})))

    assert steps(view(["tcp 6379 13.0.0.0/16", "tcp 9999 13.0.0.0/16"]), by) == {
        "sgr-0": "revoke",  # the cache's own port, which the knob need not name
        "sgr-1": "revoke",
    }


@pytest.mark.parametrize(
    ("text", "step", "carved"),
    [
        ("tcp 6379 0.0.0.0/0", "revoke", []),
        ("tcp 6379-6380 0.0.0.0/0", "revoke", []),
        ("tcp 6000-7000 0.0.0.0/0", "carve", ["tcp 6000-6378", "tcp 6381-7000"]),
        ("tcp 0.0.0.0/0", "carve", ["tcp 0-6378", "tcp 6381-11210", "tcp 11212-65535"]),
        ("-1 0.0.0.0/0", "revoke", []),
        ("tcp 443 0.0.0.0/0", "report", []),
    ],
)
def test_a_range_is_carved_only_where_ports_are_left(
    text: str, step: str, carved: list[str]
) -> None:
    finding = the(view([text]), policy(carve_ranges=True))

    assert (finding.step, list(map(str, finding.carved))) == (step, carved)
    assert all(each in finding.reason for each in carved)


def test_the_real_port_of_a_cache_is_carved_out_too() -> None:
    seen = view(["tcp 6380-7001 0.0.0.0/0"], caches=(cache(ports=frozenset({7000})),))

    finding = the(seen, policy(carve_ranges=True))

    assert list(map(str, finding.carved)) == ["tcp 6381-6999", "tcp 7001"]


def test_ranges_go_whole_unless_the_stack_carves() -> None:
    finding = the(view(["tcp 6000-7000 0.0.0.0/0"]))

    assert (finding.step, finding.carved) == ("revoke", ())


# Rules that come back


@pytest.mark.parametrize(
    ("times", "most", "step"),
    [(2, 3, "revoke"), (3, 3, "refuse"), (4, 3, "refuse"), (1, 1, "refuse")],
)
def test_a_rule_that_came_back_so_often_is_left_to_a_person(
    times: int, most: int, step: str
) -> None:
    former = [rule("tcp 6379 0.0.0.0/0", number=number) for number in range(times)]
    seen = view(
        [replace(WORLD, rule_id="sgr-now")],
        revocations=tuple(revocation(each, revoked_at=AT - DAY) for each in former),
        groups=(group(tags={STACK_TAG: "shop"}),),
    )

    finding = the(seen, policy(most_returns=most))

    assert finding.step == step
    if step == "refuse":
        assert f"revoked {times} times, last at 2026-11-24 12:00:00 UTC" in finding.reason
        assert "the CloudFormation stack shop puts it there" in finding.reason
        assert "CloudFormation stack shop" in finding.advice


def test_returns_of_long_ago_are_forgotten() -> None:
    former = [rule("tcp 6379 0.0.0.0/0", number=number) for number in range(1, 4)]
    long_ago = tuple(revocation(each, revoked_at=AT - 31 * DAY) for each in former)

    assert the(view([WORLD], revocations=long_ago)).step == "revoke"


def test_an_exemption_ends_the_quarrel_with_what_puts_a_rule_back() -> None:
    former = [rule("tcp 6379 0.0.0.0/0", number=number) for number in range(1, 4)]
    seen = view([tagged("ann|2027-01-31|x")], revocations=tuple(map(revocation, former)))

    assert the(seen).step == "exempt"


# Our own way


def test_the_only_way_of_our_nat_instance_is_refused_with_the_command_that_frees_the_guard() -> (
    None
):
    finding = the(view(["tcp 6000-7000 0.0.0.0/0"], instances=(nat(),)), policy(carve_ranges=True))

    assert finding.step == "refuse"
    assert "the only way from i-nat to sessions port 6379" in finding.reason
    assert "--group-id sg-1 --protocol tcp --port 6379 --source-group sg-nat" in finding.advice
    assert (finding.carved, finding.paths) == ((), ())


def test_or_the_way_is_opened_first_where_the_stack_allows_it() -> None:
    finding = the(view([WORLD], instances=(nat(),)), policy(add_own_path=True))

    assert finding.step == "revoke"
    assert finding.paths == (
        Path(group_id="sg-1", traffic=Traffic(TCP, 6379, 6379), source="sg-nat", vpc_id="vpc-1"),
    )


@pytest.mark.parametrize(
    ("beside", "step", "why"),
    [
        ("tcp 6379 sg-nat", "revoke", "its group has a rule of its own"),
        ("tcp 6379 10.0.255.10/32", "revoke", "its address has"),
        ("-1 10.0.0.0/8", "revoke", "the private network has"),
        ("tcp 6380 sg-nat", "refuse", "another port"),
        ("tcp 6379 sg-1", "refuse", "another group"),
        ("tcp 6379 203.0.113.73/32", "refuse", "its public address never arrives at a cache"),
    ],
)
def test_a_way_may_stay_open_by_another_rule(beside: str, step: str, why: str) -> None:
    assert steps(view([WORLD, rule(beside, number=1)], instances=(nat(),)))["sgr-0"] == step, why


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"caches": (cache(exposed=False),)}, "nothing is forwarded to it"),
        ({"instances": (nat(stack="other"),)}, "another stack's instance"),
        ({"instances": (nat(vpc_id="vpc-2"),)}, "another VPC's instance"),
        ({"caches": (cache(ports=frozenset({7000})),)}, "the cache's port was closed before"),
    ],
)
def test_a_way_that_is_nobodys_or_was_not_there_holds_nothing_up(
    fields: dict[str, Any], why: str
) -> None:
    assert the(view([WORLD], **{"instances": (nat(),)} | fields)).step == "revoke", why


def test_of_two_rules_that_admit_us_the_first_goes_and_the_second_is_refused() -> None:
    seen = view(["tcp 6379 0.0.0.0/0", "tcp 6379 0.0.0.0/1"], instances=(nat(),))

    assert steps(seen) == {"sgr-0": "revoke", "sgr-1": "refuse"}


def test_the_last_that_would_cut_us_off_opens_the_way_and_no_other() -> None:
    texts = ["tcp 6379 0.0.0.0/0", "tcp 6379 0.0.0.0/1", "tcp 6379 8.0.0.0/5", "tcp 6379 ::/0"]

    found = find(view(texts, instances=(nat(),)), policy(add_own_path=True))

    assert [len(each.paths) for each in found] == [0, 0, 0, 1]
    assert all(each.step.acts for each in found)


def test_a_rule_that_is_refused_stays_and_so_do_the_other_ways_by_it() -> None:
    seen = view(
        ["tcp 6379-6380 0.0.0.0/0", "tcp 6380 0.0.0.0/0"],
        caches=(cache("a"), cache("b", ports=frozenset({6380}))),
        instances=(nat(),),
    )

    assert steps(seen) == {"sgr-0": "refuse", "sgr-1": "revoke"}


def test_a_path_that_a_former_rule_brings_is_also_that_of_a_later_one_that_counts_on_it() -> None:
    rules = [rule("tcp 6379 0.0.0.0/0"), rule("tcp 6379 0.0.0.0/0", number=1, group="sg-2")]
    seen = view(
        rules,
        groups=(group(), group("sg-2")),
        caches=(cache("a", "sg-1"), cache("b", "sg-1 sg-2")),
        instances=(nat(),),
    )

    first, second = find(seen, policy(add_own_path=True))

    assert [path.group_id for path in first.paths] == ["sg-1"]
    assert (second.step, second.paths) == ("revoke", first.paths)


def test_a_cache_with_two_groups_keeps_its_way_by_the_other_one() -> None:
    rules = [rule("tcp 6379 0.0.0.0/0"), rule("tcp 6379 sg-nat", number=1, group="sg-2")]
    seen = view(
        rules,
        groups=(group(), group("sg-2")),
        caches=(cache(groups="sg-1 sg-2"),),
        instances=(nat(),),
    )

    assert steps(seen) == {"sgr-0": "revoke"}


def test_a_thousand_ways_make_no_longer_reason_than_three() -> None:
    caches = tuple(cache(f"c{number:04}") for number in range(1000))

    finding = the(view([WORLD], caches=caches, instances=(nat(),)))

    assert "c0002 port 6379 and 997 more" in finding.reason
    assert len(finding.reason) < 300
    assert finding.advice.count("aws ec2") == 1


# The cap


def test_the_gravest_go_first_and_the_rest_waits() -> None:
    rules = [
        rule("tcp 6379 0.0.0.0/0", number=1, group="sg-1"),
        rule("tcp 6379 ::/0", number=2, group="sg-1"),
        rule("tcp 6000-7000 0.0.0.0/0", number=3, group="sg-2"),
        rule("tcp 443 0.0.0.0/0", number=4, group="sg-2"),
    ]
    seen = view(
        rules,
        groups=(group(), group("sg-2")),
        caches=(cache(groups="sg-1 sg-2"),),
        sharing={"sg-1": SHARED, "sg-2": EXPOSED},
    )

    found = find(seen, policy(most_revocations=1, carve_ranges=True, add_own_path=True))

    assert [(each.rule.rule_id, each.severity, each.step) for each in found] == [
        ("sgr-3", "critical", "carve"),
        ("sgr-1", "high", "wait"),
        ("sgr-2", "high", "wait"),
        ("sgr-4", "medium", "report"),
    ]
    assert "one pass revokes 1 rules at most" in found[1].reason


def test_who_adds_rule_after_rule_to_one_group_keeps_no_other_group_waiting() -> None:
    many = [
        rule(f"tcp {6000 + number}-6379 0.0.0.0/0", number=number, group="sg-1")
        for number in range(8)
    ]
    one = rule("tcp 6379 0.0.0.0/0", number=9, group="sg-2")
    seen = view(
        [*many, one], groups=(group(), group("sg-2")), caches=(cache(), cache("other", "sg-2"))
    )

    found = find(seen, policy(most_revocations=2))

    assert [each.rule.rule_id for each in found if each.step.acts] == ["sgr-0", "sgr-9"]


def test_what_waits_changes_nothing_yet() -> None:
    texts = ["tcp 6379 ::/0", "tcp 6000-7000 0.0.0.0/0"]
    by = policy(most_revocations=1, carve_ranges=True, add_own_path=True)

    _, waiting = find(view(texts, instances=(nat(),)), by)

    assert (waiting.step, waiting.carved, waiting.paths) == ("wait", (), ())


def test_what_is_refused_or_exempt_takes_no_turn_of_what_may_go() -> None:
    rules = [
        tagged("ann|2027-01-31|x"),
        rule("tcp 6379 0.0.0.0/1", number=1),  # it came back three times
        rule("tcp 6379 ::/0", number=2),
    ]
    former = [rule("tcp 6379 0.0.0.0/1", number=number) for number in range(10, 13)]
    seen = view(rules, revocations=tuple(map(revocation, former)))

    assert steps(seen, policy(most_revocations=1)) == {
        "sgr-0": "exempt",
        "sgr-1": "refuse",
        "sgr-2": "revoke",
    }


def test_findings_come_in_the_same_order_whatever_the_order_of_the_rules() -> None:
    texts = ["tcp 6379 0.0.0.0/0", "tcp 443 0.0.0.0/0", "tcp 6379 pl-1", "tcp 6379 ::/0"]
    rules = [rule(text, number=number) for number, text in enumerate(texts)]

    assert find(view(rules), POLICY) == find(view(rules[::-1]), POLICY)


def test_ways_are_named_in_the_same_order_whatever_the_order_of_caches_and_instances() -> None:
    caches, instances = (cache("b"), cache("a")), (nat("i-2"), nat("i-1"))
    seen = view([WORLD], caches=caches, instances=instances)

    assert "i-1 to a port 6379, i-1 to b port 6379, i-2 to a port 6379" in the(seen).reason
    mixed = view([WORLD], caches=caches[::-1], instances=instances[::-1])
    assert find(seen, POLICY) == find(mixed, POLICY)


def test_of_equally_grave_rules_those_that_admit_more_go_first() -> None:
    seen = view(["tcp 6379 16.0.0.0/8", "tcp 6379 0.0.0.0/0"])

    assert steps(seen, policy(most_revocations=1)) == {"sgr-0": "wait", "sgr-1": "revoke"}


def test_a_rule_that_two_pages_list_is_one_finding() -> None:
    twice = ["tcp 6379 13.0.0.0/9", "tcp 6379 14.0.0.0/9", "tcp 6379 0.0.0.0/0"]
    rules = [rule(text, number=number) for number, text in enumerate(twice)]

    found = find(view([*rules, *rules], instances=(nat(),)), policy(add_own_path=True))

    assert [each.rule.rule_id for each in found] == ["sgr-2", "sgr-0"]


def test_the_evidence_goes_into_the_finding() -> None:
    stranger = interface("eni-9", attached_to="i-9", public="203.0.114.9")
    shared = Sharing(use=Use.SHARED, reason="eni-9 has it too", others=(stranger,))

    assert the(view([WORLD], sharing=shared)).sharing.public == (stranger,)
