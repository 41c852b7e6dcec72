"""What the trainer is timed with: its presets for processors, as config.json has them."""

import probe_folder

MODELS = {
    "llama-tiny": {**probe_folder.LLAMA, "vocab_size": 256, "hidden_size": 256,
                   "intermediate_size": 688, "num_hidden_layers": 4, "num_attention_heads": 4,
                   "num_key_value_heads": 2, "head_dim": 64},
    "25m": {**probe_folder.LLAMA, "vocab_size": 256, "hidden_size": 512, "intermediate_size": 1536,
            "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4,
            "head_dim": 64},
    "mamba2-tiny": {**probe_folder.MAMBA2, "vocab_size": 256, "hidden_size": 256,
                    "num_hidden_layers": 4, "state_size": 64, "head_dim": 64, "num_heads": 8,
                    "n_groups": 1, "chunk_size": 256, "tie_word_embeddings": True},
    "mamba2-25m": {**probe_folder.MAMBA2, "vocab_size": 256, "hidden_size": 512,
                   "num_hidden_layers": 14, "state_size": 128, "head_dim": 64, "num_heads": 16,
                   "n_groups": 1, "chunk_size": 256, "tie_word_embeddings": True},
}
