#!/usr/bin/env python3
"""Writes the model machines into a folder, or checks that a folder has them as written.

  make_topologies.py [--check] FOLDER

The facts each follows are in README.md. The files are what tutti's to_xml() writes for the same
machine, attribute by attribute, so that they are also the writer's golden files.
Tested by topology_models_test, which runs --check, and topology_xml_test.
"""

import sys
from pathlib import Path

GIB = 1 << 30
MIB = 1 << 20


def element(name, attributes, *children):
    """An element as lines; attributes that are None are not written."""
    head = f"<{name}" + "".join(f' {k}="{v}"' for k, v in attributes.items() if v is not None)
    if not children:
        return [head + "/>"]
    # PCI devices by bus id, as NCCL dumps them; the rest in the order given.
    children = sorted(children, key=lambda child: child[0] if child[0].startswith("<pci") else "")
    return [head + ">", *("  " + line for child in children for line in child), f"</{name}>"]


def ranges(numbers):
    """[0, 1, 2, 3, 8] as "0-3,8"."""
    runs = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{a}-{b}" if a < b else f"{a}" for a, b in runs)


def mask(cpus):
    """Linux's cpumap: groups of 32 bits, highest first."""
    bits = sum(1 << cpu for cpu in cpus)
    groups = max(1, (bits.bit_length() + 31) // 32)
    return ",".join(f"{bits >> (32 * g) & 0xFFFFFFFF:08x}" for g in reversed(range(groups)))


def host(name, hash=None, fabric=None):
    return element("host", {"host_hash": hash, "name": name, "fabric": fabric})


def cpu(numa, cpus, kind, *children, package, memory=None, hash=None):
    arch, vendor, family, model = kind
    return element(
        "cpu",
        {"host_hash": hash, "numaid": numa, "affinity": mask(cpus), "arch": arch, "vendor": vendor,
         "familyid": family, "modelid": model, "package": package, "memory": memory},
        *children)


def pci(bus, class_code, ids, speed, width, *children):
    names = ("vendor", "device", "subsystem_vendor", "subsystem_device")
    return element("pci", {"busid": bus, "class": class_code, **dict(zip(names, ids)),
                           "link_speed": speed, "link_width": width}, *children)


def gpu(dev, sm, *links, rank=None, gdr=1):
    return element("gpu", {"dev": dev, "sm": sm, "rank": dev if rank is None else rank, "gdr": gdr},
                   *links)


def nvlink(target, count, target_class="0x068000"):
    return element("nvlink", {"target": target, "count": count, "tclass": target_class})


def nic(*nets):
    return element("nic", {}, *nets)


def net(name, dev, speed, guid, port=1, latency=None, maxconn=131072, gdr=1, coll=None):
    return element("net", {"name": name, "dev": dev, "latency": latency, "speed": speed,
                           "port": port or None, "guid": guid, "maxconn": maxconn, "gdr": gdr,
                           "coll": coll})


def system(*children):
    return "\n".join(element("system", {"version": 1}, *children)) + "\n"


BRIDGE, GPU, NVSWITCH = "0x060400", "0x030200", "0x068000"
INFINIBAND, ETHERNET = "0x020700", "0x020000"
GEN3, GEN4, GEN5 = "8.0 GT/s PCIe", "16.0 GT/s PCIe", "32.0 GT/s PCIe"

BROADWELL = ("x86_64", "GenuineIntel", 6, 79)
ICE_LAKE = ("x86_64", "GenuineIntel", 6, 106)
CASCADE_LAKE = ("x86_64", "GenuineIntel", 6, 85)
SAPPHIRE_RAPIDS = ("x86_64", "GenuineIntel", 6, 143)
ROME = ("x86_64", "AuthenticAMD", 143, 49)     # as NCCL adds family and extended family
GENOA = ("x86_64", "AuthenticAMD", 175, 17)
GRACE = ("arm64", None, None, None)


def with_threads(first, count, threads_from):
    """Processors of `count` cores and their second threads."""
    return [*range(first, first + count), *range(threads_from, threads_from + count)]


def dgx_1v():
    bus = ["0000:06:00.0", "0000:07:00.0", "0000:0a:00.0", "0000:0b:00.0",
           "0000:85:00.0", "0000:86:00.0", "0000:89:00.0", "0000:8a:00.0"]
    # The hybrid cube mesh: NVLinks between GPU and GPU.
    links = [[0, 1, 1, 2, 2, 0, 0, 0],
             [1, 0, 2, 1, 0, 2, 0, 0],
             [1, 2, 0, 2, 0, 0, 1, 0],
             [2, 1, 2, 0, 0, 0, 0, 1],
             [2, 0, 0, 0, 0, 1, 1, 2],
             [0, 2, 0, 0, 1, 0, 2, 1],
             [0, 0, 1, 0, 1, 2, 0, 2],
             [0, 0, 0, 1, 2, 1, 2, 0]]

    def v100(i):
        return pci(bus[i], GPU, ("0x10de", "0x1db5", "0x10de", "0x1249"), GEN3, 16,
                   gpu(i, 70, *(nvlink(bus[j], n, GPU) for j, n in enumerate(links[i]) if n)))

    def switch(i, bus_id, port):
        return pci(bus_id, BRIDGE, ("0x10b5", "0x8764", "0x10b5", "0x8764"), GEN3, 16,
                   pci(port, INFINIBAND, ("0x15b3", "0x1013"), GEN3, 16,
                       nic(net(f"mlx5_{i}", i, 100000, f"0x9803{i}e0003a1420c"))),
                   v100(2 * i), v100(2 * i + 1))

    return system(
        host("dgx-1v"),
        cpu(0, with_threads(0, 20, 40), BROADWELL,
            switch(0, "0000:03:00.0", "0000:05:00.0"), switch(1, "0000:08:00.0", "0000:0c:00.0"),
            package=0, memory=256 * GIB),
        cpu(1, with_threads(20, 20, 60), BROADWELL,
            switch(2, "0000:82:00.0", "0000:84:00.0"), switch(3, "0000:87:00.0", "0000:8b:00.0"),
            package=1, memory=256 * GIB))


def dgx_a100():
    switches = [f"0000:c{n}:00.0" for n in range(4, 10)]
    bridge_ids = ("0x1000", "0xc010", "0x1000", "0xa096")

    def bridge(bus, *children):
        return pci(bus, BRIDGE, bridge_ids, GEN4, 16, *children)

    def a100(i, bus):
        return pci(bus, GPU, ("0x10de", "0x20b0", "0x10de", "0x134f"), GEN4, 16,
                   gpu(i, 80, *(nvlink(s, 2) for s in switches)))

    def port(i, bus):
        name = [0, 1, 2, 3, 6, 7, 8, 9][i]  # 4, 5, 10 and 11 are storage
        return pci(bus, INFINIBAND, ("0x15b3", "0x101b", "0x15b3", "0x0007"), GEN4, 16,
                   nic(net(f"mlx5_{name}", i, 200000, f"0xa262{i}50003a1420c", coll=1)))

    def pair(i, top, gpus, ports, inner):
        """A cascade: a switch, two bridges below it, each with a GPU and a port of the pair."""
        children = [bridge(inner[k], port(2 * i + k, ports[k]), bridge(inner[2 + k],
                                                                    a100(2 * i + k, gpus[k])))
                    for k in (0, 1)]
        return bridge(top, *children)

    bus = "0000:{}:00.0".format
    pairs = {3: pair(0, bus("01"), (bus("07"), bus("0f")), (bus("0c"), bus("12")),
                     (bus("03"), bus("0a"), bus("05"), bus("0d"))),
             1: pair(1, bus("41"), (bus("47"), bus("4e")), (bus("4b"), bus("54")),
                     (bus("43"), bus("49"), bus("45"), bus("4c"))),
             7: pair(2, bus("81"), (bus("87"), bus("90")), (bus("8d"), bus("94")),
                     (bus("83"), bus("8b"), bus("85"), bus("8e"))),
             5: pair(3, bus("b1"), (bus("b7"), bus("bd")), (bus("ba"), bus("cc")),
                     (bus("b3"), bus("b9"), bus("b5"), bus("bb")))}
    return system(
        host("dgx-a100"),
        *(cpu(n, with_threads(16 * n, 16, 128 + 16 * n), ROME, *([pairs[n]] if n in pairs else []),
              package=n // 4, memory=128 * GIB) for n in range(8)))


def dgx_h100():
    gpus = ["1b", "43", "52", "61", "9d", "c3", "d1", "df"]
    ports = ["18", "40", "4f", "5e", "9a", "c0", "ce", "dc"]
    tops = ["15", "3d", "4c", "5b", "97", "bd", "cb", "d9"]
    names = [0, 3, 4, 5, 6, 9, 10, 11]  # the rest is storage and management

    def switch(i):
        links = [nvlink(f"0000:{s:02x}:00.0", n)
                 for s, n in zip((5, 6, 7, 8), ((4, 5, 5, 4), (5, 4, 4, 5))[i % 2])]
        return pci(f"0000:{tops[i]}:00.0", BRIDGE, ("0x1000", "0xc030", "0x1000", "0x100b"), GEN5,
                   16,
                   pci(f"0000:{ports[i]}:00.0", INFINIBAND,
                       ("0x15b3", "0x1021", "0x15b3", "0x0041"), GEN5, 16,
                       nic(net(f"mlx5_{names[i]}", i, 400000, f"0x5e7c{i}70003e1a258", coll=1))),
                   pci(f"0000:{gpus[i]}:00.0", GPU, ("0x10de", "0x2330", "0x10de", "0x16c1"), GEN5,
                       16, gpu(i, 90, *links)))

    def socket(n):
        return cpu(n, with_threads(56 * n, 56, 112 + 56 * n), SAPPHIRE_RAPIDS,
                   *(switch(4 * n + k) for k in range(4)), package=n, memory=1024 * GIB)

    return system(host("dgx-h100"), socket(0), socket(1))


def pcie_8gpu():
    def card(i, bus):
        return pci(f"0000:{bus}:00.0", GPU, ("0x10de", "0x26b9", "0x10de", "0x1851"), GEN4, 16,
                   gpu(i, 89))

    def port(i, bus):
        return pci(f"0000:{bus}:00.0", ETHERNET, ("0x15b3", "0x101d"), GEN4, 16,
                   nic(net(f"mlx5_{i}", i, 100000, f"0x1070fd0300{i}a3c5e")))

    def switch(bus, *children):
        return pci(f"0000:{bus}:00.0", BRIDGE, ("0x1000", "0xc010", "0x1000", "0xa096"), GEN4, 16,
                   *children)

    return system(
        host("pcie-8gpu"),
        cpu(0, with_threads(0, 32, 64), ICE_LAKE,
            switch("16", card(0, "18"), card(1, "1a"), port(0, "1c")),
            switch("4a", card(2, "4c"), card(3, "4e")), package=0, memory=256 * GIB),
        cpu(1, with_threads(32, 32, 96), ICE_LAKE,
            switch("96", card(4, "98"), card(5, "9a"), port(1, "9c")),
            switch("c8", card(6, "ca"), card(7, "cc")), package=1, memory=256 * GIB))


def cpu_2socket():
    def socket(node, n, hash):
        first = 32 * n
        cores = list(range(first, first + 32))
        caches = [element("cache", {"level": 3, "bytes": 32 * MIB, "cpus": ranges(cores[c:c + 4])})
                  for c in range(0, 32, 4)]
        ranks = [element("rank", {"id": 8 * node + 4 * n + r,
                                  "cpus": ranges(cores[8 * r:8 * r + 8])}) for r in range(4)]
        port = pci("0000:41:00.0", INFINIBAND, ("0x15b3", "0x101b"), GEN4, 16,
                   nic(net("mlx5_0", 0, 200000, f"0xb83f{node}20300a1f0c4")))
        return cpu(n, cores, GENOA, element("cores", {"list": ranges(cores)}), *caches, *ranks,
                   *([port] if n == 0 else []), package=n, memory=192 * GIB, hash=hash)

    hashes = ["0x1c0f6ee5d1b09a37", "0x2d9b8e64a7c35f10", "0x3a64f0c2be7d9185",
              "0x4e17a35bd8026cf9"]
    return system(*(part for node, hash in enumerate(hashes)
                    for part in (host(f"node{node + 1}", hash), socket(node, 0, hash),
                                 socket(node, 1, hash))))


def cloud_flat():
    gpus = ["0000:10:1c.0", "0000:10:1d.0", "0000:20:1c.0", "0000:20:1d.0",
            "0000:90:1c.0", "0000:90:1d.0", "0000:a0:1c.0", "0000:a0:1d.0"]
    fabric = ["0000:10:1b.0", "0000:20:1b.0", "0000:90:1b.0", "0000:a0:1b.0"]

    def a100(i):
        return pci(gpus[i], GPU, ("0x10de", "0x20b0"), "Unknown", 0,
                   gpu(i, 80, nvlink("fffffff:ffff:ff", 12)))

    def efa(i):
        bus, slot = int(fabric[i][5:7], 16), int(fabric[i][8:10], 16)
        return pci(fabric[i], ETHERNET, ("0x1d0f", "0xefa1"), "Unknown", 0,
                   nic(net(f"rdmap{bus}s{slot}", i + 1, 100000, f"0xa0103e5{i}0000000",
                           latency=75, maxconn=262144)))

    ena = pci("0000:00:05.0", ETHERNET, ("0x1d0f", "0xec20"), "Unknown", 0,
              nic(net("ens5", 0, -1, "0x0", port=0, maxconn=65536, gdr=0)))
    return system(cpu(0, range(96), CASCADE_LAKE, ena, *(a100(i) for i in range(8)),
                      *(efa(i) for i in range(4)), package=None))


def gb200_nvl72():
    fabric = "7d0c5e31-9a84-4f0b-8c27-61f2ab93d4e5/32766"

    def tray(number):
        hash = f"0x{0x9e3779b97f4a7c15 * (number + 1) % (1 << 64):016x}"

        def b200(i):
            bus = ("0008", "0009", "0018", "0019")[i] + ":01:00.0"
            return pci(bus, GPU, ("0x10de", "0x2941", "0x10de", "0x2046"), GEN5, 16,
                       gpu(i, 100, nvlink("fffffff:ffff:ff", 18),
                           element("c2c", {"bw": 44712, "count": 5}), rank=4 * number + i))

        def port(i):
            bus = ("0000", "0002", "0010", "0012")[i] + ":03:00.0"
            return pci(bus, INFINIBAND, ("0x15b3", "0x1021"), GEN5, 16,
                       nic(net(f"mlx5_{i}", i, 400000, f"0x2c5e{number:02x}{i}003b7f1a", coll=1)))

        def grace(n):
            return cpu(n, range(72 * n, 72 * n + 72), GRACE, port(2 * n), port(2 * n + 1),
                       b200(2 * n), b200(2 * n + 1), package=n, memory=480 * GIB, hash=hash)

        return [host(f"tray{number + 1:02}", hash, fabric), grace(0), grace(1)]

    return system(*(part for number in range(18) for part in tray(number)))


MODELS = {
    "dgx-1v.xml": dgx_1v,
    "dgx-a100.xml": dgx_a100,
    "dgx-h100.xml": dgx_h100,
    "pcie-8gpu.xml": pcie_8gpu,
    "cpu-2socket.xml": cpu_2socket,
    "cloud-flat.xml": cloud_flat,
    "gb200-nvl72.xml": gb200_nvl72,
}


def check(folder):
    """What is wrong with the files of the folder, a line each."""
    wrong = [f"{path.name} is no model" for path in sorted(folder.glob("*.xml"))
             if path.name not in MODELS]
    for name, model in MODELS.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != model():
            wrong.append(f"{name} is not what make_topologies.py writes")
    return wrong


def main():
    arguments = sys.argv[1:]
    checking = arguments[:1] == ["--check"]
    if len(arguments) != 1 + checking:
        sys.exit("usage: make_topologies.py [--check] FOLDER")
    folder = Path(arguments[-1])
    if checking:
        sys.exit("\n".join(check(folder)) or 0)
    for name, model in MODELS.items():
        (folder / name).write_text(model(), encoding="utf-8")


if __name__ == "__main__":
    main()
