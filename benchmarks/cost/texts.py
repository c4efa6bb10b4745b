"""What the page says around its figures."""

HEAD = """\
# What it costs

Written by `make cost` from the template, list prices (read {read}), the rates below and what the
last full run [measured](benchmarks.md); nobody has checked a bill. us-east-1, USD, a month of
{hours} hours, without free tiers, discounts and taxes.

{ways}

{picture}

**What dominates.** Of the {middle}-node stack with two instances {fixed} is fixed: {network} for
two small instances, their disks and addresses, {watched} for metrics, alarms and the dashboard.
Nodes cost next to nothing, for a pass asks by the page, and so do events. To look every {often} min
instead of every {seldom} min, which is how an instance that hangs is found, costs {minute}. Each
t4g.micro in the place of a t4g.nano adds {micro}, each GB that clients read {gigabyte} where the
node is in another zone.

**Where something else is better.**
- *SSM port forwarding* is the cheapest ({bastion}), has no open port, and IAM decides who connects.
  Take it where a person looks at one node now and then. Each client needs the AWS CLI, credentials,
  and a process for each target ({most} nodes: {most}), and it is slow for bulk.
- *AWS Client VPN* is the dearest for few nodes ({vpn}: {vpn_fixed} for {zones} subnets, then
  {person} for each person who is connected all working hours) and does most: it reaches the whole
  VPC, with your identity provider. Where you need that anyway, the caches come along for nothing.
- *Load balancers with a listener for each node* cost {balancer} up to {listeners} nodes, beside
  {two} for two instances, and AWS keeps them alive in both zones. But something has to register a
  node's new address when it is replaced: that function, its alarms and its upkeep are not in the
  figure. After {listeners} nodes comes the next balancer, with another address for clients.
- *A load balancer for each node* is cheaper than that for no number of nodes.

cachegate is for clients that cannot take software or credentials, for many nodes at one address,
and for ports that stay when nodes are replaced.

## Where the money goes

At the usual rates. The guard cannot be left out; its share is for comparison.

{parts}

## How events change it

For {middle} nodes. *Passes* and *sweeps* are runs of the two functions in a month. What the guard
hears comes by CloudTrail, whose first copy of management events is free. The last column is **not**
in the sums: it is what our own calls add where your account pays for a second copy.

{rates}

"""

END = """\
## The formula

The cost is the sum of units * price, with these units a month:

```text
passes         hours * 60 / minutes between them + changes * passes of a change
sweeps         hours * 60 / minutes between them + calls that the guard hears (a window: 1)
ignored        starts and ends of EC2 instances that are none of the stack's, a short run each
GB-seconds     (passes * (seconds of a pass + calls * seconds of a call) + ignored * its seconds)
               * MB / 1,024; one request and one trace a run; sweeps likewise
SQS            3 * messages + how often Lambda asks, for each of two queues
DynamoDB       passes * (ledger twice + heartbeat, by 4 KB) read, passes * 2 + changes * KB written
metrics        steady ones + those of happenings * hours that have any / hours
logs           runs * KB, written and stored
traffic        GB to the Internet + 2 * GB between zones
Client VPN     hours * subnets, people * hours connected, GB to the Internet
load balancers balancers * hours, balancers * zones * hours of addresses, GB, traffic
bastion        hours of a t4g.nano and of an address, its disk, 2 * GB between zones
```

"Template" and "code" are read there, "measured" is what the last full run kept; all other inputs
are typed in `benchmarks/cost/usage.py`, the prices in `prices.toml` beside it.

{inputs}

Left out, as cents or as unknown: mail, KMS requests of the tables, processor time of a t4g beyond
its share, addresses that Client VPN may take, what Systems Manager itself sends.

## The prices

"Seen" is how far each was confirmed: {seen}. **Not confirmed: {unconfirmed}.** From copies:
{copies}.

{prices}
"""

SEEN = {
    "page": "AWS's own page or documentation says it",
    "list": "AWS's price list of the second half of 2024, as Infracost's tests keep it",
    "copies": "several public copies agree, AWS's page itself was not read",
    "memory": "from memory of the price page, not confirmed",
}

INPUTS = {
    "minutes between passes: address held, and not (template)": "{MINUTES}, {OWN_MINUTES}",
    "minutes between sweeps; seconds of the guard's window (template)": "{GUARD_MINUTES}; {WINDOW}",
    "MB of either function (template)": "{MEMORY}",
    "steady metrics: your own instances, one, two (template and code)": "{METRICS}",
    "alarms, likewise (template)": "{ALARMS}",
    "AWS calls of a quiet pass at 3, 30, 300 nodes ([measured](benchmarks.md))": "{CALLS}",
    "and where an address is held; with a second instance (assumed)": (
        "+ {CALLS_OF_ADDRESS}; + {CALLS_OF_SECOND}"
    ),
    "AWS calls of a quiet sweep at 3, 30, 300 groups (measured, likewise)": "{GUARD_CALLS}",
    "seconds of a pass of one event, AWS answering at once (measured); of a quiet one (assumed)": (
        "{PASS_SECONDS}; as many"
    ),
    "KB of log of a pass at 3, 30, 300 nodes (seen once, Lambda's lines estimated)": "{LOG_KB}",
    "KB of log of a sweep (assumed)": "as many",
    "KB of the ledger at 3, 30, 300 nodes that have nothing in common (measured)": "{LEDGER_KB}",
    "seconds that AWS takes for a call; of a run that ignores an event (assumed)": (
        "{CALL_SECONDS}; {IGNORED_SECONDS}"
    ),
    "passes, events, metrics of a change; KB of findings of a group (assumed)": (
        "{PASSES_A_CHANGE}, {EVENTS_A_CHANGE}, {METRICS_A_CHANGE}; {FINDINGS_KB}"
    ),
    "how often Lambda asks one queue: 5 at a time, 20 s each (assumed)": "{POLLS:,.0f}",
    "GB that clients read, all from another zone (assumed)": "{OUT_GB}",
    "GB of an instance's disk (Amazon Linux 2023)": "{DISK_GB}",
    "people, and hours that each is connected (assumed)": "{PEOPLE}, {PERSON_HOURS}",
    "zones of load balancers and of Client VPN (assumed)": "{ZONES}",
    "listeners of one load balancer (AWS's quota, not adjustable)": "{LISTENERS}",
}
