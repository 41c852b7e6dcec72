"""Groups of workers: one library's ranks under its own launcher, started once and asleep between
commands. worker.cc documents the lines that they understand."""

import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 60
COMMAND_SECONDS = 120

# Without these, glibc gives large blocks back to the kernel after every operation that needs a
# temporary buffer, and peers pay for touching fresh pages each time.
FAIR_ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
}


class GroupError(Exception):
    """A group did not start, failed or did not answer; says who and what it printed last."""


class Group:
    """One library's ranks. Ends them when closed."""

    def __init__(self, settings, library, ranks, environment=None):
        self.name = f"{library} with {ranks} ranks"
        self.library = library
        # In memory: writing back a file on disk would disturb those who meet in it.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._directory = tempfile.mkdtemp(prefix="side_by_side-", dir=memory)
        self._processes = []
        self._sockets = {}
        self._unread = {}
        try:
            self._start(settings, ranks, environment or {})
        except BaseException:
            self.close()
            raise

    def command(self, line, seconds=COMMAND_SECONDS):
        """Sends the line to every rank and returns their answers, in rank order, without "ok"."""
        deadline = time.monotonic() + seconds
        for rank, connection in self._sockets.items():
            try:
                connection.sendall(line.encode() + b"\n")
            except OSError as error:
                raise GroupError(f"{self.name}, rank {rank}: {error}:\n{self._tail()}") from error
        answers = [self._read_line(rank, deadline, line) for rank in sorted(self._sockets)]
        for rank, answer in enumerate(answers):
            if not answer.startswith("ok"):
                raise GroupError(f"{self.name}, rank {rank}, asked “{line}”: {answer}")
        return [answer[2:].strip() for answer in answers]

    def close(self):
        for connection in self._sockets.values():
            connection.close()
        self._sockets = {}
        deadline = time.monotonic() + 10
        for process in self._processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._processes = []
        shutil.rmtree(self._directory, ignore_errors=True)

    def _start(self, settings, ranks, environment):
        with open(os.path.join(self._directory, "start_line"), "wb") as file:
            file.write(bytes(max(4096, 64 * ranks)))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(os.path.join(self._directory, "coordinator"))
        listener.listen(ranks)
        connections = 1 if self.library == "limit" else ranks
        with open(self._log(), "wb") as log:
            for command in launches(settings, self.library, ranks, self._directory):
                self._processes.append(
                    subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        env={**os.environ, **settings.environment, **environment},
                        start_new_session=True,
                    )
                )
        deadline = time.monotonic() + START_SECONDS
        with listener:
            while len(self._sockets) < connections:
                self._accept(listener, deadline)

    def _accept(self, listener, deadline):
        ready, _, _ = select.select([listener], [], [], 0.2)
        if not ready:
            dead = any(process.poll() is not None for process in self._processes)
            if dead or time.monotonic() > deadline:
                raise GroupError(f"{self.name} did not start:\n{self._tail()}")
            return
        connection, _ = listener.accept()
        self._sockets[-1] = connection
        self._unread[-1] = b""
        word, rank = self._read_line(-1, deadline, "hello").split()
        assert word == "hello"
        self._sockets[int(rank)] = self._sockets.pop(-1)
        self._unread[int(rank)] = b""

    def _read_line(self, rank, deadline, asked):
        connection = self._sockets[rank]
        while b"\n" not in self._unread[rank]:
            ready, _, _ = select.select([connection], [], [], max(0, deadline - time.monotonic()))
            try:
                piece = connection.recv(1 << 16) if ready else b""
            except OSError:
                piece = b""
            if not piece:
                why = "ended" if ready else "did not answer in time"
                who = f"{self.name}, rank {rank}, asked “{asked}”"
                raise GroupError(f"{who}, {why}:\n{self._tail()}")
            self._unread[rank] += piece
        line, self._unread[rank] = self._unread[rank].split(b"\n", 1)
        return line.decode()

    def _log(self):
        return os.path.join(self._directory, "log")

    def _tail(self):
        with open(self._log(), errors="replace") as log:
            return "".join(log.readlines()[-15:])


def launches(settings, library, ranks, directory):
    """The commands that start a library's ranks: one launcher, or a process a rank."""
    if library == "limit":
        return [[program(settings, library), *common(settings, directory)]]
    worker = [program(settings, library), *common(settings, directory)]
    if library == "gloo":
        return [[*worker, "--rank", str(rank), "--ranks", str(ranks)] for rank in range(ranks)]
    if library == "mpich":
        return [["mpirun.mpich", "-bind-to", "none", "-n", str(ranks), *worker]]
    launcher = ["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
    if ranks > len(settings.cores):
        launcher += ["--mca", "mpi_yield_when_idle", "1"]
    return [[*launcher, "-n", str(ranks), *worker]]


def program(settings, library):
    return os.path.join(settings.programs, "limit" if library == "limit" else f"worker_{library}")


def common(settings, directory):
    return ["--directory", directory, "--cores", ",".join(map(str, settings.cores))]


def available(settings, library):
    """Why a library cannot be measured here, or an empty string if it can."""
    if not os.access(program(settings, library), os.X_OK):
        return f"{program(settings, library)} is not built"
    launcher = {"mpich": "mpirun.mpich", "openmpi": "mpirun.openmpi", "tutti": "mpirun.openmpi"}
    if library in launcher and shutil.which(launcher[library]) is None:
        return f"{launcher[library]} is not installed"
    return ""
