"""All clients have the same patience."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from cachegate.aws.clients import Clients, make_clients

if TYPE_CHECKING:
    import pytest


def test_every_client_retries_by_the_standard_mode_and_waits_less_than_lambda(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    clients = make_clients()

    for each in fields(Clients):
        config = getattr(clients, each.name).meta.config
        assert config.retries == {"mode": "standard", "total_max_attempts": 4}
        assert config.retries["total_max_attempts"] * config.read_timeout < 120
        assert config.connect_timeout <= config.read_timeout
