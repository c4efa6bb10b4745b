"""What a person has to know before using what is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cachegate.client.connection import Connection


def kind_of(connection: Connection) -> str:
    """Say in a few words what the cache is."""
    words = [connection.engine]
    if connection.kind == "serverless":
        words.append("serverless")
    elif connection.cluster_mode:
        words.append("cluster mode")
    words.append("TLS" if connection.tls else "no TLS")
    words.append("AUTH" if connection.auth else "no AUTH")
    return ", ".join(words)


def notes_of(connection: Connection) -> tuple[str, ...]:
    """Return what holds for every client of the cache, a line each."""
    return (*_memcached(connection), *_clustered(connection), *_secured(connection))


def _memcached(connection: Connection) -> tuple[str, ...]:
    if connection.engine != "memcached" or len(connection.nodes) < 2:
        return ()
    nodes = len(connection.nodes)
    elsewhere = 100 - 100 // nodes
    names = (
        f"Names decide which of the {nodes} nodes has a key: a client that is configured with "
        f"{connection.public}:PORT looks for about {elsewhere} % of the keys on another node than "
        f"clients inside the VPC do. Together keeps them: cachegate connect {connection.cache} "
        "--format pymemcache; for any other client --format nft, and the inner names."
    )
    return names, "Auto discovery must be off, except with nft: it answers with inner names."


def _clustered(connection: Connection) -> tuple[str, ...]:
    if not connection.clustered:
        return ()
    return (
        "A cluster announces inner places: besides a start, a client needs the natmap, or nft.",
        "Print it again when nodes were added or replaced.",
    )


def _secured(connection: Connection) -> tuple[str, ...]:
    notes = []
    if connection.tls:
        notes.append(
            f"TLS: names must lead to {connection.public} for this client, so that they can be "
            f"verified: cachegate connect {connection.cache} --format hosts"
        )
    if connection.auth:
        notes.append("AUTH: the password (and user) are the cache's; cachegate does not know them.")
    if not connection.tls:
        notes.append("No TLS: everything, passwords too, travels unencrypted over the Internet.")
    return tuple(notes)
