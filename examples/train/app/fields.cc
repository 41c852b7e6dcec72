// The table of run_config.h.

#include <fmt/format.h>

#include <algorithm>

#include "train/app/run_config.h"
#include "train/failure.h"

namespace tutti::train {
namespace {

using enum Command;
using C = RunConfig;

constexpr double kInt = 2147483647;

const Field kFields[] = {
    {"mesh", &C::mesh,
     "sizes of the dimensions, such as dp=2,pp=1,cp=1,tp=2; *: what is left; auto: as tutti plan",
     kBoth},
    {"order", &C::order,
     "dimensions from the outermost to the innermost, whose ranks are neighbours"},
    {"threads", &C::threads, "so many ranks as threads of this process, without a launcher", kBoth,
     0, 4096},
    {"model", &C::model,
     "llama: llama-tiny, 25m, 0.1b … 70b; mamba: mamba2-tiny, mamba-tiny, hybrid-tiny, mamba2-25m, "
     "mamba-130m … mamba2-2.7b; or a folder with a config.json"},
    {"weights", &C::weights, "begin with the weights in this folder (safetensors)"},
    {"device", &C::device, "where a rank computes; gpu: the next one of its host", kTrain, 0, 0,
     "cpu|gpu"},
    {"precision", &C::precision,
     "of numbers; bf16: of weights and activations, from masters, with sums and gradients in fp32",
     kBoth, 0, 0, "fp32|fp64|bf16"},

    {"data", &C::data, "texts, files of tokens (nanoGPT, llm.c, Megatron), folders of them"},
    {"tokenizer", &C::tokenizer, "bytes, or a SentencePiece tokenizer.model", kBoth},
    {"validation-share", &C::validation_share, "of the data, at its end, that is not trained on",
     kTrain, 0, 0.99},
    {"sequence", &C::sequence, "tokens of a sequence", kTrain, 1, kInt},

    {"steps", &C::steps, "of the optimizer", kTrain, 0, kUnlimited},
    {"batch", &C::batch, "sequences of a step, of all ranks together", kTrain, 1, kInt},
    {"micro-batch", &C::micro_batch, "sequences that a rank computes at a time", kTrain, 1, kInt},
    {"schedule", &C::schedule, "of the learning rate, after the warm-up", kTrain, 0, 0,
     "cosine|wsd|linear|constant"},
    {"rate", &C::rate, "the learning rate at its highest", kTrain, 0, 10},
    {"last-rate-share", &C::last_rate_share, "the last learning rate, as a share of the highest",
     kTrain, 0, 1},
    {"warmup", &C::warmup, "steps in which the learning rate rises", kTrain, 0, kUnlimited},
    {"decay-share", &C::decay_share, "of the steps, in which wsd lets the learning rate fall",
     kTrain, 0, 1},
    {"clip", &C::clip, "the largest norm of gradients; 0: any", kTrain, 0, kUnlimited},
    {"weight-decay", &C::weight_decay, "of matrices", kTrain, 0, 1},
    {"beta1", &C::beta1, "of AdamW", kTrain, 0, 0.999999},
    {"beta2", &C::beta2, "of AdamW", kTrain, 0, 0.999999},
    {"epsilon", &C::epsilon, "of AdamW", kTrain, 1e-20, 1},
    {"seed", &C::seed, "of first weights, the order of samples and generated text", kBoth, 0,
     kUnlimited},

    {"pipeline", &C::pipeline, "the order of micro-batches in a pipeline", kTrain, 0, 0,
     "1f1b|gpipe|interleaved|zero_bubble"},
    {"chunks", &C::chunks, "stages of each rank of a pipeline (interleaved)", kTrain, 1, 1024},
    {"zero", &C::zero, "what data-parallel ranks share out: 1 optimizer, 2 gradients, 3 weights",
     kTrain, 0, 3},
    {"bucket-bytes", &C::bucket_bytes, "gradients that one call adds up (zero 0 and 1)", kTrain, 1,
     kInt},
    {"context", &C::context, "how context-parallel ranks see each other's keys (attention)", kTrain,
     0, 0, "ring|gather"},
    {"scan", &C::scan, "how context-parallel ranks share the scans of a Mamba-2", kTrain, 0, 0,
     "shards|heads"},
    {"sequence-parallel", &C::sequence_parallel,
     "tensor-parallel ranks share out the tokens between layers"},
    {"recompute", &C::recompute, "activations that are computed again instead of kept", kTrain, 0,
     0, "none|selective|full"},

    {"out", &C::out, "a folder for the log, the curve, the time line and the configuration"},
    {"checkpoint", &C::checkpoint, "a folder for checkpoints; generate: one, or a model's folder",
     kBoth},
    {"checkpoint-every", &C::checkpoint_every, "steps between checkpoints; 0: after the last only",
     kTrain, 0, kUnlimited},
    {"keep", &C::keep, "checkpoints that are kept", kTrain, 1, kInt},
    {"resume", &C::resume, "go on from the last checkpoint, if there is one"},
    {"elastic", &C::elastic, "go on without ranks that were lost, from the last checkpoint",
     kTrain},
    {"export", &C::export_folder, "a new folder for the model, as transformers reads it"},
    {"validate-every", &C::validate_every, "steps between validations; 0: after the last only",
     kTrain, 0, kUnlimited},
    {"validate-samples", &C::validate_samples, "sequences of a validation, at most", kTrain, 1,
     kInt},
    {"log-every", &C::log_every, "steps from one line to the next", kTrain, 1, kUnlimited},
    {"trace-steps", &C::trace_steps, "steps of rank 0 in OUT/trace.json, from the second on",
     kTrain, 0, 1000},
    {"peak", &C::peak,
     "GFLOP/s of a core, or of a GPU, that MFU refers to; 0: as published, or measured", kTrain, 0,
     kUnlimited},
    {"dry-run", &C::dry_run, "print parameters, memory, FLOPs and communication, and end"},
    {"draw-mesh", &C::draw_mesh, "print which rank is where"},

    {"prompt", &C::prompt, "text to go on from; of llama and mamba: at the end of the training",
     kBoth},
    {"tokens", &C::tokens, "to be generated", kBoth, 0, kInt},
    {"temperature", &C::temperature, "how far words may be from the likeliest; 0: never", kBoth, 0,
     100},
    {"top-k", &C::top_k, "words to choose among; 0: all", kBoth, 0, kInt},
};

// As many edits of a letter as turn the name into what was written (Levenshtein). What has the name
// in it ("learning-rate") is near.
std::size_t edits(std::string_view a, std::string_view b) {
  if (a != b && b.find(a) != b.npos) return 2;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::span<const Field> fields() { return kFields; }

bool is_of(const Field& field, Command command) {
  return field.command == kBoth || field.command == command;
}

const Field& field_named(std::string_view name, Command command) {
  const Field* nearest = nullptr;
  for (const Field& field : kFields) {
    if (field.name == name && is_of(field, command)) return field;
    if (field.name == name) {
      throw Failure(fmt::format("\"{}\" is no setting of this command, but of tutti-train {}", name,
                                field.command == kTrain ? "llama and mamba" : "generate"));
    }
    if (!is_of(field, command)) continue;
    if (nearest == nullptr || edits(field.name, name) < edits(nearest->name, name)) {
      nearest = &field;
    }
  }
  throw Failure(fmt::format("\"{}\" is no setting of this command; the nearest is \"{}\"", name,
                            nearest->name));
}

}  // namespace tutti::train
