"""The words of the section; every figure comes from the rows."""

from __future__ import annotations

TEXT = """\
A client asks one `redis-server` (GET, 50 connections, `redis-benchmark`) through a machine in the
middle. Each way has such a machine (a network namespace) to itself, with a cable to the client and
one to the node; all stand at the same time and are used in turn, in runs of a part of a second, and
each is checked by the address that the node sees. Ours are set up by the agent itself. With many
forwards there are {many}, and the one in use is the last. Three loads: one request at a time on
connections kept open, 16 in one go, and a new connection for each request.

{shares}

{picture}

{costs}

- The client, the node and what stands between them share the processors of one machine. A program
  in the middle has to take its time from them, so that in a network of separate machines its share
  would be higher; the CPU time and the latency that it adds would not be lower.
- Tracking connections, which every NAT needs, leaves this much of routing: {tracked}.
- One DNAT rule and one to masquerade, which let everybody in and never end a connection, leave of
  that: {least}. Every packet of a connection is rewritten, and a new one needs an entry of its own.
- What we add to that is one look at each packet on its way to the node: is its connection still
  what the rule set says, and its source still trusted? Of the two rules it leaves, by nftables:
  {nftables}; by iptables: {iptables}.
- nftables finds a forward among {many} by one look into a hash table. iptables has no such table:
  it goes through a tree of short chains, with every packet towards the node.
- `socat` starts a process for each connection, `ssh` carries all connections in one. `stunnel` and
  Redis with TLS begin each new connection by a TLS handshake, which is most of what it costs.
- A flowtable would pass the packets of known connections by most of this. It is not used: this
  kernel has none, so it could not be tested, and packets that it passes are not looked at.
{missing}"""
