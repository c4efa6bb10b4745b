"""Settings come from the environment, or fail naming the variable."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from cachegate.errors import ConfigurationError
from cachegate.settings import SyncSettings

COMPLETE = {
    "CACHEGATE_STACK": "gate",
    "CACHEGATE_OWNER": "arn:stack",
    "CACHEGATE_TABLE": "table",
    "CACHEGATE_DOCUMENT": "document",
    "CACHEGATE_QUEUE_URL": "https://queue",
    "CACHEGATE_TOPIC": "arn:aws:sns:eu-west-1:123456789012:ours",
    "CACHEGATE_ENROL_NOTIFICATIONS": "true",
    "CACHEGATE_LISTEN_PORTS": "6379-8378",
    "CACHEGATE_TRUSTED_CIDRS": "203.0.113.0/25, 203.0.113.128/25,198.51.100.27/32",
    "CACHEGATE_QUARANTINE": "86400",
    "CACHEGATE_PEERED_VPCS": "vpc-a=vpc-b, vpc-c=vpc-b",
    "CACHEGATE_RESOLVE_FROM": "nat-instance",
    "CACHEGATE_ADOPT_FROM": "",
}


def test_every_setting_is_read() -> None:
    settings = SyncSettings.from_env(COMPLETE)

    assert settings.policy.sources == (
        IPv4Network("198.51.100.27/32"),
        IPv4Network("203.0.113.0/24"),
    )
    assert (settings.policy.first_port, settings.policy.last_port) == (6379, 8378)
    assert settings.policy.quarantine == 86400
    assert settings.policy.agreement == 60
    assert settings.policy.brake_forwards == 8
    assert settings.peered == {"vpc-a": "vpc-b", "vpc-c": "vpc-b"}
    assert settings.resolve_on_instance
    assert settings.enrol
    assert settings.adopt_owner is None
    assert settings.stale_trigger == 60


def test_the_address_and_its_vpc_are_read() -> None:
    settings = SyncSettings.from_env(
        COMPLETE
        | {
            "CACHEGATE_ADDRESS": "eipalloc-1",
            "CACHEGATE_ADDRESS_VPC": "vpc-1",
            "CACHEGATE_RELEASE_ADDRESS": "true",
            "CACHEGATE_TAKEOVER": "3",
            "CACHEGATE_TAKEOVER_REST": "4.5",
            "CACHEGATE_FENCE": "2",
        }
    )

    assert (settings.address, settings.address_vpc) == ("eipalloc-1", "vpc-1")
    assert settings.release_address
    policy = settings.policy
    assert (policy.takeover, policy.takeover_rest, policy.fence) == (3, 4.5, 2)


def test_without_an_address_none_is_held_nor_given_back() -> None:
    settings = SyncSettings.from_env(COMPLETE)

    assert (settings.address, settings.address_vpc, settings.release_address) == (None, None, False)
    policy = settings.policy
    assert (policy.takeover, policy.takeover_rest, policy.fence) == (60, 300, 20)


def test_a_vpc_without_an_address_holds_none() -> None:
    settings = SyncSettings.from_env(COMPLETE | {"CACHEGATE_ADDRESS_VPC": "vpc-1"})

    assert (settings.address, settings.address_vpc) == (None, "vpc-1")


def test_how_wide_sources_for_plaintext_may_be_is_read() -> None:
    default = SyncSettings.from_env(COMPLETE)
    settings = SyncSettings.from_env(COMPLETE | {"CACHEGATE_WIDEST_PLAINTEXT": "0"})

    assert (default.policy.widest_plaintext, settings.policy.widest_plaintext) == (24, 0)


@pytest.mark.parametrize("length", ["33", "-1"])
def test_a_prefix_length_that_no_network_has_is_refused(length: str) -> None:
    with pytest.raises(ConfigurationError):
        SyncSettings.from_env(COMPLETE | {"CACHEGATE_WIDEST_PLAINTEXT": length})


def test_a_fence_of_no_time_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="fence"):
        SyncSettings.from_env(COMPLETE | {"CACHEGATE_FENCE": "0"})


def test_no_trusted_network_means_nobody() -> None:
    settings = SyncSettings.from_env(COMPLETE | {"CACHEGATE_TRUSTED_CIDRS": ""})

    assert settings.policy.sources == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CACHEGATE_STACK", ""),
        ("CACHEGATE_TABLE", " "),
        ("CACHEGATE_LISTEN_PORTS", "6379"),
        ("CACHEGATE_LISTEN_PORTS", ""),
        ("CACHEGATE_TRUSTED_CIDRS", "203.0.113.1/33"),
        ("CACHEGATE_TRUSTED_CIDRS", "example.com"),
        ("CACHEGATE_TRUSTED_CIDRS", "::/0"),
        ("CACHEGATE_QUARANTINE", "a week"),
        ("CACHEGATE_RECHECK", "-1"),
        ("CACHEGATE_RECHECK", "nan"),
        ("CACHEGATE_QUARANTINE", "inf"),
        ("CACHEGATE_BRAKE_FORWARDS", "1e999"),
        ("CACHEGATE_PEERED_VPCS", "vpc-a"),
        ("CACHEGATE_PEERED_VPCS", "=vpc-b"),
        ("CACHEGATE_RESOLVE_FROM", "home"),
        ("CACHEGATE_TOPIC", ""),
        ("CACHEGATE_ENROL_NOTIFICATIONS", "yes"),
        ("CACHEGATE_ADDRESS", "eipalloc-1"),  # without a VPC it would be anybody's
        ("CACHEGATE_RELEASE_ADDRESS", "yes"),
        ("CACHEGATE_TAKEOVER", "-1"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        SyncSettings.from_env(COMPLETE | {name: value})


@pytest.mark.parametrize(
    ("owner", "account"),
    [
        ("arn:aws:cloudformation:eu-west-1:123456789012:stack/gate/1f2e", "123456789012"),
        ("arn:stack", ""),
    ],
)
def test_the_account_is_that_of_the_stack_s_id(owner: str, account: str) -> None:
    assert SyncSettings.from_env(COMPLETE | {"CACHEGATE_OWNER": owner}).account == account


def test_host_bits_are_masked_as_aws_masks_them() -> None:
    settings = SyncSettings.from_env(COMPLETE | {"CACHEGATE_TRUSTED_CIDRS": "203.0.113.1/24"})

    assert settings.policy.sources == (IPv4Network("203.0.113.0/24"),)


@pytest.mark.parametrize("ports", ["8378-6379", "0-10", "1-70000"])
def test_an_impossible_port_range_is_refused(ports: str) -> None:
    with pytest.raises(ConfigurationError, match="no such port range"):
        SyncSettings.from_env(COMPLETE | {"CACHEGATE_LISTEN_PORTS": ports})
