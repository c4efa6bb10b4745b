"""What a NAT instance of the stack does at each boot, run as it is: by sh, with an /etc of its own.

Not run here: cloud-init, and dnf, for which a stub stands in.
"""

from __future__ import annotations

import email
import subprocess
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest
import yaml

from cachegate_agent.preflight import FEW_FLOWS
from tests.template.resolved import RESOLVED

if TYPE_CHECKING:
    from pathlib import Path

DATA = RESOLVED["NatTemplate"]["Properties"]["LaunchTemplateData"]
USER_DATA = b64decode(DATA["UserData"])
PARTS = {
    part.get_content_type(): part.get_payload(decode=True).decode()  # type: ignore[union-attr]
    for part in email.message_from_bytes(USER_DATA).walk()
    if not part.is_multipart()
}
SCRIPT = PARTS["text/x-shellscript"]
LARGEST_USER_DATA = 16 * 1024  # bytes, before base64
MEMORY = 512 * 1024 * 1024  # bytes of a t4g.nano
ENTRY = 320  # bytes of a connection tracking entry
SETTINGS = "etc/sysctl.d/90-nat-instance.conf"
MODULES = "etc/modules-load.d/nat-instance.conf"
FOLDERS = ("etc/sysctl.d", "etc/modules-load.d")
SIZES = ("_max", "_buckets")  # of the whole machine
ISOLATED = ["unshare", "--user", "--map-root-user", "--net", "--mount"]


@pytest.fixture(scope="module")
def _isolated() -> None:
    done = subprocess.run([*ISOLATED, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs namespaces of its own: {done.stderr.strip()}")


class Machine:
    """A machine with an /etc of its own, on which these programs only write what was asked."""

    def __init__(self, folder: Path) -> None:
        self.root, self.log, self.bin = folder, folder / "log", folder / "bin"
        for name in (*FOLDERS, "bin"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/sysctl.d/10-theirs.conf").write_text("net.ipv4.ip_forward = 0\n")
        self.log.touch()
        self.script = folder / "script"
        self.script.write_text(SCRIPT)
        (folder / "var").mkdir()
        for name in ("modprobe", "sysctl", "sleep", "mkswap", "swapon"):
            self.stub(name, "")
        self.stub("dd", "echo >/var/swapfile.new")  # half a gigabyte, here a line
        self.stub("dnf", self.installing)

    @property
    def installing(self) -> str:
        """What dnf does where all goes well."""
        return f'printf "#!/bin/sh\\n" >{self.bin}/nft && chmod +x {self.bin}/nft'

    def stub(self, name: str, then: str) -> None:
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.log}\n{then}\n')
        path.chmod(0o755)

    def boot(self) -> None:
        """Run the script as cloud-init does; it sees no nft but the one that dnf installs."""
        own = f"mount --bind {self.root}/etc /etc\nmount --bind {self.root}/var /var\n"
        hidden = f'PATH={self.bin}:{self.root}/tools exec sh "{self.script}"'
        tools = self.root / "tools"
        tools.mkdir(exist_ok=True)
        for name in ("sh", "cat", "chmod", "mv", "rm"):
            if not (tools / name).exists():
                (tools / name).symlink_to(f"/bin/{name}")
        subprocess.run([*ISOLATED, "/bin/sh", "-euc", own + hidden], check=True, timeout=10)

    def asked(self) -> list[str]:
        return self.log.read_text().splitlines()

    def files(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.root)): path.read_text()
            for path in sorted((self.root / "etc").rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def machine(tmp_path: Path, _isolated: None) -> Machine:
    return Machine(tmp_path)


def settings() -> dict[str, int]:
    """Return the settings that the script writes."""
    text = SCRIPT.partition("<<'END'\n")[2].partition("\nEND\n")[0]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: int(value) for name, _, value in (line.partition(" = ") for line in lines)}


def test_it_is_run_at_each_boot_and_is_small_enough() -> None:
    assert PARTS.keys() == {"text/cloud-config", "text/x-shellscript"}
    assert yaml.safe_load(PARTS["text/cloud-config"]) == {
        "cloud_final_modules": [["scripts-user", "always"]]
    }
    assert PARTS["text/cloud-config"].lstrip().startswith("#cloud-config\n")
    assert SCRIPT.lstrip().startswith("#!/bin/sh\n")
    assert len(USER_DATA) < LARGEST_USER_DATA


def test_it_is_a_script_that_sh_can_read() -> None:
    done = subprocess.run(["sh", "-n"], input=SCRIPT, text=True, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_it_loads_conntrack_applies_the_settings_and_installs_nftables(machine: Machine) -> None:
    machine.boot()

    assert machine.asked() == [
        "modprobe nf_conntrack",
        f"sysctl -q -p /{SETTINGS}",
        "dd if=/dev/zero of=/var/swapfile.new bs=1M count=512 status=none",
        "mkswap /var/swapfile.new",
        "swapon /var/swapfile",
        "dnf install -y -q nftables",
    ]
    assert (machine.root / "var/swapfile").stat().st_mode & 0o777 == 0o600
    assert machine.files()[MODULES] == "nf_conntrack\n"
    written = machine.files()[SETTINGS].splitlines()
    assert [line for line in written if not line.startswith("#")] == [
        f"{name} = {value}" for name, value in settings().items()
    ]


def test_a_second_boot_changes_nothing_and_installs_nothing(machine: Machine) -> None:
    machine.boot()
    once = machine.files()
    machine.boot()

    assert machine.files() == once
    asked = [line.split()[0] for line in machine.asked()]
    assert (asked.count("dnf"), asked.count("dd"), asked.count("mkswap")) == (1, 1, 1)
    assert asked.count("swapon") == 2


@pytest.mark.parametrize("broken", ["dd", "mkswap", "swapon"])
def test_without_swap_it_goes_on_and_the_next_boot_tries_again(
    machine: Machine, broken: str
) -> None:
    machine.stub(broken, "exit 1")

    machine.boot()
    machine.boot()

    asked = [line.split()[0] for line in machine.asked()]
    assert (asked.count("dnf"), asked.count(broken)) == (1, 2)
    assert not (machine.root / "var/swapfile.new").exists()


def test_other_files_are_left_alone_and_ours_comes_last(machine: Machine) -> None:
    """So that what somebody else says of forwarding does not undo it at the next boot."""
    before = machine.files()
    machine.boot()

    assert machine.files().items() >= before.items()
    assert machine.files().keys() - before.keys() == {SETTINGS, MODULES}
    assert max(name for name in machine.files() if "sysctl" in name) == SETTINGS


def test_it_goes_on_trying_until_the_network_is_there(machine: Machine) -> None:
    tries = machine.root / "tries"
    machine.stub(
        "dnf",
        f"echo again >>{tries}\nset -- $(cat {tries})\n[ $# -ge 3 ] || exit 1\n"
        f"{machine.installing}",
    )

    machine.boot()

    install, wait = "dnf install -y -q nftables", "sleep 10"
    assert machine.asked()[5:] == [install, wait, install, wait, install]


def test_a_setting_that_the_kernel_does_not_take_is_an_error_and_nothing_is_hidden(
    machine: Machine,
) -> None:
    machine.stub("sysctl", "exit 1")

    with pytest.raises(subprocess.CalledProcessError):
        machine.boot()


@pytest.mark.usefixtures("_isolated")
def test_this_kernel_takes_each_setting_that_a_namespace_may_change() -> None:
    """The size of the table is the machine's own: only its name is checked."""
    own = {name: value for name, value in settings().items() if not name.endswith(SIZES)}
    shown = [f"cat /proc/sys/{name.replace('.', '/')}" for name in own]
    exist = [f"test -e /proc/sys/{name.replace('.', '/')}" for name in settings()]
    writes = [f"echo {value} >/proc/sys/{name.replace('.', '/')}" for name, value in own.items()]
    loaded = ["nft add table ip t", "nft 'add chain ip t c { type filter hook input priority 0; }'",
              "nft add rule ip t c ct state new"]  # fmt: skip

    done = subprocess.run(
        [*ISOLATED, "sh", "-euc", "\n".join([*loaded, *exist, *writes, *shown])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode and "nft" in done.stderr:
        pytest.skip(f"needs nft and connection tracking: {done.stderr.strip()}")

    assert done.stderr == ""
    assert list(map(int, done.stdout.split())) == list(own.values())


def test_the_table_is_large_enough_for_the_agent_and_small_enough_for_half_a_gigabyte() -> None:
    entries = settings()["net.netfilter.nf_conntrack_max"]

    assert entries >= FEW_FLOWS
    assert entries * ENTRY < MEMORY / 10
    assert settings()["net.netfilter.nf_conntrack_buckets"] == entries
    assert settings()["net.ipv4.ip_forward"] == 1


def test_an_idle_connection_is_known_for_as_long_as_its_ends_may_be_silent() -> None:
    """Linux asks an idle peer after two hours; RFC 5382 adds four minutes (REQ-5)."""
    known = settings()["net.netfilter.nf_conntrack_tcp_timeout_established"]
    (interface,) = DATA["NetworkInterfaces"]

    assert known >= 2 * 3600 + 4 * 60
    assert interface["ConnectionTrackingSpecification"]["TcpEstablishedTimeout"] == known
