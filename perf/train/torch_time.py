"""Tokens a second of plain PyTorch on what trainer_probe reads: torch_time.py FOLDER STEPS."""

import json
import os
import statistics
import sys
import time

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tests", "torch"))

import plain_mamba
import plain_model


def main():
    folder, steps = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    with open(os.path.join(folder, "settings.json"), encoding="utf-8") as file:
        settings = json.load(file)
    model = plain_model.read(folder, plain_mamba.chunked)
    with open(os.path.join(folder, "tokens.bin"), "rb") as file:
        tokens = torch.frombuffer(bytearray(file.read()), dtype=torch.int32).long()
    tokens = tokens.view(-1, settings["batch"], settings["sequence"] + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["rate"], betas=(0.9, 0.95),
                                  weight_decay=0.1)
    seconds = []
    for step in range(steps):
        start = time.perf_counter()
        some = tokens[step % len(tokens)]
        loss = plain_model.loss_of(model(some[:, :-1]), some[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    print(f"{settings['batch'] * settings['sequence'] / statistics.median(seconds):.1f}")


if __name__ == "__main__":
    main()
