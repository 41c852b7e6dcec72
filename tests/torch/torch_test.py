#!/usr/bin/env python3
"""The trainer against the same LLaMA in plain PyTorch: loss, every gradient, three steps of AdamW.

  torch_test.py PROBE      exit status 77: there is no PyTorch here
"""

import os
import subprocess
import sys
import tempfile
import unittest

try:
    import torch
except ImportError:
    print("no PyTorch for this python3; Debian: python3-torch")
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import plain_llama
import safetensors_file
import probe_folder

PROBE = sys.argv.pop(1)
STEPS = 3
RATE = 1e-3


def relative(got, expected):
    return ((got - expected).norm() / expected.norm()).item()


def run_probe(folder):
    subprocess.run([PROBE, "check", folder, str(STEPS)], check=True, timeout=120)
    with open(os.path.join(folder, "losses.txt"), encoding="utf-8") as file:
        losses = [float(line) for line in file]
    return (losses, safetensors_file.read(os.path.join(folder, "gradients.safetensors")),
            safetensors_file.read(os.path.join(folder, "weights.safetensors")))


def train(model, tokens):
    """Losses, the first step's gradients, the weights afterwards. Norms do not decay."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1},
                                   {"params": vectors, "weight_decay": 0.0}],
                                  lr=RATE, betas=(0.9, 0.95), eps=1e-8)
    losses, gradients = [], {}
    for step in range(STEPS):
        loss = plain_llama.loss_of(model(tokens[step][:, :-1]), tokens[step][:, 1:])
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses, gradients, dict(model.named_parameters())


class TorchTest(unittest.TestCase):
    def compare(self, **changes):
        torch.manual_seed(1)
        config = {**probe_folder.TINY, **changes}
        model = plain_llama.Llama(config)
        tokens = torch.randint(0, config["vocab_size"], (STEPS, 4, 49))
        with tempfile.TemporaryDirectory() as folder:
            probe_folder.write(folder, config, model, tokens, sequence=48, batch=4, rate=RATE)
            losses, gradients, weights = run_probe(folder)
        expected_losses, expected_gradients, expected_weights = train(model, tokens)
        for got, expected in zip(losses, expected_losses):
            self.assertAlmostEqual(got, expected, delta=1e-5 * expected)
        self.assertEqual(set(gradients), set(expected_gradients))
        for name, expected in expected_gradients.items():
            self.assertLess(relative(gradients[name], expected), 1e-4, name)
        for name, expected in expected_weights.items():
            self.assertLess(relative(weights[name], expected.detach()), 1e-4, name)

    def test_separate_embeddings(self):
        self.compare()

    def test_tied_embeddings(self):
        self.compare(tie_word_embeddings=True)

    def test_every_query_has_its_own_key(self):
        self.compare(num_key_value_heads=4)


if __name__ == "__main__":
    unittest.main()
