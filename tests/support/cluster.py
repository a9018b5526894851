"""A SLURM cluster of two nodes on this machine, for tests: up, down, status.

Debian's slurm-wlm and munge, as root. Everything lies in one directory of its own and listens
on the loopback interface; the one file elsewhere is /etc/slurm/slurm.conf (a Snakemake job
has no SLURM_CONF, so no other place will do), and one that this tool did not write is never
touched. The nodes pretend to be larger than the machine, so that a profile for a real
cluster runs as it is.

    python tests/support/cluster.py up
"""

import argparse
import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CONF = Path("/etc/slurm/slurm.conf")
STATE = Path("/run/lcinfer-slurm")
LOCK = Path("/run/lcinfer-slurm.lock")
MARKER = "# Written by lcinfer's tests/support/cluster.py, which removes it again."
NODES = ("n1", "n2")
PORTS = {"slurmctld": 16817, "n1": 17001, "n2": 17002}
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol", "sinfo")
USER = "munge"

# - munge has a socket of its own: a munged of the system is left alone;
# - MpiDefault=none: what the profile needs it must ask for;
# - config_overrides: nodes larger than the machine; nothing enforces CPUs or memory here;
# - cred_expire: how long a requeued job waits, 2 minutes otherwise.
SLURM_CONF = """{marker}
ClusterName=lcinfer
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={state}/munge/socket,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort={ports[slurmctld]}
StateSaveLocation={state}/slurmctld
SlurmdSpoolDir={state}/%n
SlurmctldPidFile={state}/slurmctld.slurm-pid
SlurmdPidFile={state}/%n.slurm-pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=0
MpiDefault=none
KillWait=10
SchedulerParameters=bf_interval=1,sched_min_interval=100000
AccountingStorageType=accounting_storage/none
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[n1]} CPUs=8 RealMemory=100000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[n2]} CPUs=8 RealMemory=100000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


class ClusterError(Exception):
    """Why there is no cluster, in one line."""


def up() -> None:
    """Start the cluster, unless it is there already, and wait until both nodes are idle.

    Raises:
        ClusterError: if it cannot run here; nothing is left behind then.
    """
    check()
    if is_up():
        return
    down()
    for name, port in PORTS.items():
        _check_free(name, port)
    try:
        _start()
    except BaseException:
        down()
        raise


def down() -> None:
    """Stop what `up` started and remove what it wrote; nothing if there is nothing.

    Raises:
        ClusterError: if the configuration in place is somebody else's.
    """
    _check_conf()
    if _running("slurmctld"):
        _quietly("scancel", "--user=root")
        _wait(lambda: not _output("squeue", "--noheader"), 20)
    for name in (*NODES, "slurmctld", "munged"):
        _stop(name)
    CONF.unlink(missing_ok=True)
    shutil.rmtree(STATE, ignore_errors=True)


def is_up() -> bool:
    """Whether every daemon that `up` started lives and both nodes take jobs."""
    daemons = all(_running(name) for name in ("munged", "slurmctld", *NODES))
    return daemons and all(state in ("idle", "mix", "alloc") for state in states().values())


def states() -> dict[str, str]:
    """Node -> what sinfo says of it, as ``idle``; empty where nothing answers."""
    lines = _output("sinfo", "--noheader", "--Node", "--format=%N %t").splitlines()
    return dict(line.split() for line in lines)


@contextmanager
def alone(seconds: float = 900) -> Iterator[None]:
    """Hold the machine's only cluster against other test runs, waiting for them if need be."""
    with LOCK.open("w") as file:
        if not _wait(lambda: _locked(file.fileno()), seconds):
            raise ClusterError(f"another test run has held {LOCK} for {seconds:g} s")
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def check() -> None:
    """See whether a cluster can run here.

    Raises:
        ClusterError: if it cannot.
    """
    _check_conf()
    if os.geteuid() != 0:
        raise ClusterError("a SLURM cluster for tests needs root")
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise ClusterError(
            f"a SLURM cluster for tests needs slurm-wlm and munge (make slurm-packages); "
            f"missing: {', '.join(missing)}"
        )


def _check_conf() -> None:
    if CONF.exists() and not CONF.read_text(encoding="utf-8").startswith(MARKER):
        raise ClusterError(f"{CONF} is not ours: no cluster for tests is started or stopped here")


def _check_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ClusterError(f"port {port}, for {name}, is taken: {error}") from None


def _start() -> None:
    for directory in ("log", "slurmctld", *NODES):
        (STATE / directory).mkdir(parents=True)
    _start_munge()
    CONF.parent.mkdir(parents=True, exist_ok=True)
    host = socket.gethostname().split(".")[0]
    CONF.write_text(
        SLURM_CONF.format(marker=MARKER, host=host, state=STATE, ports=PORTS), encoding="utf-8"
    )
    _daemon("slurmctld", ["slurmctld", "-D"])
    for node in NODES:
        _daemon(node, ["slurmd", "-D", "-N", node])
    if not _wait(lambda: states() == dict.fromkeys(NODES, "idle"), 60):
        raise ClusterError(f"the nodes are not idle after a minute: {states()}\n{_log_tails()}")


def _start_munge() -> None:
    own = STATE / "munge"
    own.mkdir()
    user = pwd.getpwnam(USER)
    key = own / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    for path in (own, key):
        os.chown(path, user.pw_uid, user.pw_gid)
    command = ["munged", "--foreground", f"--socket={own}/socket", f"--key-file={key}"]
    files = [f"--{file}-file={own}/{file}" for file in ("pid", "seed")]
    _daemon("munged", [*command, *files], user=USER, group=user.pw_gid, extra_groups=[])
    if not _wait((own / "socket").is_socket, 10):
        raise ClusterError(f"munged does not start\n{_log_tails()}")


def _daemon(name: str, command: list[str], **options: object) -> None:
    with (STATE / "log" / name).open("w") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            **options,  # type: ignore[call-overload]
        )
    (STATE / f"{name}.pid").write_text(f"{process.pid} {_birth(process.pid)}", encoding="utf-8")


def _birth(pid: int) -> str:
    """When a process was started: with its number, this names it for good."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return "gone"
    return "gone" if status[0] == "Z" else status[19]


def _running(name: str) -> int | None:
    """The process number of a daemon that `up` started, if it lives."""
    try:
        pid, birth = (STATE / f"{name}.pid").read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return int(pid) if _birth(int(pid)) == birth else None


def _stop(name: str) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        pid = _running(name)
        if pid is None:
            return
        os.kill(pid, number)
        _wait(lambda: not _running(name), 15)


def _wait(happened: Callable[[], object], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > limit:
            return False
        time.sleep(0.2)
    return True


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _quietly(*command: str) -> None:
    _output(*command)


def _log_tails() -> str:
    logs = sorted((STATE / "log").glob("*"))
    return "\n".join(
        f"{log.name}: {line}"
        for log in logs
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    )


def main() -> None:
    """``up``, ``down`` or ``status``."""
    parser = argparse.ArgumentParser(description="A two-node SLURM on this machine, for tests.")
    parser.add_argument("verb", choices=["up", "down", "status"])
    verb = parser.parse_args().verb
    try:
        if verb == "down":
            down()
        elif verb == "up":
            up()
    except ClusterError as error:
        print(f"slurm-{verb}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    said = "  ".join(f"{node} {state}" for node, state in states().items()) if is_up() else "down"
    print(f"SLURM cluster for tests: {said}")


if __name__ == "__main__":
    main()
