"""A handler that makes clients and does nothing else, as anybody would write it with boto3."""

from __future__ import annotations

import json
import os

import boto3
from botocore.config import Config

session = boto3.session.Session()
# The very clients that the function makes: [[service, settings], ...]
clients = [
    session.client(service, config=Config(**settings))
    for service, settings in json.loads(os.environ["CLIENTS"])
]


def handler(_event: object, _context: object) -> dict[str, bool]:
    """Answer."""
    return {"ok": True}
