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
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        SyncSettings.from_env(COMPLETE | {name: value})


def test_host_bits_are_masked_as_aws_masks_them() -> None:
    settings = SyncSettings.from_env(COMPLETE | {"CACHEGATE_TRUSTED_CIDRS": "203.0.113.1/24"})

    assert settings.policy.sources == (IPv4Network("203.0.113.0/24"),)


@pytest.mark.parametrize("ports", ["8378-6379", "0-10", "1-70000"])
def test_an_impossible_port_range_is_refused(ports: str) -> None:
    with pytest.raises(ConfigurationError, match="no such port range"):
        SyncSettings.from_env(COMPLETE | {"CACHEGATE_LISTEN_PORTS": ports})
