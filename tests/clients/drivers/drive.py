"""Ask a cache without pause and tell what came of it: how a Python snippet of `connect` goes on.

Standard library only. SET and GET of rotating keys until standard input ends. The first good answer
prints `ready`, the end one JSON object as the last line; times are time.monotonic of this machine.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
import threading
import time
from typing import Any

NAME = os.environ.get("CLIENT_NAME", "client")  # begins each of its keys
PAUSE_S = 0.005
KEYS = 100
GRACE_S = 3.0  # for a request on its way when standard input ends
TEXTS = 5


class Tally:
    """Good answers, errors, and the longest time from one good answer to the next."""

    def __init__(self) -> None:
        self.ok = self.errors = self.asked = 0
        self.texts: list[tuple[float, str]] = []
        self.longest = self.longest_at = self.last = 0.0
        self.ended, self.done = threading.Event(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def next(self) -> tuple[str, str]:
        """Return the next key and its new value, which no other run has written."""
        self.asked += 1
        return f"{NAME}-{self.asked % KEYS}", f"{os.getpid()}-{self.asked}"

    def judge(self, value: str, answer: object) -> None:
        """Note an answer to GET: bytes or text, by the client."""
        text = answer.decode() if isinstance(answer, bytes) else answer
        if text != value:
            self.bad(f"GET answered {text!r} after SET of {value!r}")
            return
        now = time.monotonic()
        if self.ok == 0:
            print("ready", flush=True)
        else:
            self._gap(now)
        self.ok, self.last = self.ok + 1, now

    def bad(self, text: str) -> None:
        """Note what a user's program would have met."""
        self.errors += 1
        if len(self.texts) < TEXTS:
            self.texts.append((time.monotonic(), " ".join(text.split())[:300]))

    def end(self) -> None:
        """Let the report be printed."""
        self.done.set()
        self._watcher.join()

    def _gap(self, now: float) -> None:
        if now - self.last > self.longest:
            self.longest, self.longest_at = now - self.last, self.last

    def _watch(self) -> None:
        sys.stdin.read()
        now = time.monotonic()
        self.ended.set()
        hung = not self.done.wait(GRACE_S)
        if self.ok:
            self._gap(now)  # a client that never came back shows as a long gap
        row = {
            "ok": self.ok, "errors": self.errors, "texts": self.texts, "hung": hung,
            "longest_ms": round(self.longest * 1000, 1), "longest_at": self.longest_at,
            "silent_ms": round(max(0.0, now - self.last) * 1000, 1) if self.ok else 0.0,
        }  # fmt: skip
        print(json.dumps(row), flush=True)
        os._exit(0)  # a request that hangs would hold back any other exit


def go_on(snippet: dict[str, Any]) -> None:
    """Go on with the `client` that a snippet defined, or that its `connect` makes in a loop."""
    if inspect.iscoroutinefunction(snippet.get("connect")):
        asyncio.run(_connect_and_drive(snippet["connect"]))
    else:
        drive(snippet["client"])


async def _connect_and_drive(connect: Any) -> None:
    await drive_async(await connect())


def drive(client: Any) -> None:
    """Go on until standard input ends."""
    tally = Tally()
    while not tally.ended.is_set():
        key, value = tally.next()
        try:
            client.set(key, value)
            tally.judge(value, client.get(key))
        except Exception as error:  # noqa: BLE001 - whatever a user's program would meet
            tally.bad(f"{type(error).__name__}: {error}")
        time.sleep(PAUSE_S)
    tally.end()


async def drive_async(client: Any) -> None:
    """Go on until standard input ends, with a client whose answers are awaited."""
    tally = Tally()
    while not tally.ended.is_set():
        key, value = tally.next()
        try:
            await client.set(key, value)
            tally.judge(value, await client.get(key))
        except Exception as error:  # noqa: BLE001 - whatever a user's program would meet
            tally.bad(f"{type(error).__name__}: {error}")
        await asyncio.sleep(PAUSE_S)
    tally.end()
