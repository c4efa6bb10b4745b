"""The event bus: publish what happened, and know what was not taken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cachegate.aws.failures import CallError, in_words
from cachegate.happenings import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from cachegate.happenings import Happening

# Of one call. Its entries may have 256 KB, and whether that is meant of each or of all is not said
# clearly: those of sync have less than 1 KB, those of the guard up to some 50 KB
# (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html).
MOST_ENTRIES = 10
MOST_BYTES = 250_000
TRIES = 2


class EventBus:
    """The default event bus of the account and Region, where cachegate's own events go."""

    def __init__(self, events: EventBridgeClient) -> None:
        self._events = events

    def publish(self, happenings: Iterable[Happening]) -> tuple[str, ...]:
        """Publish them in order; return why some were not taken, one reason for each.

        PutEvents answers 200 also where it took nothing, so each entry's answer is looked at, and
        what was not taken is sent once more. Nothing is raised: what happened is in the ledger and
        in the log, and a pass that is tried again would not see it happen again.
        """
        entries: list[PutEventsRequestEntryTypeDef] = [
            {
                "Source": SOURCE,
                "DetailType": happening.kind.value,
                "Detail": json.dumps(happening.detail),
            }
            for happening in happenings
        ]
        failures: list[str] = []
        left = len(entries)
        for batch in _calls(entries):
            try:
                failures += self._put(batch)
            except CallError as error:
                # The client has tried again already; a pass has not the time to wait once a batch.
                failures += [in_words(error)] * left
                break
            left -= len(batch)
        return tuple(failures)

    def _put(self, entries: Sequence[PutEventsRequestEntryTypeDef]) -> list[str]:
        reasons: list[str] = []
        for _ in range(TRIES):
            try:
                answer = self._events.put_events(Entries=entries)
            except CallError:
                if reasons:
                    return reasons  # of those that the first try left
                raise
            if not answer["FailedEntryCount"]:
                return []
            failed = [
                (entry, result)
                for entry, result in zip(entries, answer["Entries"], strict=True)
                if "ErrorCode" in result
            ]
            entries = [entry for entry, _ in failed]
            reasons = [f"{r['ErrorCode']}: {r.get('ErrorMessage', '')}" for _, r in failed]
        return reasons


def _calls(
    entries: Sequence[PutEventsRequestEntryTypeDef],
) -> Iterator[list[PutEventsRequestEntryTypeDef]]:
    """Yield the entries of each call, in order."""
    batch: list[PutEventsRequestEntryTypeDef] = []
    size = 0
    for entry in entries:
        more = sum(len(str(value).encode()) for value in entry.values())
        if batch and (len(batch) == MOST_ENTRIES or size + more > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += more
    if batch:
        yield batch
