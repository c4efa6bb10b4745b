"""The instance metadata service, version 2, with one answer: `metadata.py INSTANCE_ID`."""

from __future__ import annotations

import http.server
import sys
from typing import Any


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives a token to whoever asks, and the instance id to whoever has it."""

    def do_PUT(self) -> None:
        self._answer(200, "token")

    def do_GET(self) -> None:
        known = self.headers.get("X-aws-ec2-metadata-token") == "token"
        self._answer(*(200, sys.argv[1]) if known else (401, "no token"))

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


with http.server.ThreadingHTTPServer(("169.254.169.254", 80), Handler) as server:
    print("READY", flush=True)
    server.serve_forever()
