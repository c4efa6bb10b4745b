"""AWS on loopback: moto's server, with our own answers where moto lacks what AWS does."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast

import boto3
import moto.cloudtrail.urls
import moto.ec2.urls
import moto.elasticache.urls
import moto.resourcegroupstaggingapi.urls
from botocore.config import Config
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from local import cloudtrail, ec2, elasticache, moto_memory, tagging
from local.caches import ACCOUNT, REGION
from local.ec2_base import Ec2Answers, Moods
from local.fleet import Fleet
from local.iam import Gate
from local.public_addresses import PublicAddresses
from local.security_groups import SecurityGroupAnswers

if TYPE_CHECKING:
    from types import TracebackType

USED = (
    "cloudformation", "cloudtrail", "dynamodb", "ec2", "elasticache", "events", "iam", "lambda",
    "logs", "s3", "sns", "sqs", "ssm",
)  # fmt: skip
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def extend(urls: Any, responses: type[Any]) -> None:
    """Let a class of ours answer all of one moto service's paths; call before the server starts."""
    urls.url_paths = dict.fromkeys(urls.url_paths, responses.dispatch)


def register(
    fleet: Fleet, moods: Moods | None = None, public: PublicAddresses | None = None
) -> None:
    """Let moto answer about caches from this fleet, in its server and in mock_aws alike."""
    Ec2Answers.moods = moods or Moods()
    Ec2Answers.public = public or PublicAddresses()
    SecurityGroupAnswers.gone.clear()
    ec2.register()
    extend(moto.ec2.urls, ec2.Responses)
    extend(moto.cloudtrail.urls, cloudtrail.Responses)
    elasticache.Responses.fleet = tagging.Responses.fleet = fleet
    extend(moto.elasticache.urls, elasticache.Responses)
    extend(moto.resourcegroupstaggingapi.urls, tagging.Responses)


@dataclass(slots=True)
class AwsServer:
    """The stand-in for AWS; leaving it stops the server and forgets every resource."""

    fleet: Fleet = field(default_factory=Fleet)
    moods: Moods = field(default_factory=Moods)  # of EC2
    public: PublicAddresses = field(default_factory=PublicAddresses)
    address: str = "127.0.0.1"
    port: int = 0
    gate: Gate = field(init=False)
    server: BaseWSGIServer = field(init=False)

    def __enter__(self) -> Self:
        register(self.fleet, self.moods, self.public)
        moto_memory.remember()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.gate = Gate(DomainDispatcherApplication(create_backend_app))
        self.server = make_server(
            self.address, self.port, self.gate, threaded=True, request_handler=MotoRequestHandler
        )
        self.port = self.server.port
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
        self.public.close()
        for service in USED:
            reset(service)

    @property
    def url(self) -> str:
        """Where clients find it: the value of AWS_ENDPOINT_URL."""
        return f"http://{self.address}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to take this for AWS."""
        return CREDENTIALS | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }

    def client(self, service: str, role: str = "testing", region: str = REGION) -> Any:
        """Return a boto3 client of this AWS.

        It acts as a role of that name, else as a person: `root`, a user, or with a colon in the
        name a role and who has taken it (`admin:alice`). Persons may do anything.
        """
        return cast("Any", boto3.client)(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=role,
            aws_secret_access_key="testing",  # noqa: S106  a stand-in has no secrets
            config=Config(retries={"mode": "standard", "max_attempts": 1}, read_timeout=120),
        )


def backend(service: str) -> Any:
    """Return moto's state of one service, for what has no API: AWS's own doing."""
    backends = cast("Any", get_backend)(service)
    return backends[ACCOUNT][REGION if REGION in backends[ACCOUNT] else "aws"]


def reset(service: str) -> None:
    """Forget every resource of one service."""
    cast("Any", get_backend)(service).reset()
