"""What trainer_probe reads: a folder with a model, its configuration, tokens and settings."""

import json
import os

import safetensors_file

TINY = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 131,
    "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "hidden_act": "silu",
    "max_position_embeddings": 2048, "initializer_range": 0.02, "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False,
    "rope_theta": 10000.0, "rope_scaling": None,
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
