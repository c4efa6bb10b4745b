"""A natmap that asks again by itself: for a place that it does not know, and when it is old."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from cachegate.client.connection import connection_of
from cachegate.client.natmap import Natmap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cachegate.client.natmap import Place

LEAST_BETWEEN_S, MOST_BETWEEN_S = 5.0, 60.0
logger = logging.getLogger("cachegate.client")


class LiveNatmap(Natmap):
    """One cache's natmap, as a stack describes it now; several threads may use it.

    A look-up never raises and never asks in its own thread. A place that is not known (a new node,
    a new address) starts a thread that asks, and the look-up waits for that at most `wait_s`; in a
    thread that runs an asyncio loop it does not wait at all, and the client's own next try, after
    its connect timeout, finds the place. No look-up asks again within LEAST_BETWEEN_S; that doubles
    up to MOST_BETWEEN_S while asking fails or does not make the place known. A map older than
    `most_stale_s` is answered from as it is, while one is asked for. What fails is logged as a
    warning of `cachegate.client`, and the last good map stays.
    """

    def __init__(
        self,
        cache: str,
        describe: Callable[[], Mapping[str, Any]],
        *,
        public: str | None = None,
        most_stale_s: float = 300.0,
        wait_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask for the first time, in this thread; raises what asking or the answer raises.

        `describe` returns an answer to the action `describe`; `public` chooses a NAT instance.
        """
        self._cache, self._describe, self._public = cache, describe, public
        self._most_stale_s, self._wait_s, self._clock = most_stale_s, wait_s, clock
        self._starting, self._taking = threading.Lock(), threading.Lock()
        self._asked_at = -math.inf
        self._asking: threading.Thread | None = None
        self._pause = LEAST_BETWEEN_S
        super().__init__({})
        self.refresh()
        self._not_before = self._asked_at + self._pause

    def refresh(self) -> None:
        """Ask now and wait for the answer; raises what that raises, and keeps the last map then.

        For programs that know of a change; in asyncio through `asyncio.to_thread`.
        """
        began = self._clock()
        mapping = connection_of(self._describe(), self._cache, self._public).natmap
        with self._taking:
            if began >= self._asked_at:  # else a later question was answered sooner
                self._outer = _with_lost_names(self._outer, Natmap(mapping)._outer)  # noqa: SLF001
                self._asked_at = began

    def __call__(self, place: Place) -> Place:
        """Return the outer place for an inner one; one that stays unknown comes back."""
        known = self._outer
        if place in known:
            if self._clock() - self._asked_at > self._most_stale_s:
                self._ask(None)
        elif place not in known.values():  # valkey-glide also looks up where it starts
            asking = self._ask(place)
            if asking is not None and not _in_event_loop():
                asking.join(self._wait_s)
        return super().__call__(place)

    def _ask(self, place: Place | None) -> threading.Thread | None:
        """Return the thread that asks, or None where it is too early for one."""
        with self._starting:
            if self._asking is not None and self._asking.is_alive():
                return self._asking
            if self._clock() < self._not_before:
                return None
            # Not to start the next one before this one has said how long to wait.
            self._not_before = self._clock() + self._pause
            self._asking = threading.Thread(
                target=self._ask_for, args=(place,), name="cachegate natmap", daemon=True
            )
            try:
                self._asking.start()
            except RuntimeError as error:  # no thread to be had, or the program is ending
                logger.warning("natmap of %s not refreshed: %s", self._cache, error)
                return None
            return self._asking

    def _ask_for(self, place: Place | None) -> None:
        try:
            self.refresh()
        except Exception as error:  # it may be anything: others wrote `describe`
            logger.warning(
                "natmap of %s not refreshed, the last good one stays: %s",
                self._cache, error, exc_info=logger.isEnabledFor(logging.DEBUG),
            )  # fmt: skip
            useful = False
        else:
            useful = place is None or place in self._outer
        self._pause = LEAST_BETWEEN_S if useful else min(2 * self._pause, MOST_BETWEEN_S)
        self._not_before = self._clock() + self._pause


def _with_lost_names(old: dict[Place, Place], new: dict[Place, Place]) -> dict[Place, Place]:
    """Keep a name that is not told just now, as while its node is replaced.

    A node keeps its name and its listen port for life. Addresses it does not keep. A port that has
    a new name by now went to another node, as it may after its rest.
    """
    named = {outer[1] for inner, outer in new.items() if inner not in old and _is_name(inner)}
    listening = {port for _, port in new.values()} - named
    kept = {
        inner: outer for inner, outer in old.items() if outer[1] in listening and _is_name(inner)
    }
    return {**kept, **new}


def _is_name(place: Place) -> bool:
    try:
        ip_address(place[0])
    except ValueError:
        return True
    return False


def _in_event_loop() -> bool:
    """Tell whether to wait here would keep an asyncio loop waiting."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
