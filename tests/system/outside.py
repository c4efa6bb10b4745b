"""A program outside the VPC with a live natmap: writes each key that it is told, and says how.

Usage: outside.py FILE. The file holds an answer to `describe`, and is read again whenever the
natmap asks its stack. Keys come in on standard input, a line each; a line goes out for each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from redis.cluster import RedisCluster

from cachegate.client import LiveNatmap, mended


def main(path: str) -> None:
    natmap = LiveNatmap("sessions", lambda: json.loads(Path(path).read_text()))
    host, port = natmap.seeds[0]
    with mended(RedisCluster)(
        host=host, port=port, address_remap=natmap, socket_connect_timeout=2, socket_timeout=2
    ) as client:
        for line in sys.stdin:
            key = line.strip()
            client.set(key, key)
            print(f"wrote {client.get(key).decode()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
