"""What trainer_probe reads: a folder with a model, its configuration, tokens and settings."""

import json
import os

import safetensors_file

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 131,
    "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "hidden_act": "silu",
    "max_position_embeddings": 2048, "initializer_range": 0.02, "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False,
    "rope_theta": 10000.0, "rope_scaling": None,
}
MAMBA1 = {
    "architectures": ["MambaForCausalLM"], "model_type": "mamba", "vocab_size": 131,
    "hidden_size": 64, "expand": 2, "state_size": 16, "num_hidden_layers": 2, "conv_kernel": 4,
    "time_step_rank": 4, "use_bias": False, "use_conv_bias": True, "hidden_act": "silu",
    "layer_norm_epsilon": 1e-5, "tie_word_embeddings": True,
}
MAMBA2 = {
    "architectures": ["Mamba2ForCausalLM"], "model_type": "mamba2", "vocab_size": 131,
    "hidden_size": 64, "expand": 2, "state_size": 24, "num_hidden_layers": 2, "conv_kernel": 4,
    "head_dim": 16, "num_heads": 8, "n_groups": 2, "chunk_size": 20, "rms_norm": True,
    "use_bias": False, "use_conv_bias": True, "hidden_act": "silu", "layer_norm_epsilon": 1e-5,
    "tie_word_embeddings": False,
}
# As mamba_ssm has them: the gated norm works on each group by itself.
GROUPED = {
    "d_model": 64, "n_layer": 3, "vocab_size": 136, "tie_embeddings": True,
    "ssm_cfg": {"layer": "Mamba2", "d_state": 24, "headdim": 16, "ngroups": 2, "chunk_size": 20},
}
HYBRID = {
    **GROUPED, "attn_layer_idx": [1],
    "attn_cfg": {"num_heads": 4, "num_heads_kv": 2, "head_dim": 16, "rotary_emb_dim": 16,
                 "causal": True, "d_conv": 0, "qkv_proj_bias": False, "out_proj_bias": False},
}


def write(folder, config, model, tokens, **settings):
    """tokens: integers [..., sequence + 1]."""
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    with open(os.path.join(folder, "settings.json"), "w", encoding="utf-8") as file:
        json.dump(settings, file)
    weights = {name: p.detach() for name, p in model.named_parameters()}
    safetensors_file.write(os.path.join(folder, "model.safetensors"), weights)
    with open(os.path.join(folder, "tokens.bin"), "wb") as file:
        for token in tokens.flatten().tolist():
            file.write(token.to_bytes(4, "little"))
