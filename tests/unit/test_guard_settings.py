"""The guard's settings come from the environment, or fail naming what is wrong."""

from __future__ import annotations

from fractions import Fraction
from ipaddress import IPv4Network

import pytest

from cachegate.domain.guard_policy import GuardPolicy
from cachegate.domain.judgement import CACHE_PORTS
from cachegate.errors import ConfigurationError
from cachegate.guard.settings import GuardSettings, Mode

LEAST = {
    "CACHEGATE_STACK": "gate",
    "CACHEGATE_GUARD_TABLE": "table",
    "CACHEGATE_GUARD_QUEUE_URL": "https://queue",
    "CACHEGATE_ALERT_TOPIC": "arn:aws:sns:eu-west-1:111122223333:alerts",
    "CACHEGATE_GUARD_ROLE": "arn:aws:iam::111122223333:role/guard",
    "CACHEGATE_ACCOUNT": "111122223333",
}


def test_nothing_is_done_and_nothing_may_be_given_back_unless_said() -> None:
    settings = GuardSettings.from_env(LEAST)

    assert settings.mode is Mode.OBSERVE
    assert not settings.enforces
    assert not settings.may_restore
    assert settings.policy == GuardPolicy(stack="gate", account="111122223333")


def test_every_setting_is_read() -> None:
    settings = GuardSettings.from_env(
        LEAST
        | {
            "CACHEGATE_GUARD_MODE": "enforce",
            "CACHEGATE_WIDE_IPV4": "12",
            "CACHEGATE_WIDE_IPV6": "40",
            "CACHEGATE_ALLOWED_AWS_LISTS": "com.amazonaws.a, com.amazonaws.b",
            "CACHEGATE_REVOKE_EXCLUSIVE": "true",
            "CACHEGATE_CARVE_RANGES": "true",
            "CACHEGATE_ADD_OWN_PATH": "true",
            "CACHEGATE_MOST_REVOCATIONS": "5",
            "CACHEGATE_MOST_RETURNS": "2",
            "CACHEGATE_RETURNS_WITHIN": "3600",
            "CACHEGATE_PEERED_VPCS": "vpc-a=vpc-b",
            "CACHEGATE_TRUSTED_CIDRS": "203.0.113.0/25, 203.0.113.128/25",
            "CACHEGATE_TRUSTED_SSH_CIDRS": "198.51.100.7/32",
            "CACHEGATE_READ_BACK": "1.5",
            "CACHEGATE_RETRY": "2",
        }
    )
    policy, judge = settings.policy, settings.policy.judge

    assert (settings.stack, settings.table, settings.queue_url) == (
        "gate",
        "table",
        "https://queue",
    )
    assert settings.alert_topic.endswith(":alerts")
    assert settings.role.endswith("role/guard")
    assert settings.enforces
    assert (judge.wide_ipv4, judge.wide_ipv6) == (12, 40)
    assert (judge.union_ipv4, judge.union_ipv6) == (Fraction(1, 2**12), Fraction(1, 2**40))
    assert judge.aws_lists == {"com.amazonaws.a", "com.amazonaws.b"}
    assert judge.protected == CACHE_PORTS
    assert (policy.revoke_exclusive, policy.carve_ranges, policy.add_own_path) == (True,) * 3
    assert (policy.most_revocations, policy.most_returns, policy.returns_within) == (5, 2, 3600.0)
    assert policy.peered == {"vpc-a": "vpc-b"}
    # Joined where they touch, as sync_forwards opens them.
    assert policy.trusted == (IPv4Network("203.0.113.0/24"),)
    assert policy.trusted_ssh == (IPv4Network("198.51.100.7/32"),)
    assert (settings.read_back, settings.retry) == (1.5, 2.0)


@pytest.mark.parametrize(
    ("mode", "parameter", "may", "why"),
    [
        ("observe", "false", False, "nothing asked for it"),
        ("observe", "true", True, "the parameter did"),
        ("enforce", "false", True, "what may be taken may be given back"),
        ("enforce", "true", True, "both"),
    ],
)
def test_rules_may_be_given_back_where_they_may_be_taken_or_a_parameter_asks(
    mode: str,
    parameter: str,
    may: bool,  # noqa: FBT001
    why: str,
) -> None:
    environment = {"CACHEGATE_GUARD_MODE": mode, "CACHEGATE_MAY_RESTORE": parameter}

    assert GuardSettings.from_env(LEAST | environment).may_restore is may, why


@pytest.mark.parametrize("missing", LEAST)
@pytest.mark.parametrize("value", ["", "  ", None])
def test_what_has_no_default_must_be_there(missing: str, value: str | None) -> None:
    environment = {name: text for name, text in LEAST.items() if name != missing}
    if value is not None:
        environment[missing] = value

    with pytest.raises(ConfigurationError, match=missing):
        GuardSettings.from_env(environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CACHEGATE_GUARD_MODE", "Enforce"),
        ("CACHEGATE_GUARD_MODE", "on"),
        ("CACHEGATE_REVOKE_EXCLUSIVE", "yes"),
        ("CACHEGATE_CARVE_RANGES", "True"),
        ("CACHEGATE_ADD_OWN_PATH", "1"),
        ("CACHEGATE_MAY_RESTORE", "maybe"),
        ("CACHEGATE_MOST_REVOCATIONS", "many"),
        ("CACHEGATE_MOST_REVOCATIONS", "-1"),
        ("CACHEGATE_MOST_REVOCATIONS", "inf"),
        ("CACHEGATE_RETURNS_WITHIN", "nan"),
        ("CACHEGATE_WIDE_IPV4", "33"),
        ("CACHEGATE_WIDE_IPV6", "129"),
        ("CACHEGATE_WIDE_IPV6", "1e300"),
        ("CACHEGATE_WIDE_IPV4", "-8"),
        ("CACHEGATE_PEERED_VPCS", "vpc-a"),
        ("CACHEGATE_PEERED_VPCS", "=vpc-b"),
        ("CACHEGATE_TRUSTED_CIDRS", "203.0.113.0/33"),
        ("CACHEGATE_TRUSTED_SSH_CIDRS", "office"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        GuardSettings.from_env(LEAST | {name: value})


@pytest.mark.parametrize("name", ["CACHEGATE_MOST_REVOCATIONS", "CACHEGATE_MOST_RETURNS"])
def test_a_policy_that_never_acts_is_refused_since_a_mode_says_that(name: str) -> None:
    with pytest.raises(ConfigurationError, match="observe"):
        GuardSettings.from_env(LEAST | {name: "0"})


def test_the_widest_knobs_are_the_whole_space() -> None:
    ends = {"CACHEGATE_WIDE_IPV4": "0", "CACHEGATE_WIDE_IPV6": "0"}

    assert GuardSettings.from_env(LEAST | ends).policy.judge.union_ipv4 == 1
