#!/usr/bin/env python3
"""Writes the files of this folder: algorithms as MSCCL and MSCCL++ have them.

They are written from the published formats, not taken from anywhere. Some are wrong on purpose; the
tests say how. Usage: make_imports.py
"""

import json
import pathlib

FOLDER = pathlib.Path(__file__).parent


# ---- MSCCL: XML

class Block:
    def __init__(self, send=-1, recv=-1, chan=0):
        self.send, self.recv, self.chan, self.steps = send, recv, chan, []

    def add(self, kind, src=None, dst=None, count=1, dep=None, tells=False):
        self.steps.append((kind, src or ("i", -1), dst or ("o", -1), count, dep or (-1, -1), tells))
        return self


def msccl(name, coll, gpus, chunks, in_place, scratch=0):
    """gpus: a list of lists of blocks."""
    lines = [f'<algo name="{name}" proto="Simple" nchannels="1" nchunksperloop="{chunks}" '
             f'ngpus="{len(gpus)}" coll="{coll}" inplace="{in_place}">']
    for gpu, blocks in enumerate(gpus):
        lines.append(f'  <gpu id="{gpu}" i_chunks="{chunks}" o_chunks="{chunks}" '
                     f's_chunks="{scratch}">')
        for number, block in enumerate(blocks):
            lines.append(f'    <tb id="{number}" send="{block.send}" recv="{block.recv}" '
                         f'chan="{block.chan}">')
            for step, (kind, src, dst, count, dep, tells) in enumerate(block.steps):
                lines.append(f'      <step s="{step}" type="{kind}" srcbuf="{src[0]}" '
                             f'srcoff="{src[1]}" dstbuf="{dst[0]}" dstoff="{dst[1]}" '
                             f'cnt="{count}" depid="{dep[0]}" deps="{dep[1]}" '
                             f'hasdep="{int(tells)}"/>')
            lines.append("    </tb>")
        lines.append("  </gpu>")
    return "\n".join(lines + ["</algo>", ""])


def ring(n, in_place):
    out = "i" if in_place else "o"
    gpus = []
    for rank in range(n):
        block = Block(send=(rank + 1) % n, recv=(rank - 1) % n)
        block.add("s", ("i", rank))
        for hop in range(1, n - 1):
            block.add("rrs", ("i", (rank - hop) % n))
        block.add("rrcs", ("i", (rank + 1) % n), (out, (rank + 1) % n))
        for hop in range(n - 2):
            block.add("rcs", None, (out, (rank - hop) % n))
        block.add("r", None, (out, (rank + 2) % n))
        gpus.append([block])
    return msccl(f"ring_{n}", "allreduce", gpus, n, int(in_place))


def all_gather_pairs(n):
    gpus = []
    for rank in range(n):
        blocks = [Block().add("cpy", ("i", 0), ("o", rank))]
        for peer in range(n):
            if peer == rank:
                continue
            blocks.append(Block(send=peer, recv=peer)
                          .add("s", ("i", 0)).add("r", None, ("o", peer)))
        gpus.append(blocks)
    return msccl("all_gather_pairs", "allgather", gpus, n, 0)


def all_reduce_pairs(n, ordered=True):
    """In place: chunk r comes to rank r, which adds up in one block what others have received."""
    gpus = []
    for rank in range(n):
        peers = [peer for peer in range(n) if peer != rank]
        adder = Block()
        for number, _ in enumerate(peers):
            last = number == len(peers) - 1
            adder.add("re", ("s", number), ("i", rank),
                      dep=(number + 1, 1) if ordered else None, tells=last)
        blocks = [adder]
        for number, peer in enumerate(peers):
            blocks.append(Block(send=peer, recv=peer)
                          .add("s", ("i", peer))
                          .add("r", None, ("s", number), tells=True)
                          .add("s", ("i", rank), dep=(0, len(peers) - 1))
                          .add("r", None, ("i", peer)))
        gpus.append(blocks)
    return msccl("all_reduce_pairs", "allreduce", gpus, n, 1, scratch=n - 1)


# ---- MSCCL++: JSON

def gpu_of(rank, chunks, blocks, peers, remotes, semaphores=()):
    """blocks: lists of operations, which name channels and remote buffers of the GPU."""
    ids = list(range(len(peers)))
    return {
        "id": rank, "input_chunks": chunks[0], "output_chunks": chunks[1],
        "scratch_chunks": chunks[2],
        "threadblocks": [
            {"id": number, "ops": ops,
             "channels": [{"channel_type": "memory", "channel_ids": ids}],
             "remote_buffer_refs": [{"access_channel_type": "memory",
                                     "remote_buffer_ids": list(range(len(remotes)))}]}
            for number, ops in enumerate(blocks)],
        "channels": [{"channel_type": "memory", "connected_to": peers}],
        "remote_buffers": [{"rank": peer, "type": kind, "access_channel_types": ["memory"]}
                           for peer, kind in remotes],
        "semaphores": [{"init_value": value} for value in semaphores],
    }


def plan(name, collective, gpus, in_place=True, protocol="Simple"):
    return json.dumps({
        "name": name, "collective": collective, "protocol": protocol, "inplace": in_place,
        "reuse_resources": False, "gpus": gpus, "num_threads_per_block": 1024,
        "use_double_scratch_buffer": False, "buffer_alignment": 16, "min_message_size": 0,
        "max_message_size": 18446744073709551615}, indent=1) + "\n"


def own(kind, index, size=1):
    return {"type": kind, "index": index, "size": size}


def far(buffer, index, size=1):
    return {"buffer_id": buffer, "index": index, "size": size}


def op(name, src=None, dst=None, channels=None, **more):
    made = {"name": name}
    if src is not None:
        made["src_buff"] = src
    if dst is not None:
        made["dst_buff"] = dst
    if channels is not None:
        made["channel_ids"] = channels
    made["channel_type"] = "memory"
    return {**made, **more}


def plan_all_gather(n):
    """In place: every rank puts its chunk to all, two blocks sharing the peers behind a barrier."""
    gpus = []
    for rank in range(n):
        peers = [peer for peer in range(n) if peer != rank]
        meet = op("barrier", barrier_id=0, num_threadblocks=2)
        halves = [list(range(len(peers)))[part::2] for part in (0, 1)]
        blocks = []
        for half in halves:
            blocks.append([op("rlxsignal", channels=half), op("rlxwait", channels=half),
                           {"name": "nop"}, meet] +
                          [op("put", [own("o", rank)], [far(channel, rank)], [channel])
                           for channel in half] +
                          [{"name": "nop"}, op("signal", channels=half),
                           op("wait", channels=half)])
        gpus.append(gpu_of(rank, (1, n, 0), blocks, peers, [(peer, "o") for peer in peers]))
    return plan("all_gather", "allgather", gpus)


def plan_all_reduce_packets(n):
    """In place, two steps, with packets: a block a task, and semaphores where they must meet."""
    gpus = []
    for rank in range(n):
        peers = [peer for peer in range(n) if peer != rank]
        # scratch[0 … n-1]: contributions to this rank's chunk; scratch[n …]: results
        give = [op("ppkt", [own("i", peer)], [far(number, rank)])
                for number, peer in enumerate(peers)]
        add = [op("respkt", [own("i", rank)] + [own("s", peer) for peer in peers],
                  [own("i", rank)] + [far(number, n + rank) for number in range(len(peers))],
                  reduce_op="sum")]
        take = [op("sem_acquire", semaphore_ids=[0])] + \
               [op("upkt", [own("s", n + peer)], [own("i", peer)]) for peer in peers]
        give.append(op("sem_release", semaphore_ids=[0]))
        gpus.append(gpu_of(rank, (n, n, 2 * n), [give, add, take], peers,
                           [(peer, "s") for peer in peers], semaphores=[0]))
    return plan("all_reduce_packets", "allreduce", gpus, protocol="LL")


def plan_reduce_scatter(n):
    """Reads the peers' inputs, each chunk by two thread blocks together."""
    gpus = []
    for rank in range(n):
        peers = [peer for peer in range(n) if peer != rank]
        blocks = []
        for part in (0, 1):
            ops = []
            if part == 0:
                everybody = list(range(len(peers)))
                ops += [op("signal", channels=everybody), op("wait", channels=everybody)]
            ops.append(op("barrier", barrier_id=3, num_threadblocks=2))
            ops.append(op("rre", [own("i", rank)] +
                          [far(number, rank) for number in range(len(peers))],
                          [own("o", 0)], reduce_op="sum",
                          tbg_info={"tb_id": part, "tbg_size": 2}))
            ops.append(op("barrier", barrier_id=3, num_threadblocks=2))
            if part == 0:
                ops += [op("signal", channels=everybody), op("wait", channels=everybody)]
            blocks.append(ops)
        gpus.append(gpu_of(rank, (n, 1, 0), blocks, peers, [(peer, "i") for peer in peers]))
    return plan("reduce_scatter", "reducescatter", gpus, in_place=False)


def main():
    wrong = ring(4, False).replace('type="rrcs"', 'type="rcs"', 1)
    files = {
        "ring_4.xml": ring(4, False),
        "ring_8.xml": ring(8, False),
        "ring_4_in_place.xml": ring(4, True),
        "all_gather_pairs_4.xml": all_gather_pairs(4),
        "all_reduce_pairs_4.xml": all_reduce_pairs(4),
        "wrong_sum.xml": wrong,
        "wrong_race.xml": all_reduce_pairs(4, ordered=False),
        "wrong_deadlock.xml": msccl("stuck", "allgather", [
            [Block(send=1, recv=1).add("r", None, ("o", 1)).add("s", ("i", 0))],
            [Block(send=0, recv=0).add("r", None, ("o", 0)).add("s", ("i", 0))]], 2, 0),
        "all_gather_4.json": plan_all_gather(4),
        "all_reduce_packets_4.json": plan_all_reduce_packets(4),
        "reduce_scatter_4.json": plan_reduce_scatter(4),
    }
    for name, text in files.items():
        (FOLDER / name).write_text(text)


main()
