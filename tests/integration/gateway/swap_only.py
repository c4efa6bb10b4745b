"""Change the kernel and stop there: `swap_only.py BACKEND PAYLOAD_FILE`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "gateway"))

from cachegate_agent import payload
from cachegate_agent.iptables import Iptables
from cachegate_agent.nftables import Nftables

backend = Nftables() if sys.argv[1] == "nftables" else Iptables()
rules = payload.rules_of(payload.decode(Path(sys.argv[2]).read_text()))
backend.swap(rules, backend.read())
