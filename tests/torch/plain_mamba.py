"""Mamba-1, Mamba-2, and Mamba-2 with attention in some layers, in plain PyTorch, as their papers say
and nothing else: what the trainer is compared with.

States go from token to token. For speed there is chunked() beside it, where Mamba-2 is products of
matrices. Names of the weights are Hugging Face's.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from plain_llama import Norm, attend, causal_mask, positions, turn


class Shape:
    """Of a config.json: Hugging Face's, or mamba_ssm's, which has d_model."""

    def __init__(self, config):
        if "d_model" in config:
            self.read_mamba_ssm(config)
        else:
            self.read_hugging_face(config)
        self.inner = self.expand * self.width

    def read_hugging_face(self, config):
        self.second = config["model_type"] == "mamba2"
        self.vocabulary, self.width = config["vocab_size"], config["hidden_size"]
        self.layers, self.expand = config["num_hidden_layers"], config["expand"]
        self.states, self.taps = config["state_size"], config["conv_kernel"]
        self.bias, self.tied = config["use_conv_bias"], config["tie_word_embeddings"]
        self.epsilon = config["layer_norm_epsilon"]
        self.attention, self.attention_layers = None, []
        if self.second:
            self.head, self.groups = config["head_dim"], config["n_groups"]
            self.chunk, self.norm_groups = config["chunk_size"], 1
            self.limits = config.get("time_step_limit", (0.0, math.inf))
        else:
            self.rank = config["time_step_rank"]

    def read_mamba_ssm(self, config):
        layer = config["ssm_cfg"]
        self.second = layer["layer"] == "Mamba2"
        self.vocabulary, self.width = config["vocab_size"], config["d_model"]
        self.layers, self.expand = config["n_layer"], layer.get("expand", 2)
        self.states, self.taps = layer["d_state"], layer.get("d_conv", 4)
        self.bias, self.tied = layer.get("conv_bias", True), config.get("tie_embeddings", True)
        self.epsilon = 1e-5
        self.attention = config.get("attn_cfg")
        self.attention_layers = config.get("attn_layer_idx", [])
        if self.second:
            self.head, self.groups = layer["headdim"], layer["ngroups"]
            self.chunk, self.norm_groups = layer["chunk_size"], layer["ngroups"]
            self.limits = layer.get("dt_limit", (0.0, math.inf))
        else:
            self.rank = layer["dt_rank"]


def sequential1(x, delta, a, b, c):
    """x, delta [batch, tokens, channels]; a [channels, states]; b, c [batch, tokens, states]."""
    state = x.new_zeros(x.shape[0], x.shape[2], a.shape[1])
    ys = []
    for t in range(x.shape[1]):
        step = delta[:, t, :, None]
        state = torch.exp(step * a) * state + step * b[:, t, None, :] * x[:, t, :, None]
        ys.append((state * c[:, t, None, :]).sum(-1))
    return torch.stack(ys, 1)


def sequential(x, dt, a, b, c, _):
    """x [batch, tokens, heads, width]; dt [batch, tokens, heads]; a [heads]; b, c [batch, tokens,
    groups, states]."""
    share = x.shape[2] // b.shape[2]
    b, c = b.repeat_interleave(share, 2), c.repeat_interleave(share, 2)
    state = x.new_zeros(*x.shape[:1], *x.shape[2:], b.shape[3])
    ys = []
    for t in range(x.shape[1]):
        step = dt[:, t, :, None, None]
        added = step * x[:, t, :, :, None] * b[:, t, :, None, :]
        state = torch.exp(step * a[:, None, None]) * state + added
        ys.append((state * c[:, t, :, None, :]).sum(-1))
    return torch.stack(ys, 1)


def chunked(x, dt, a, b, c, chunk):
    """The same. What heads of a group have in common is computed once."""
    batch, tokens, heads, width = x.shape
    groups, states = b.shape[2:]
    chunk = min(chunk, tokens)
    missing = -tokens % chunk
    if missing:
        x, b, c = (functional.pad(y, (0, 0, 0, 0, 0, missing)) for y in (x, b, c))
        dt = functional.pad(dt, (0, 0, 0, missing))
    share = heads // groups
    # l: chunks; q: tokens of each; g groups of h heads.
    x = (x * dt[..., None]).view(batch, -1, chunk, groups, share, width)
    b = b.view(batch, -1, chunk, groups, states).transpose(2, 3)  # [batch, l, g, q, states]
    c = c.view(batch, -1, chunk, groups, states).transpose(2, 3)
    x = x.permute(0, 1, 3, 4, 2, 5)  # [batch, l, g, h, q, width]
    sums = (dt * a).view(batch, -1, chunk, groups, share).permute(0, 1, 3, 4, 2).cumsum(-1)

    later = torch.ones(chunk, chunk, dtype=torch.bool).triu(1)
    between = (sums[..., :, None] - sums[..., None, :]).masked_fill(later, -math.inf).exp()
    y = ((c @ b.transpose(3, 4))[:, :, :, None] * between) @ x

    left = (sums[..., -1:] - sums).exp()  # at the chunk's end
    added = (x * left[..., None]).transpose(4, 5) @ b[:, :, :, None]  # [batch, l, g, h, width, states]
    decays = sums[..., -1].exp()[..., None, None]
    state, before = torch.zeros_like(added[:, 0]), []
    for n in range(added.shape[1]):
        before.append(state)
        state = decays[:, n] * state + added[:, n]
    seen = c[:, :, :, None] @ torch.stack(before, 1).transpose(4, 5)
    y = y + sums.exp()[..., None] * seen
    return y.permute(0, 1, 4, 2, 3, 5).reshape(batch, -1, heads, width)[:, :tokens]


class Convolution(nn.Conv1d):
    """Of each channel by itself, over tokens up to its own; then silu."""

    def __init__(self, channels, taps, bias):
        super().__init__(channels, channels, taps, groups=channels, bias=bias, padding=taps - 1)

    def forward(self, x):
        return functional.silu(super().forward(x.transpose(1, 2))[..., :x.shape[1]].transpose(1, 2))


def first_time_steps(count):
    """What softplus makes log-uniform numbers of."""
    steps = torch.exp(torch.rand(count) * math.log(100) + math.log(0.001))
    return steps + torch.log(-torch.expm1(-steps))


class Mixer1(nn.Module):
    def __init__(self, shape):
        super().__init__()
        inner, states = shape.inner, shape.states
        self.widths = [shape.rank, states, states]
        self.in_proj = nn.Linear(shape.width, 2 * inner, bias=False)
        self.conv1d = Convolution(inner, shape.taps, shape.bias)
        self.x_proj = nn.Linear(inner, shape.rank + 2 * states, bias=False)
        self.dt_proj = nn.Linear(shape.rank, inner)
        self.dt_proj.bias.data = first_time_steps(inner)
        self.A_log = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, shape.width, bias=False)

    def forward(self, u):
        x, z = self.in_proj(u).chunk(2, -1)
        x = self.conv1d(x)
        raw, b, c = self.x_proj(x).split(self.widths, -1)
        delta = functional.softplus(self.dt_proj(raw))
        y = sequential1(x, delta, -self.A_log.exp(), b, c) + self.D * x
        return self.out_proj(y * functional.silu(z))


class GatedNorm(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.inner))
        self.groups, self.epsilon = shape.norm_groups, shape.epsilon

    def forward(self, y, z):
        v = (y * functional.silu(z)).unflatten(-1, (self.groups, -1))
        normed = v * torch.rsqrt(v.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return normed.flatten(-2) * self.weight


class Mixer2(nn.Module):
    def __init__(self, shape, scan):
        super().__init__()
        self.shape, self.scan = shape, scan
        inner, heads, matrix = shape.inner, shape.inner // shape.head, shape.groups * shape.states
        self.widths = [inner, inner + 2 * matrix, heads]
        self.convolved = [inner, matrix, matrix]
        self.in_proj = nn.Linear(shape.width, sum(self.widths), bias=False)
        self.conv1d = Convolution(inner + 2 * matrix, shape.taps, shape.bias)
        self.dt_bias = nn.Parameter(first_time_steps(heads))
        self.A_log = nn.Parameter((1 + 15 * torch.rand(heads)).log())
        self.D = nn.Parameter(torch.ones(heads))
        self.norm = GatedNorm(shape)
        self.out_proj = nn.Linear(inner, shape.width, bias=False)

    def forward(self, u):
        z, xbc, raw = self.in_proj(u).split(self.widths, -1)
        x, b, c = self.conv1d(xbc).split(self.convolved, -1)
        x = x.unflatten(-1, (-1, self.shape.head))
        b, c = (y.unflatten(-1, (self.shape.groups, -1)) for y in (b, c))
        dt = functional.softplus(raw + self.dt_bias).clamp(*self.shape.limits)
        y = self.scan(x, dt, -self.A_log.exp(), b, c, self.shape.chunk) + self.D[:, None] * x
        return self.out_proj(self.norm(y.flatten(-2), z))


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        config = shape.attention
        self.heads, self.keys = config["num_heads"], config["num_heads_kv"]
        self.head, self.turned = config["head_dim"], config["rotary_emb_dim"] > 0
        self.in_proj = nn.Linear(shape.width, (self.heads + 2 * self.keys) * self.head, bias=False)
        self.out_proj = nn.Linear(self.heads * self.head, shape.width, bias=False)

    def forward(self, u):
        heads = self.in_proj(u).unflatten(-1, (-1, self.head)).transpose(1, 2)
        q, k, v = heads.split([self.heads, self.keys, self.keys], 1)
        if self.turned:
            places = positions(u.shape[1], self.head, 10000.0, u.dtype)
            q, k = turn(q, *places), turn(k, *places)
        return self.out_proj(attend(q, k, v, causal_mask(u.shape[1], u.dtype)))


class Layer(nn.Module):
    def __init__(self, shape, number, scan):
        super().__init__()
        self.norm = Norm(shape.width, shape.epsilon)
        if number in shape.attention_layers:
            self.mixer = Attention(shape)
        else:
            self.mixer = Mixer2(shape, scan) if shape.second else Mixer1(shape)

    def forward(self, x):
        return x + self.mixer(self.norm(x))


class Backbone(nn.Module):
    def __init__(self, shape, scan):
        super().__init__()
        self.embeddings = nn.Embedding(shape.vocabulary, shape.width)
        self.embeddings.weight.data.normal_(std=0.1)
        self.layers = nn.ModuleList(Layer(shape, n, scan) for n in range(shape.layers))
        self.norm_f = Norm(shape.width, shape.epsilon)


class Mamba(nn.Module):
    """scan: of Mamba-2, sequential or chunked."""

    def __init__(self, config, scan=sequential):
        super().__init__()
        shape = Shape(config)
        self.backbone = Backbone(shape, scan)
        self.lm_head = nn.Linear(shape.width, shape.vocabulary, bias=False)
        if shape.tied:
            self.lm_head.weight = self.backbone.embeddings.weight

    def forward(self, tokens):
        x = self.backbone.embeddings(tokens)
        for layer in self.backbone.layers:
            x = layer(x)
        return self.lm_head(self.backbone.norm_f(x))
