"""Several hosts on one machine: network namespaces, joined by a switch that is one too.

  with Hosts([2, 1], rate="1gbit") as hosts:    # two slots on the first host, one on the second
      hosts.mpirun([program])                   # starts three ranks
      process = hosts.popen(1, [program])       # on the second host only
      hosts.cut(1)                              # its cable is pulled
      hosts.lose(1)                             # its packets vanish, the cable seems well
      hosts.heal(1)

Host k, from 0, is called host1, host2, …; its devices e0 (and e1) have the addresses 10.77.0.(k+1)
(and 10.77.1.(k+1)), one subnet a device. Everything lies in namespaces called RUN-…, with a name
RUN of this process alone, so runs do not meet, and deleting the namespaces leaves nothing behind.

Bandwidth is shaped by `tc`, both ways. Delay is made by slow_switch.py, as many kernels lack netem.

Used by the command `hosts` and by the tests beside it.
"""

import itertools
import os
import shlex
import subprocess
import sys

import namespaces
from namespaces import ip, run_tool

FOLDER = os.path.dirname(os.path.abspath(__file__))
ENTER = os.path.join(FOLDER, "enter")
SLOW_SWITCH = os.path.join(FOLDER, "slow_switch.py")


class Hosts:
    """`rate` as tc takes it ("1gbit"), `delay` in seconds, one way.

    REQUIRES: not namespaces.why_not().
    """

    def __init__(self, slots, rate=None, delay=0.0, devices=1):
        self.slots = slots
        self.devices = devices
        self.run_name = namespaces.new_run_name()
        self.folder = namespaces.run_folder(self.run_name)  # all hosts see it
        self._rate = rate
        self._delay = delay
        self._processes = []

    def __enter__(self):
        try:
            os.mkdir(self.folder)
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        namespaces.destroy(self.run_name)
        for process in self._processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()

    def __len__(self):
        return len(self.slots)

    def address(self, host, device=0):
        return f"10.77.{device}.{host + 1}"

    def host_of(self, rank):
        """Ranks fill the slots in order."""
        return [host for host, slots in enumerate(self.slots) for _ in range(slots)][rank]

    def popen(self, host, argv, **options):
        """Starts a program on a host. Its pid is the program's; the owner is this object."""
        line = [ENTER, self.run_name, self.address(host), f"exec {shlex.join(argv)}"]
        process = subprocess.Popen(line, **options)
        self._processes.append(process)
        return process

    def run(self, host, argv, timeout=30):
        """Runs a program on a host to its end; what it printed."""
        process = self.popen(host, argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True)
        output, _ = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(argv, process.returncode, output)

    def mpirun(self, argv, options=(), environment=None, **popen_options):
        """Starts a rank a slot. `environment` is added to every rank's; it may set Open MPI's
        parameters (OMPI_MCA_…) too, over those given here."""
        names = ",".join(f"{self.address(k)}:{n}" for k, n in enumerate(self.slots))
        line = [namespaces.mpirun_program(), "--allow-run-as-root", "--oversubscribe",
                "--bind-to", "none", "--host", names, *options, *argv]
        variables = {**os.environ, **self._mpirun_variables(), **(environment or {})}
        return self.popen(0, line, env=variables, **popen_options)

    def _mpirun_variables(self):
        parameters = {
            "plm_rsh_agent": f"{ENTER} {self.run_name}",
            "routed": "direct",
            "oob_tcp_if_include": "e0",
            "btl_tcp_if_include": ",".join(f"e{device}" for device in range(self.devices)),
        }
        variables = {f"OMPI_MCA_{name}": value for name, value in parameters.items()}
        # Open MPI's own files go where the run leaves nothing behind.
        return {**variables, "TMPDIR": self.folder}

    def cut(self, host):
        """Pulls the host's cables: its devices lose their carrier."""
        for device in range(self.devices):
            self._switch("link", "set", port(host, device), "down")

    def lose(self, host):
        """Every packet from and to the host is lost; its devices notice nothing."""
        for device in range(self.devices):
            self._switch("link", "set", port(host, device), "nomaster")

    def heal(self, host):
        """Undoes cut() and lose()."""
        for device in range(self.devices):
            self._switch("link", "set", port(host, device), "master", f"bridge{device}", "up")

    def kill_all(self, host):
        """Kills every process of the host."""
        namespaces.kill_processes(self._name(host))

    def _name(self, host):
        return f"{self.run_name}-host{host + 1}"

    def _switch(self, *arguments):
        if self._delay:
            raise NotImplementedError("links with delay cannot be cut")
        ip("-n", f"{self.run_name}-switch", *arguments)

    def _make(self):
        for host in range(len(self)):
            ip("netns", "add", self._name(host))
            ip("-n", self._name(host), "link", "set", "lo", "up")
        if self._delay:
            self._make_slow_switch()
        else:
            self._make_switch()
        for host, device in self._all_devices():
            self._set_up(host, device)

    def _all_devices(self):
        return itertools.product(range(len(self)), range(self.devices))

    def _make_switch(self):
        ip("netns", "add", f"{self.run_name}-switch")
        for device in range(self.devices):
            self._switch("link", "add", f"bridge{device}", "type", "bridge")
            self._switch("link", "set", f"bridge{device}", "up")
        for host, device in self._all_devices():
            self._switch("link", "add", port(host, device), "type", "veth",
                         "peer", "name", f"e{device}", "netns", self._name(host))
            self._switch("link", "set", port(host, device), "master", f"bridge{device}", "up")
            self._shape(f"{self.run_name}-switch", port(host, device))

    def _make_slow_switch(self):
        names = [self._name(host) for host in range(len(self))]
        switch = subprocess.Popen(
            [sys.executable, SLOW_SWITCH, str(self._delay), str(self.devices), *names],
            stdout=subprocess.PIPE, text=True)
        self._processes.append(switch)
        if switch.stdout.readline() != "ready\n":
            raise RuntimeError("slow_switch.py did not start")

    def _set_up(self, host, device):
        name, interface = self._name(host), f"e{device}"
        ip("-n", name, "address", "add", f"{self.address(host, device)}/24", "dev", interface)
        ip("-n", name, "link", "set", interface, "up")
        self._shape(name, interface)

    def _shape(self, name, interface):
        if self._rate:
            # Bursts hold the largest packet that a veth carries, 64 KiB.
            run_tool("tc", "-n", name, "qdisc", "add", "dev", interface, "root", "tbf",
                     "rate", self._rate, "burst", "256kb", "latency", "20ms")


def port(host, device):
    return f"port{host + 1}.{device}"
