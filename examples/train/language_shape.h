// What is before and after the layers of a language model, and how its tensors are called.

#pragma once

#include <string>

namespace tutti::train {

struct LanguageShape {
  long vocabulary = 0;
  long width = 0;
  int layers = 0;
  double norm_epsilon = 0;
  bool tied = false;            // the table of embeddings is the head, too
  bool precise_stream = false;  // the residual stream is Precise, whatever weights are
  std::string table = "model.embed_tokens.weight";
  std::string norm = "model.norm.weight";
  std::string head = "lm_head.weight";
};

}  // namespace tutti::train
