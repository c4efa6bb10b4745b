"""The command `world` in the shell of an embedded world: asks its door, and prints the answer.

Usage: world_command.py [VERB [OF]]; standard library only, since each call starts it anew.
"""

from __future__ import annotations

import json
import os
import socket
import sys


def main(arguments: list[str]) -> int:
    """Let something happen; 0 where it did, 1 where it is refused, 2 where nobody can be asked."""
    if len(arguments) > 2:
        sys.stderr.write("world: a verb, and what it happens to: world replace sessions-002\n")
        return 2
    verb, of = [*arguments, "", ""][:2]
    if verb in {"", "-h", "--help"}:
        verb = "help"
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(os.environ["CACHEGATE_LOCAL"])
            door.sendall(json.dumps({"verb": verb, "of": of}).encode() + b"\n")
            answer = json.loads(door.makefile("rb").readline())
    except (KeyError, OSError, ValueError) as error:
        sys.stderr.write(f"world: no embedded world can be asked here ({error!r}): make local\n")
        return 2
    if "done" not in answer:
        sys.stderr.write(f"world: {answer.get('failed')}\n")
        return 1
    sys.stdout.write(f"{answer['done']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
