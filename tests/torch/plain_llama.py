"""A LLaMA in plain PyTorch, as its papers say and nothing else: what the trainer is compared with.

Names of the weights are Hugging Face's. Rotates halves, groups keys, no biases.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class Norm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


def turn(x, cosines, sines):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * cosines - b * sines, b * cosines + a * sines), dim=-1)


def positions(length, head, base, kind):
    """Cosines and sines of the angles [length, head / 2]."""
    half = head // 2
    powers = -torch.arange(half, dtype=torch.float64) / half
    angles = torch.outer(torch.arange(length, dtype=torch.float64), base ** powers)
    return angles.cos().to(kind), angles.sin().to(kind)


def causal_mask(length, kind):
    return torch.full((length, length), -math.inf, dtype=kind).triu(1)


def attend(q, k, v, mask):
    """q [batch, heads, tokens, width], fewer heads of k and v; answers [batch, tokens, heads width]."""
    share = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(share, 1), v.repeat_interleave(share, 1)
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1]) + mask
    return (torch.softmax(scores, -1) @ v).transpose(1, 2).flatten(2)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, self.head = config["hidden_size"], config["head_dim"]
        self.heads, self.keys = config["num_attention_heads"], config["num_key_value_heads"]
        self.q_proj = nn.Linear(width, self.heads * self.head, bias=False)
        self.k_proj = nn.Linear(width, self.keys * self.head, bias=False)
        self.v_proj = nn.Linear(width, self.keys * self.head, bias=False)
        self.o_proj = nn.Linear(self.heads * self.head, width, bias=False)

    def forward(self, x, cosines, sines, mask):
        batch, tokens, _ = x.shape

        def heads(y, count):
            return y.view(batch, tokens, count, self.head).transpose(1, 2)

        q = turn(heads(self.q_proj(x), self.heads), cosines, sines)
        k = turn(heads(self.k_proj(x), self.keys), cosines, sines)
        v = heads(self.v_proj(x), self.keys)
        return self.o_proj(attend(q, k, v, mask))


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, epsilon = config["hidden_size"], config["rms_norm_eps"]
        self.input_layernorm = Norm(width, epsilon)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = Norm(width, epsilon)
        self.mlp = Mlp(config)

    def forward(self, x, cosines, sines, mask):
        x = x + self.self_attn(self.input_layernorm(x), cosines, sines, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.embed_tokens = nn.Embedding(config["vocab_size"], width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = Norm(width, config["rms_norm_eps"])


class Llama(nn.Module):
    """config: as in config.json; rope_theta, and no scaling."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = Body(config)
        self.lm_head = nn.Linear(config["hidden_size"], config["vocab_size"], bias=False)
        if config["tie_word_embeddings"]:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, tokens):
        length, kind = tokens.shape[1], self.lm_head.weight.dtype
        cosines, sines = positions(length, self.config["head_dim"], self.config["rope_theta"], kind)
        mask = causal_mask(length, kind)
        x = self.model.embed_tokens(tokens)
        for layer in self.model.layers:
            x = layer(x, cosines, sines, mask)
        return self.lm_head(self.model.norm(x))
