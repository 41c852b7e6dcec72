"""What is measured between hosts: networks, and runs of `tutti perf` over each."""

from dataclasses import dataclass, field

MI = 1 << 20
LARGE = 64 * MI
GIGABIT_US = 8 / 1000  # to send a byte
DELAY_S = 0.01


@dataclass(frozen=True)
class Run:
    """One mpirun. `reference_us`: what the network alone takes, where that is known."""

    name: str
    perf: tuple
    mpirun: tuple = ()
    environment: dict = field(default_factory=dict)
    reference_us: float | None = None


@dataclass(frozen=True)
class Case:
    """Runs over one network, taken in turn. `measure` says what a time is compared with its
    reference by: "share" of the link's bound, or one-way "delays"."""

    name: str
    title: str
    slots: tuple
    runs: tuple
    rate: str | None = None
    delay: float = 0.0
    devices: int = 1
    measure: str = ""

    @property
    def ranks(self):
        return sum(self.slots)


@dataclass
class Point:
    """What was measured: medians over rounds, in microseconds; None where there is nothing."""

    case: str
    run: str
    collective: str
    bytes: int
    chosen: str = ""
    tutti: float | None = None
    openmpi: float | None = None
    samples: dict = field(default_factory=dict)  # by library, a time a round


def all_reduce_bound_us(size, hosts, devices=1):
    """Each host must send 2 (h-1)/h of the buffer, over links of a gigabit a second."""
    return 2 * size * (hosts - 1) / hosts * GIGABIT_US / devices


def large_all_reduce(*more):
    return ("all_reduce", "-b", str(LARGE), "-e", str(LARGE), "-n", "3", *more)


def veth(quick):
    collectives = "all_reduce,all_gather,all_to_all"
    largest = "4M" if quick else "64M"
    # Sockets take some hundred messages to find the sizes of their buffers.
    return Case(
        "veth", "Two hosts with a rank each, bandwidth not limited", (1, 1),
        (Run("small", (collectives, "-b", "8", "-e", "8", "-n", "20", "--vs", "mpi")),
         Run("medium", (collectives, "-b", "64K", "-e", "1M", "-f", "4", "-n", "50", "-w", "200",
                        "--vs", "mpi")),
         Run("large", (collectives, "-b", "4M", "-e", largest, "-f", "4", "-n", "10", "-w", "5",
                       "--vs", "mpi"))))


def shaped(_):
    bound = all_reduce_bound_us(LARGE, hosts=2)
    interleaved = ("--map-by", "node")
    return Case(
        "shaped", "Two hosts with two ranks each, 1 Gbit/s", (2, 2),
        (Run("ranks in order", large_all_reduce("--vs", "mpi"), reference_us=bound),
         Run("ranks interleaved", large_all_reduce("--vs", "mpi"), interleaved,
             reference_us=bound),
         Run("ranks interleaved, flat ring", large_all_reduce("--algorithm", "ring"), interleaved,
             reference_us=bound)),
        rate="1gbit", measure="share")


def delay(slots):
    perf = ("all_reduce", "-b", "8", "-e", "8", "-n", "5", "--batch", "10", "--vs", "mpi")
    return Case(
        f"delay{len(slots)}", f"{len(slots)} hosts with a rank each, 10 ms from one to another",
        slots, (Run("10 ms", perf, reference_us=DELAY_S * 1e6),), delay=DELAY_S,
        measure="delays")


def rails(_):
    def run(name, devices, environment):
        return Run(name, large_all_reduce("--vs", "mpi"), environment=environment,
                   reference_us=all_reduce_bound_us(LARGE, hosts=2, devices=devices))

    one = {"TUTTI_NET_DEVICES": "e0", "OMPI_MCA_btl_tcp_if_include": "e0"}
    return Case(
        "rails", "Two hosts with a rank and two devices each, 1 Gbit/s a device", (1, 1),
        (run("one device", 1, one), run("two devices", 2, {})),
        rate="1gbit", devices=2, measure="share")


def all_cases(quick=False):
    made = (veth(quick), shaped(quick), delay((1, 1)), delay((1, 1, 1, 1)), rails(quick))
    return {case.name: case for case in made}
