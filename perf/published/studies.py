"""Which machines were measured, what is known of them, and which of their rows calibrate.

Of links data sheets are believed (gigabytes per second, one way), of memory nine tenths of them, as
the simulator does. Two numbers are fitted: the latency of a step, and the part of a link's rate
that is reached. Those of other studies are taken where that is said.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

MIB = 1 << 20
LEAST_OF_BAR = 16 * MIB


@dataclass(frozen=True)
class Row:
    series: str
    source: str
    nodes: int
    ranks: int
    collective: str
    bytes: int
    time_us: float
    busbw: float
    note: str


@dataclass(frozen=True)
class Numbers:
    """What is fitted: microseconds, and parts of nominal rates; inside a host and between hosts.

    Where no row tells, latencies are those that the simulator assumes, and links reach all.
    """

    latency: float = 0.6
    efficiency: float = 1.0
    net_latency: float = 2.7
    net_efficiency: float = 1.0


@dataclass(frozen=True)
class Study:
    series: str
    title: str
    port: float                        # of a GPU, GB/s
    memory: float                      # of a GPU, TB/s
    net: float = 0.0                   # of each of a host's eight network ports, GB/s
    free: tuple = ()                   # of Numbers: those that are fitted
    calibrates: Callable = lambda row: False
    rule: str = ""                     # `calibrates`, in words
    inherits: str = ""                 # the study whose numbers hold where none are fitted
    in_bar: bool = False
    remark: str = ""

    def cluster(self, numbers, hosts, ranks):
        words = [f"hosts={hosts}", f"ranks={ranks // hosts}", f"memory={self.memory:g}T",
                 f"port={self.port * numbers.efficiency:.6f}G",
                 f"latency={numbers.latency:.6f}us"]
        if hosts > 1:
            words += [f"net={self.net * numbers.net_efficiency:.6f}G",
                      f"net_latency={numbers.net_latency:.6f}us"]
        return ",".join(words)


def every_second_size(row):
    """32 MiB, 128 MiB, 512 MiB …: not those that the bar is about."""
    return (row.collective == "all_reduce" and row.ranks % 8 == 0 and row.bytes >= 32 * MIB
            and row.bytes.bit_length() % 2 == 0)


def other_collectives(row):
    return row.collective != "all_reduce"


def even_ranks(row):
    return row.ranks % 2 == 0


BY_SIZE = {"free": ("latency", "efficiency"), "calibrates": every_second_size,
           "rule": "every second size of all_reduce: 32 MiB, 128 MiB, 512 MiB, 2 GiB, 8 GiB"}
A100 = {"port": 300, "memory": 1.8}
H100 = {"port": 450, "memory": 3.0}
H200 = {"port": 450, "memory": 4.3}
B200 = {"port": 900, "memory": 7.2}
SWITCH = ("NVSwitch adds up (NVLS), which no schedule here does: the efficiency is that of a ring "
          "that would take as long, and may exceed 1.")

STUDIES = [
    Study("dgx_a100", "DGX A100, 8 GPUs", **A100, **BY_SIZE, in_bar=True),
    Study("dgx_h100", "DGX H100, 8 GPUs", **H100, **BY_SIZE, in_bar=True,
          remark="NVLS is not mentioned, but more than a port's 450 GB/s is reached. " + SWITCH),
    Study("h200", "H200, 8 GPUs, NVLS", **H200, **BY_SIZE, remark=SWITCH),
    Study("b200", "B200, 8 GPUs, NVLS", **B200, **BY_SIZE, remark=SWITCH),
    Study("unnamed", "8 GPUs whose kind is not told", **A100, **BY_SIZE,
          remark="Taken for A100, after what they reach."),
    Study("unnamed_fewer", "2 and 4 of these", **A100, inherits="unnamed",
          remark="Nothing is fitted to it."),
    Study("unnamed_all_to_all", "2, 4 and 8 of these, all_to_all", **A100, inherits="unnamed",
          remark="Nothing is fitted to it. NCCL makes it of sends and receives, whose cost two "
                 "numbers of all_reduce do not have."),
    Study("h200_ring", "H200, 4 to 8 GPUs, NVLS off", **H200, free=("efficiency",),
          calibrates=other_collectives, rule="all_gather and reduce_scatter of 16 GiB",
          remark="Both rows are so large that they say nothing about latency."),
    Study("b200_ring", "B200, 4 to 8 GPUs, NVLS off", **B200, free=("efficiency",),
          calibrates=even_ranks, rule="all_reduce of 4, 6 and 8 GPUs"),
    Study("h200_hosts", "4 hosts of 8 H200, EFA, NCCL's rings", **H200, net=50,
          inherits="h200_ring", remark="Nothing is fitted to it: of the network the nominal rate."),
    Study("b200_hosts", "4 hosts of 8 B200, EFA", **B200, net=50, inherits="b200",
          **(BY_SIZE | {"free": ("net_latency", "net_efficiency")}),
          remark="Inside a host the numbers of one host. Which algorithm NCCL chose is not told."),
    Study("h200_nvls", "H200, 4 to 8 GPUs, NVLS", **H200, inherits="h200",
          remark="Nothing is fitted to it. What a switch saves depends on the number of ranks, "
                 "which an efficiency cannot show; among 4 it saves nothing."),
    Study("b200_nvls", "B200, 4 to 8 GPUs, NVLS", **B200, inherits="b200",
          remark="Nothing is fitted to it."),
    Study("h100_hosts", "1 to 8 hosts of 8 H100, EFA, a shared cluster", **H100, net=50,
          inherits="dgx_h100",
          remark="Nothing is fitted to it. Medians of many jobs whose 5th and 95th percentiles lie "
                 "up to five times apart, and which fall to 33 GB/s on 64 hosts: other traffic "
                 "and congestion, of which the model has none."),
]


def numbers_with(start, names, values):
    return dataclasses.replace(start, **dict(zip(names, values, strict=True)))
