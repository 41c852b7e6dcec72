"""One of two ranks of plain PyTorch under DistributedDataParallel over gloo, on what trainer_probe
reads: torch_ddp.py FOLDER MEETING STEPS SKIPPED RANK. Prints the tokens a second of both. MEETING is
a file that does not exist yet."""

import json
import os
import statistics
import sys
import time

import torch
import torch.distributed

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tests", "torch"))

import plain_model


def main():
    folder, meeting = sys.argv[1:3]
    steps, skipped, rank = map(int, sys.argv[3:])
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(meeting, 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    with open(os.path.join(folder, "settings.json"), encoding="utf-8") as file:
        settings = json.load(file)
    model = plain_model.read(folder)
    model = torch.nn.parallel.DistributedDataParallel(model)
    with open(os.path.join(folder, "tokens.bin"), "rb") as file:
        tokens = torch.frombuffer(bytearray(file.read()), dtype=torch.int32).long()
    tokens = tokens.view(-1, settings["batch"], settings["sequence"] + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["rate"], betas=(0.9, 0.95),
                                  weight_decay=0.1)
    seconds = []
    for step in range(steps):
        start = time.perf_counter()
        train(model, optimizer, tokens[(2 * step + rank) % len(tokens)])
        seconds.append(time.perf_counter() - start)
    if rank == 0:
        tokens_of_step = 2 * settings["batch"] * settings["sequence"]
        print(f"{tokens_of_step / statistics.median(seconds[skipped:]):.1f}")


def train(model, optimizer, tokens):
    """Two micro-batches, of which the first one's gradients stay here."""
    optimizer.zero_grad()
    first, second = tokens.chunk(2)
    with model.no_sync():
        (plain_model.loss_of(model(first[:, :-1]), first[:, 1:]) / 2).backward()
    (plain_model.loss_of(model(second[:, :-1]), second[:, 1:]) / 2).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


if __name__ == "__main__":
    main()
