"""The model of a config.json in plain PyTorch, and its loss."""

import json
import os

from torch.nn import functional

import plain_llama
import plain_mamba
import safetensors_file


def make(config, scan=plain_mamba.sequential):
    """scan: of Mamba-2."""
    if config.get("model_type") == "llama":
        return plain_llama.Llama(config)
    return plain_mamba.Mamba(config, scan)


def read(folder, scan=plain_mamba.sequential):
    """With its weights."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        model = make(json.load(file), scan)
    weights = safetensors_file.read(os.path.join(folder, "model.safetensors"))
    for name, p in model.named_parameters():
        p.data.copy_(weights[name])
    return model


def loss_of(logits, labels):
    """The mean over labels that are not -1."""
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1)
