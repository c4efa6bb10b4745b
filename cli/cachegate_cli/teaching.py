"""What `--help` shows below each command: examples to copy, and what the exit codes mean."""

from __future__ import annotations

EXIT_CODES = (
    "Exit codes: 0 done; 1 the answer is an error, or a check fails or is unknown; 2 wrong usage, "
    "or nothing could be asked; 130 Ctrl-C."
)
EXIT_CODES_OF_JUDGE = (
    "Exit codes: 0 nothing to revoke; 1 a rule should be revoked; 2 wrong usage, or the file holds "
    "no such JSON; 130 Ctrl-C."
)
EXAMPLES = {
    "": (
        "cachegate status                  where is my cache, and is all well?",
        "cachegate plan                    what would the next pass change?",
        "cachegate explain 6380            why does that port lead there?",
        "cachegate status --json | jq .    the raw answer, of every command",
        "cachegate watch --local           the embedded world of make local, live",
    ),
    "status": (
        "cachegate status --profile dev --region eu-west-1",
        "cachegate status sessions",
        "cachegate status | grep forwarding",
        "CACHEGATE_STACK=cachegate-test cachegate status",
    ),
    "connect": (
        "cachegate connect sessions",
        "cachegate connect sessions --format redis-py --out client.py",
        "cachegate connect sessions --format natmap > natmap.json",
        "cachegate connect sessions --format hosts | sudo tee --append /etc/hosts",
        "cachegate connect sessions --format nft | sudo nft -f -",
    ),
    "watch": (
        "cachegate watch --every 2",
        "cachegate watch sessions      one cache, which a small terminal has room for",
        "cachegate watch | tee changes.log",
    ),
    "explain": (
        "cachegate explain 6380",
        "cachegate explain 6380 --vpc vpc-0123456789abcdef0",
    ),
    "doctor": (
        "cachegate doctor",
        "cachegate doctor --probe      from a client that the stack trusts",
    ),
    "plan": (
        "cachegate plan",
        "cachegate plan --proposals | less",
    ),
    "describe": ("cachegate describe | jq '.vpcs|.[].forwards|.[].listen'",),
    "sync": (
        "cachegate sync",
        "cachegate sync --force      do not wait for the brake of a mass change",
    ),
    "move": ("cachegate move i-0123456789abcdef0",),
    "release": ("cachegate release 6382",),
    "detach": ("cachegate detach --yes && sam delete",),
    "guard": (
        "cachegate guard plan       which ingress is too wide, now? changes nothing",
        "cachegate guard sweep      run a pass of the guard",
    ),
    "guard plan": ("cachegate guard plan",),
    "guard sweep": ("cachegate guard sweep",),
    "findings": (
        "cachegate findings",
        "cachegate findings --group sg-0123456789abcdef0",
    ),
    "exempt": (
        "cachegate exempt sgr-0123456789abcdef0 --owner me --expires 2027-01-31 --reason moving",
    ),
    "restore": (
        "cachegate restore sgr-0123456789abcdef0 --force",
        "cachegate restore sgr-0123456789abcdef0 --owner me --expires 2027-01-31 --reason needed",
    ),
    "judge": (
        "aws ec2 describe-security-groups | cachegate judge -",
        "cachegate judge rules.json --ports 6379,11211",
    ),
}


def epilog(command: str = "") -> str | None:
    """Return what stands below the help of a command; None where nothing is to be taught."""
    examples = EXAMPLES.get(command)
    if examples is None:
        return None
    title = "Examples:" if len(examples) > 1 else "Example:"
    return "\n".join((title, *(f"  {each}" for each in examples), "", exit_codes(command)))


def exit_codes(command: str = "") -> str:
    """Return what the exit codes of a command mean."""
    return EXIT_CODES_OF_JUDGE if command == "judge" else EXIT_CODES
