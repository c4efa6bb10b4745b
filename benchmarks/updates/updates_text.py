"""The text about updates; every figure in it comes from the rows."""

from __future__ import annotations

TEXT = """\
Every forward leads to a node with an address of its own. First all forwards come into force on a
kernel that holds none, then one of them gets another target. All programs are started by one
process on the NAT instance, which takes {empty} ms for a program that does nothing. Our agent is
the archive that the SSM document carries; its rows are the time from the payload's first byte until
the new rule set is verified and saved. The start of Python and the loading of the agent
(about {start} ms here, compiled anew each time) come before that, the probe of the targets after.

{whole}

{first}

{change}

One call a rule takes {calls} as our whole apply with nftables, and refuses connections on the way.
`nft -f` and `iptables-restore` are faster than our agent as a whole, because they only write: they
do not look whether what they replace is still as they left it, nor cut a stale flow, nor read back,
nor remember anything for the next boot.

### Where our time goes

{steps}

{stacked}

*Repair of flows* is mostly the kernel walking through its table of connections: before the swap for
flows that bear the coming rules' stamp, after it for stale ones. That table has {places} places
here, by the memory of the machine, however few connections there are. Linux gives a machine of
0.5 GB 4,096.

### The swap itself

The swap is making the text and the program that gives it to the kernel. (a) is to that program in
it, so to the same text at the same moment; the line after it shows what the program takes there
against the same text given to it alone, where two runs mostly differ in how long the kernel lets
them wait. (b) is to the least text that a person would write for the same forwards: one map and two
chains, or one element for another. One target is changed here {alone}, there and back, apart from
the rest of a run, because a change is short and its time varies. Each swap of ours is a process of
its own that has read payload and kernel, as in a run; the program alone takes turns with it.

{swaps}

Our table holds more than the least one: which ports are ours, so that strangers and late packets
are answered alike, and which listen port may lead to which target, so that a stale flow is refused
even where nobody found it. So there are three elements for each forward instead of one, and `nft`
takes its time by the element. {sets}. We keep the sets. Where one target changes, only the elements
that differ are written. Most likely the program then mostly waits for the kernel, until no
processor uses the old element any more, and what the swap takes beyond its program is most likely
Python comparing all forwards to find those that differ.
"""
