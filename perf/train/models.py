"""What the trainer is timed with."""

# The trainer's presets for processors, with names of config.json.
MODELS = {
    "llama-tiny": {"vocab_size": 256, "hidden_size": 256, "intermediate_size": 688,
                   "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
                   "head_dim": 64},
    "25m": {"vocab_size": 256, "hidden_size": 512, "intermediate_size": 1536,
            "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4,
            "head_dim": 64},
}
