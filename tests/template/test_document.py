"""The document takes what the function sends."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cachegate.aws.gateways import DELIVERY_TIMEOUT, LONGEST_WAIT
from cachegate.domain.agent import LARGEST_PAYLOAD
from tests.template.parsed import ROOT, properties

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "gateway" / "document.yaml").read_text())


def test_the_largest_payload_of_the_function_is_the_documents() -> None:
    assert DOCUMENT["parameters"]["Payload"]["maxChars"] == LARGEST_PAYLOAD


def test_it_takes_the_parameters_that_the_function_sends_and_needs_no_others() -> None:
    parameters = DOCUMENT["parameters"]

    assert parameters.keys() == {"Action", "Payload", "From"}
    assert [name for name, each in parameters.items() if "default" not in each] == ["Action"]


@pytest.mark.parametrize("action", ["apply", "inspect", "resolve", "remove"])
def test_it_takes_every_action_of_the_function(action: str) -> None:
    assert action in DOCUMENT["parameters"]["Action"]["allowedValues"]


def test_the_function_outlives_a_command_that_it_waits_for() -> None:
    """Also one that hangs in one VPC, and a second one in the next."""
    timeout = properties("SyncForwards")["Timeout"]

    assert DELIVERY_TIMEOUT < LONGEST_WAIT
    assert timeout > 2 * LONGEST_WAIT
