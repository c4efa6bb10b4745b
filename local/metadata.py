"""The instance metadata service (IMDSv2) of the VPC: tells an instance its id by its address."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Self

from local.vpc import METADATA

if TYPE_CHECKING:
    from types import TracebackType

TOKEN = "stand-in"  # noqa: S105  proves nothing but that the client asked for one


@dataclass(slots=True)
class Metadata:
    """The server; `instances` says whose address is whose."""

    instances: dict[IPv4Address, str] = field(default_factory=dict)
    server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> Self:
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self._say(200 if self.path == "/latest/api/token" else 404, TOKEN)

            def do_GET(self) -> None:
                instance = metadata.instances.get(IPv4Address(self.client_address[0]))
                if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                    self._say(401, "")
                elif self.path == "/latest/meta-data/instance-id" and instance is not None:
                    self._say(200, instance)
                else:
                    self._say(404, "")

            def _say(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Stay quiet: it is no news that an instance asked who it is."""

        self.server = ThreadingHTTPServer((str(METADATA), 80), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
