"""The entry point wired to the fakes: how it is called, and what it printed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from cachegate.aws.stack_response import PHYSICAL_ID
from tests.function import started

if TYPE_CHECKING:
    import pytest

    from tests.unit.passes.fakes import FakeWorld


def logged(capsys: pytest.CaptureFixture[str], message: str) -> list[dict[str, Any]]:
    """Return the lines with this message that were logged since the last call."""
    return [line for line in printed(capsys) if line.get("message") == message]


def counted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the metrics' lines that were written since the last call."""
    return [line for line in printed(capsys) if "_aws" in line]


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def batch(world: FakeWorld, *ids: str) -> dict[str, Any]:
    sent = str(int(world.now * 1000))
    return {
        "Records": [
            {
                "messageId": i,
                "receiptHandle": f"receipt-{i}",
                "body": "look",
                "attributes": {"SentTimestamp": sent, "ApproximateReceiveCount": "1"},
            }
            for i in ids
        ]
    }


def recheck(world: FakeWorld, message_id: str, vpc_id: str) -> dict[str, Any]:
    record: dict[str, Any] = batch(world, message_id)["Records"][0]
    token = world.ledgers.heartbeat(vpc_id).token
    return record | {"body": json.dumps({"recheck": vpc_id, "token": token})}


class Stdout:
    """Standard output as it is at each moment: pytest puts another in its place for each phase."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def entry_point(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the module wired to the fakes; it logs where `print` prints."""
    module = started(monkeypatch)
    monkeypatch.setattr(module, "wired", module.Wired(world.adapters, world.settings))
    monkeypatch.setattr(module.logger.registered_handler, "stream", Stdout())
    module.answers, module.named = [], []

    def respond(event: dict[str, Any], failure: str | None, physical_id: str = PHYSICAL_ID) -> None:
        module.answers.append((event["RequestType"], failure))
        module.named.append(physical_id)

    monkeypatch.setattr(module, "respond", respond)
    return module
