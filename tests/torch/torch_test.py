#!/usr/bin/env python3
"""The trainer against the same LLaMA or Mamba in plain PyTorch: logits, loss, every gradient, three
steps of AdamW.

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
import plain_mamba
import plain_model
import probe_folder
import safetensors_file

PROBE = sys.argv.pop(1)
STEPS = 3
RATE = 1e-3


def relative(got, expected):
    return ((got - expected).norm() / expected.norm()).item()


def run_probe(folder):
    """Losses, logits, gradients, weights."""
    subprocess.run([PROBE, "check", folder, str(STEPS)], check=True, timeout=120)
    with open(os.path.join(folder, "losses.txt"), encoding="utf-8") as file:
        losses = [float(line) for line in file]
    return losses, *(safetensors_file.read(os.path.join(folder, name + ".safetensors"))
                     for name in ("logits", "gradients", "weights"))


def train(model, tokens):
    """Losses, the first step's gradients, the weights afterwards."""
    decays = {True: [], False: []}
    for name, p in model.named_parameters():
        decays[p.dim() > 1 and not name.endswith("A_log")].append(p)
    optimizer = torch.optim.AdamW([{"params": decays[True], "weight_decay": 0.1},
                                   {"params": decays[False], "weight_decay": 0.0}],
                                  lr=RATE, betas=(0.9, 0.95), eps=1e-8)
    losses, gradients = [], {}
    for step in range(STEPS):
        loss = plain_model.loss_of(model(tokens[step][:, :-1]), tokens[step][:, 1:])
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses, gradients, dict(model.named_parameters())


class TorchTest(unittest.TestCase):
    def compare(self, config):
        torch.manual_seed(1)
        model = plain_model.make(config)
        tokens = torch.randint(0, config["vocab_size"], (STEPS, 4, 49))
        with tempfile.TemporaryDirectory() as folder:
            probe_folder.write(folder, config, model, tokens, sequence=48, batch=4, rate=RATE)
            losses, logits, gradients, weights = run_probe(folder)
        with torch.no_grad():
            expected = model(tokens[0, :1, :-1])[0, 23:]
        self.assertEqual(logits["logits"].shape, expected.shape)
        self.assertLess((logits["logits"] - expected).abs().max(), 1e-4)
        expected_losses, expected_gradients, expected_weights = train(model, tokens)
        for got, expected in zip(losses, expected_losses):
            self.assertAlmostEqual(got, expected, delta=1e-5 * expected)
        self.assert_close(gradients, expected_gradients)
        self.assert_close(weights, expected_weights)

    def assert_close(self, got, expected):
        self.assertEqual(set(got), set(expected))
        for name, tensor in expected.items():
            self.assertEqual(got[name].shape, tensor.shape, name)
            self.assertLess(relative(got[name], tensor.detach()), 1e-4, name)


class LlamaTest(TorchTest):
    def test_separate_embeddings(self):
        self.compare(probe_folder.LLAMA)

    def test_tied_embeddings(self):
        self.compare({**probe_folder.LLAMA, "tie_word_embeddings": True})

    def test_every_query_has_its_own_key(self):
        self.compare({**probe_folder.LLAMA, "num_key_value_heads": 4})


class MambaTest(TorchTest):
    def test_mamba1(self):
        self.compare(probe_folder.MAMBA1)

    def test_mamba1_without_a_bias(self):
        self.compare({**probe_folder.MAMBA1, "use_conv_bias": False, "tie_word_embeddings": False})

    def test_mamba2(self):
        self.compare(probe_folder.MAMBA2)

    def test_mamba2_keeps_time_steps_in_limits(self):
        self.compare({**probe_folder.MAMBA2, "time_step_limit": [0.005, 0.05]})

    def test_mamba2_with_a_norm_of_each_group(self):
        self.compare(probe_folder.GROUPED)

    def test_hybrid(self):
        self.compare(probe_folder.HYBRID)

    def test_chunks_are_the_same_as_one_token_after_the_other(self):
        torch.manual_seed(1)
        model = plain_mamba.Mamba(probe_folder.GROUPED).double()
        chunked = plain_mamba.Mamba(probe_folder.GROUPED, plain_mamba.chunked).double()
        chunked.load_state_dict(model.state_dict())
        tokens = torch.randint(0, 136, (2, 49))
        for each in (model, chunked):
            plain_model.loss_of(each(tokens[:, :-1]), tokens[:, 1:]).backward()
        for (name, p), q in zip(model.named_parameters(), chunked.parameters()):
            self.assertLess(relative(q.grad, p.grad), 1e-10, name)


if __name__ == "__main__":
    unittest.main()
