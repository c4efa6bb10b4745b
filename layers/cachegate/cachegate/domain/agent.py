"""What the agent on a NAT instance is sent and what it says back."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachegate.errors import RuleSetTooLargeError

if TYPE_CHECKING:
    from cachegate.domain.ledger import Ledger

SCHEMA = 1
# The gateway's document accepts no longer payload; see docs/decisions for how it was chosen.
LARGEST_PAYLOAD = 20_000  # characters of base64


def apply_payload(ledger: Ledger, owner: str, adopt: str | None = None) -> dict[str, Any]:
    """Return what `apply` takes: exactly what the ledger holds, in the name of the owner."""
    rules = ledger.rule_set
    payload: dict[str, Any] = {
        "schema": SCHEMA,
        "owner": owner,
        "generation": ledger.generation,
        "digest": rules.digest,
        "targets_within": [str(network) for network in ledger.targets_within],
        **rules.to_json(),
    }
    return payload | ({"adopt": adopt} if adopt else {})


def encode(payload: dict[str, Any]) -> str:
    """Return base64(gzip(JSON)); raise RuleSetTooLargeError where no command could carry it."""
    text = json.dumps(payload, separators=(",", ":"))
    encoded = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    if len(encoded) > LARGEST_PAYLOAD:
        count = len(payload.get("forwards", ()))
        raise RuleSetTooLargeError(
            f"{count} forwards need {len(encoded)} characters, a command carries "
            f"{LARGEST_PAYLOAD}: expose fewer caches"
        )
    return encoded


def decode(text: str) -> dict[str, Any]:
    """Read the agent's last line, plain or compact. Raise ValueError where it is neither."""
    if not text.startswith("{"):
        try:
            text = gzip.decompress(base64.b64decode(text, validate=True)).decode()
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"neither JSON nor base64 of gzip: {error}") from error
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one kind of error for bad text
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How one command on one NAT instance ended.

    `report` is the agent's last line where it could be read; `failure` says in words why the
    command does not count as done, and is None exactly where it ended with exit code 0 and a
    report that could be read whole.
    """

    instance_id: str
    report: dict[str, Any] | None = None
    failure: str | None = None
    unreached: bool = False  # SSM does not know the instance (yet), or did not deliver the command

    def refused(self, code: str) -> bool:
        """Tell whether the agent refused with this code of its contract."""
        error = (self.report or {}).get("error")
        return isinstance(error, dict) and error.get("code") == code
