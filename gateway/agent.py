"""Run the agent: `python3 agent.py ACTION [--payload BASE64 | --payload-file FILE] [--compact]`."""

import sys

from cachegate_agent.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
