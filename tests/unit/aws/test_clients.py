"""All clients have the same patience."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.aws.clients import make_clients, make_guard_clients
from cachegate.domain.policy import Policy
from cachegate.failover import BEGIN_WITHIN

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICES = {
    make_clients: {
        "dynamodb", "ec2", "elasticache", "events", "resourcegroupstaggingapi", "sns", "sqs", "ssm",
    },
    make_guard_clients: {
        "cloudtrail", "dynamodb", "ec2", "elasticache", "events", "resourcegroupstaggingapi", "sns",
        "sqs",
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


def every(make: Callable[[], Any]) -> list[Any]:
    clients = make()
    return [getattr(clients, each.name) for each in fields(clients) if each.name != "mover"]


def test_what_moves_an_address_asks_once_and_has_given_up_before_another_pass_may_decide() -> None:
    config: Any = make_clients().mover.meta.config
    policy = Policy(stack="gate", sources=())

    assert config.retries == {"mode": "standard", "total_max_attempts": 1}
    patience = config.connect_timeout + config.read_timeout
    assert policy.fence * BEGIN_WITHIN + patience < policy.fence


@pytest.mark.parametrize("make", SERVICES)
def test_every_client_retries_by_the_standard_mode_and_waits_less_than_lambda(
    make: Callable[[], Any],
) -> None:
    for client in every(make):
        config = client.meta.config
        assert config.retries == {"mode": "standard", "total_max_attempts": 4}
        assert config.retries["total_max_attempts"] * config.read_timeout < 120
        assert config.connect_timeout <= config.read_timeout


@pytest.mark.parametrize("make", SERVICES)
def test_a_function_makes_a_client_for_each_service_that_it_uses_and_no_other(
    make: Callable[[], Any],
) -> None:
    made = [client.meta.service_model.service_name for client in every(make)]

    assert sorted(made) == sorted(SERVICES[make])
