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

{steps}

- The client and the node have a processor each, and what stands between them shares these. In the
  kernel's ways that is the time of whoever sends the packet. A program in the middle has to wait
  for its turn, so that on machines of their own its share would be higher; the CPU time that it
  takes would not be lower.
- The third table takes our rules apart. A NAT has to track connections and to rewrite every packet,
  and each new connection needs an entry of its own: these first two steps are the limit of any NAT
  in this kernel, ours or not. One rule in each direction alone keeps {limit}
  of what routing with tracking answers, in the order of the columns.
- What we add to each packet is one comparison: does its connection bear the stamp of the rules in
  force? That closes the moment between a change of the rules and the agent's cut of the connections
  that it made stale, and holds where that cut fails. A new connection is also asked for its source,
  whether it is to one of our ports, and whether it begins by a SYN.
- Only the first packet of a connection, and its next one after a change of the rules, is looked up:
  in a hash table with nftables, in a tree of short chains with iptables. So the number of forwards
  should not be seen in the first two columns.
- `socat` starts a process for each connection, `ssh` carries all connections in one. `stunnel` and
  Redis with TLS begin each new connection by a TLS handshake.
- A flowtable would lead the packets of known connections past most of this. It is not used: this
  kernel has none, so it could not be tested, and the packets in it would meet no rule of ours.
{missing}"""
