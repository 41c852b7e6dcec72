"""Trains a small network with PyTorch's DistributedDataParallel: one rank of it, all on GPU 0.

  RANK=… WORLD_SIZE=… MASTER_ADDR=… MASTER_PORT=… ddp.py --backend nccl|gloo [--steps 200]

Rank 0 ends with a line of JSON: the loss of every step, averaged over ranks, the seconds that the
steps took, and which libnccl.so is loaded. Weights and data come from fixed seeds, so
the losses do not depend on the backend but for rounding.
"""

import argparse
import datetime
import json
import os
import sys
import time

import torch
import torch.distributed as dist
from torch import nn

WIDTH = 256
BATCH = 64


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, 4 * WIDTH),
                         nn.GELU(), nn.Linear(4 * WIDTH, 1)).cuda()


def batches(rank, steps):
    """What this rank learns: a fixed function of random inputs, other ones on every rank."""
    generator = torch.Generator().manual_seed(100 + rank)
    for _ in range(steps):
        x = torch.randn(BATCH, WIDTH, generator=generator)
        yield x.cuda(), torch.sin(x[:, :8].sum(dim=1, keepdim=True) / 2).cuda()


def train(model, rank, steps):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for x, y in batches(rank, steps):
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            prediction = model(x)
        loss = nn.functional.mse_loss(prediction.float(), y)
        loss.backward()
        optimizer.step()
        mean = loss.detach().clone()
        dist.all_reduce(mean)
        losses.append(mean / dist.get_world_size())
    return [float(loss) for loss in losses]


def nccl_libraries():
    """The files of that name that this process has loaded."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        files = {line.split()[-1] for line in maps}
    return sorted(file for file in files if "libnccl.so" in os.path.basename(file))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=["nccl", "gloo"], required=True)
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    torch.cuda.set_device(0)
    dist.init_process_group(arguments.backend, timeout=datetime.timedelta(seconds=60))
    rank = dist.get_rank()
    model = nn.parallel.DistributedDataParallel(network(), device_ids=[0])
    began = time.monotonic()
    losses = train(model, rank, arguments.steps)
    torch.cuda.synchronize()
    seconds = time.monotonic() - began
    dist.destroy_process_group()
    if rank == 0:
        print(json.dumps({"losses": losses, "seconds": seconds, "libraries": nccl_libraries()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
