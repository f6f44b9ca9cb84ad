"""A real Slurm on this machine runs what `shard plan --format slurm` writes, and kills what takes too much memory."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from harness import Failed, Skip, apt, check, python_tools, run, shard

# Packages with the daemons, the accounts that `sacct` reads and the database below them.
PACKAGES = ("slurm-wlm", "munge", "slurmdbd", "mariadb-server")
PROGRAMS = ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd", "mariadb-install-db", "mariadb", "sbatch", "sacct")

TOML = """
shards = 3
budget = "1.2GB"

[tier.unit]
match = ["**"]
base = "60MB"
worker-base = "0MB"
run = ["pytest", "-p", "no:cacheprovider", "@{selection}"]
timeout = "5m"
# Else `shard run` ends the shard itself, before the kernel does.
guard = "off"

[cluster]
memory-classes = ["320MiB", "1500MiB"]
command = [COMMAND]

[slurm]
source = "env.sh"
options = [OPTIONS]
"""

# A task of root could make control groups of its own, and the Slurm of Debian 12 does not see what the first version of them
# kills there. Users cannot, which is what this comes to.
AS_USERS = ["unshare", "--mount", "sh", "-c", 'mount -o bind,remount,ro /sys/fs/cgroup/memory && exec "$0" "$@"']

ODD = """a'b "c" $(touch evil) `touch evil` ;|&<> \\\\ %x é"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait(until, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if until():
            return
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds} s")


class Slurm:
    """A cluster of one node, on ports of its own, in a folder that goes away."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = []
        self.env = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self.env = {name: value for name, value in self.env.items() if not name.startswith(("SBATCH_", "SLURM_JOB"))}
        self.node = f"shard{secrets.token_hex(3)}"

    def start(self):
        munge = self.folder / "munge.socket"
        (self.folder / "munge.key").write_bytes(secrets.token_bytes(1024))
        (self.folder / "munge.key").chmod(0o400)
        at = lambda name: self.folder / name  # noqa: E731
        self.daemon(
            "munged", "--foreground", "--force", f"--key-file={at('munge.key')}", f"--socket={munge}",
            f"--pid-file={at('munge.pid')}", f"--log-file={at('munge.log')}", f"--seed-file={at('munge.seed')}",
        )  # fmt: skip
        wait(munge.exists, 20, "munged")
        database, accounts, control, node = (free_port() for _ in range(4))
        run(["mariadb-install-db", "--no-defaults", f"--datadir={at('db')}", "--user=root", "--skip-test-db",
             "--auth-root-authentication-method=normal"], timeout=120)  # fmt: skip
        self.daemon(
            "mariadbd", "--no-defaults", f"--datadir={at('db')}", f"--socket={at('db.sock')}", f"--port={database}",
            "--bind-address=127.0.0.1", "--user=root", f"--pid-file={at('db.pid')}",
        )  # fmt: skip
        wait(at("db.sock").exists, 60, "mariadbd")
        secret = secrets.token_hex(8)
        sql = "create database slurm; " + "".join(
            f"create user slurm@'{host}' identified by '{secret}'; grant all on slurm.* to slurm@'{host}'; "
            for host in ("localhost", "127.0.0.1")
        )
        run(["mariadb", "--no-defaults", "-S", at("db.sock"), "-uroot", "-e", sql])
        at("slurmdbd.conf").write_text(f"""AuthType=auth/munge
AuthInfo=socket={munge}
DbdHost=localhost
DbdPort={accounts}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StoragePass={secret}
StorageLoc=slurm
LogFile={at("dbd.log")}
PidFile={at("dbd.pid")}
""")
        at("slurmdbd.conf").chmod(0o600)
        at("slurm.conf").write_text(f"""ClusterName=shard
SlurmctldHost={socket.gethostname().split(".")[0]}(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={munge}
CredType=cred/munge
MpiDefault=none
StateSaveLocation={at("state")}
SlurmdSpoolDir={at("spool")}
SlurmctldPidFile={at("ctld.pid")}
SlurmdPidFile={at("slurmd.pid")}
SlurmctldLogFile={at("ctld.log")}
SlurmdLogFile={at("slurmd.log")}
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={accounts}
AccountingStoragePass={munge}
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MinJobAge=3600
MaxArraySize=1001
NodeName={self.node} NodeHostname={socket.gethostname().split(".")[0]} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP
""")
        # Control groups of the first version, which a machine without systemd lets root write to.
        at("cgroup.conf").write_text(
            "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nConstrainRAMSpace=yes\nConstrainSwapSpace=no\n"
        )
        for name in ("state", "spool"):
            at(name).mkdir()
        self.daemon("slurmdbd", "-D")
        wait(lambda: self.says("sacctmgr", "-n", "list", "cluster"), 60, "slurmdbd")
        self.run("sacctmgr", "-i", "add", "cluster", "shard")
        self.daemon("slurmctld", "-D", "-f", at("slurm.conf"))
        self.daemon("slurmd", "-D", "-N", self.node, "-f", at("slurm.conf"))
        wait(lambda: "idle" in (self.says("sinfo", "-h", "-o", "%t") or ""), 60, "slurmd")

    def daemon(self, name, *words):
        log = open(self.folder / f"{name}.out", "wb")  # noqa: SIM115: the daemon keeps it
        program = shutil.which(name) or f"/usr/sbin/{name}"
        started = subprocess.Popen([program, *map(str, words)], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                   env=self.env, start_new_session=True)  # fmt: skip
        self.daemons.append((name, started))

    def run(self, *words, **options):
        return run(words, env=self.env, **options)

    def says(self, *words):
        """What a command prints; `None` where it fails."""
        try:
            return self.run(*words, timeout=30) or " "
        except (Failed, subprocess.TimeoutExpired):
            return None

    def stop(self):
        if any(name == "slurmctld" for name, _ in self.daemons):
            self.says("scancel", "--user=root")
            with contextlib.suppress(AssertionError):
                wait(lambda: not (self.says("squeue", "-h") or "").strip(), 30, "cancelled jobs")
        for _, daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(daemon.pid, signal.SIGKILL)
                daemon.wait(20)
        for controller in Path("/sys/fs/cgroup").glob(f"*/slurm_{self.node}"):
            for folder, _, _ in os.walk(controller, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)

    def submit(self, script, folder):
        """Runs a script of ours; returns the ids of its arrays once all their tasks are over."""
        ids = self.run("sh", input=script, cwd=folder).split()
        assert all(one.isdigit() for one in ids), ids
        # Finished tasks stay listed until the accounts have them.
        wait(lambda: not (self.says("squeue", "-h", "-j", ",".join(ids)) or " ").strip(), 240, f"arrays {ids}")
        return ids

    def ends(self, ids):
        """The accounts of arrays as people ask for them, once no task of theirs is open; and states by task."""
        words = ["sacct", "-j", ",".join(ids), "--parsable2", "--format=JobID,JobName,State,ExitCode"]
        listing, tasks = "", []

        def all_over():
            # The accounts lag behind: for a moment a task is open still, or a job without a number in its array.
            nonlocal listing, tasks
            listing = self.run(*words)
            rows = [line.split("|") for line in listing.splitlines()[1:]]
            tasks = [(row[0].partition("_")[2], row[2], row[3]) for row in rows if "." not in row[0]]
            open_still = {"RUNNING", "PENDING", "COMPLETING"}
            return tasks and all(task.isdigit() and state not in open_still for task, state, _ in tasks)

        wait(all_over, 60, "accounts")
        return listing, {task: (state, code) for task, state, code in tasks}


@contextlib.contextmanager
def cluster():
    if os.geteuid() != 0:
        raise Skip("only root can start slurmd")
    if not os.access("/sys/fs/cgroup/memory/tasks", os.W_OK):
        raise Skip("no control groups of the first version that can be written to")
    if not all(shutil.which(name) or Path("/usr/sbin", name).exists() for name in PROGRAMS):
        apt(*PACKAGES)
    with tempfile.TemporaryDirectory(prefix="shard-slurm-") as folder:
        slurm = Slurm(Path(folder))
        try:
            slurm.start()
            yield slurm
        except Exception:
            for log in sorted(Path(folder).glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}")
            raise
        finally:
            slurm.stop()


def project(folder, options, before=()):
    """Seven files of tests, all planned with 5 MB, of which one takes half a gigabyte at once."""
    (folder / "tests").mkdir()
    for number in range(6):
        (folder / "tests" / f"test_{number}.py").write_text("def test_it():\n    assert True\n")
    (folder / "tests" / "test_heavy.py").write_text(
        "def test_it():\n    assert len(bytearray(b'x') * (500 << 20)) == 500 << 20\n"
    )
    names = [f"tests/test_{number}.py" for number in range(6)] + ["tests/test_heavy.py"]
    rows = ["id,ms,retained_bytes", *(f"{name},1000,5000000" for name in names)]
    (folder / "costs.csv").write_text("\n".join(rows) + "\n")
    words = lambda all: ", ".join(json.dumps(str(one)) for one in all)  # noqa: E731
    toml = TOML.replace("COMMAND", words([*before, shard()])).replace("OPTIONS", words(options))
    (folder / "shard.toml").write_text(toml)
    (folder / "env.sh").write_text(f"PATH={python_tools()}:$PATH\nPYTHONDONTWRITEBYTECODE=1\nexport PATH PYTHONDONTWRITEBYTECODE\n")


@check
def slurm_runs_a_plan_kills_a_shard_and_runs_the_rest():
    with cluster() as slurm, tempfile.TemporaryDirectory(prefix="shard-project-") as name:
        folder = Path(name)
        project(folder, [f"--comment={ODD}"], AS_USERS)
        first = run([shard(), "plan", "--costs", "costs.csv", "--format", "slurm"], cwd=folder)
        plan = json.loads((folder / "shard-out/plan.json").read_text())
        heavy = next(
            index
            for index, one in enumerate(plan["shards"])
            if any("heavy" in suite["id"] for session in one["sessions"] for suite in session["suites"])
        )
        ids = slurm.submit(first, folder)
        listing, states = slurm.ends(ids)
        wanted = {str(index): "OUT_OF_MEMORY" if index == heavy else "COMPLETED" for index in range(3)}
        assert {task: state for task, (state, _) in states.items()} == wanted, listing
        comment = slurm.run("scontrol", "show", "job", f"{ids[0]}_{heavy}")
        assert ODD in comment, comment
        assert not (folder / "evil").exists()

        # What Slurm says stands in the verdict, in each of its forms.
        (folder / "sacct.txt").write_text(listing)
        (folder / "sacct.json").write_text(slurm.run("sacct", "-j", ",".join(ids), "--json"))
        (folder / "scontrol.txt").write_text(slurm.run("scontrol", "show", "job"))
        name = plan["shards"][heavy]["id"]
        for account in ("sacct.txt", "sacct.json", "scontrol.txt"):
            words = ["triage", "--ended", account, "--format", "json"]
            judged = json.loads(run([shard(), *words], cwd=folder))
            verdicts = {one["shard"]: one for one in judged["verdicts"]}
            assert verdicts[name]["verdict"] == "out-of-memory", judged
            assert f"Slurm calls task {ids[0]}_{heavy} OUT_OF_MEMORY" in str(verdicts[name]["evidence"]), judged
            assert [one["verdict"] for key, one in verdicts.items() if key != name] == ["passed"] * 2, judged

        second = run([shard(), "rebalance", "--ended", "sacct.txt", "--format", "slurm"], cwd=folder)
        assert " 1500 " in second, second
        # As docs/clusters.md waits.
        (folder / "next.sh").write_text(second)
        lines = "arrays=$(sh next.sh | paste -sd,)\nsrun --dependency=afterany:${arrays//,/:} true\necho $arrays"
        listing, states = slurm.ends(slurm.run("bash", "-ec", lines, cwd=folder, timeout=240).strip().split(","))
        assert states and all(state == ("COMPLETED", "0:0") for state in states.values()), listing
        run([shard(), "verify", "shard-out/outcomes"], cwd=folder)

        # A task of the first plan that begins only now: its number is another shard's in the new plan.
        listing, states = slurm.ends(slurm.submit(first, folder))
        assert set(states.values()) == {("FAILED", "94:0")}, listing


@check
def what_slurm_overlooks_the_outcome_tells():
    with cluster() as slurm, tempfile.TemporaryDirectory(prefix="shard-project-") as name:
        folder = Path(name)
        project(folder, [])
        ids = slurm.submit(run([shard(), "plan", "--costs", "costs.csv", "--format", "slurm"], cwd=folder), folder)
        listing, states = slurm.ends(ids)
        assert sorted(state for state, _ in states.values()) == ["COMPLETED", "COMPLETED", "FAILED"], listing
        (folder / "sacct.txt").write_text(listing)
        second = run([shard(), "rebalance", "--ended", "sacct.txt", "--format", "slurm"], cwd=folder)
        listing, states = slurm.ends(slurm.submit(second, folder))
        assert states and all(state == ("COMPLETED", "0:0") for state in states.values()), listing
        run([shard(), "verify", "shard-out/outcomes"], cwd=folder)


@check
def slurm_takes_as_many_tasks_as_are_submitted():
    with cluster() as slurm, tempfile.TemporaryDirectory(prefix="shard-project-") as name:
        folder = Path(name)

        def planned(number, most):
            (folder / "costs.csv").write_text("id,ms\n" + "".join(f"t{one}.py,1000\n" for one in range(number)))
            (folder / "shard.toml").write_text(
                f'[[alone]]\nmatch = ["**"]\n[slurm]\nmax-array-size = {most}\noptions = ["--test-only"]\n'
            )
            words = [shard(), "plan", "--costs", "costs.csv", "--effort", "quick", "--format", "slurm"]
            return lambda **options: run(words, cwd=folder, **options)

        slurm.run("sh", input=planned(1001, 1001)(), cwd=folder)
        planned(1002, 1001)(expect=2)
        # That is Slurm's own limit, not ours alone.
        try:
            slurm.run("sh", input=planned(1002, 2000)(), cwd=folder)
        except Failed as failed:
            assert "Invalid job array specification" in failed.output, failed
        else:
            raise AssertionError("Slurm took an index above its MaxArraySize")
