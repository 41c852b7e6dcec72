// What a run is told: one value, made of a table of fields. The configuration file, the command
// line, the help and what is saved beside a checkpoint all walk the table.
//
// Tested by train_config_test.cc.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "train/model_family.h"

namespace tutti::train {

struct RunConfig {
  ModelFamily family = ModelFamily::kLlama;  // what the command trains; no field

  // ranks
  std::string mesh = "dp=*";
  std::string order = "dp,pp,cp,tp";
  long threads = 0;
  // model
  std::string model = "llama-tiny";
  std::string weights;
  std::string device = "cpu";
  std::string precision = "fp32";
  // data
  std::vector<std::string> data;
  std::string tokenizer = "bytes";
  double validation_share = 0.05;
  long sequence = 256;
  // training
  long steps = 100;
  long batch = 16;
  long micro_batch = 1;
  std::string schedule = "cosine";
  double rate = 3e-4;
  double last_rate_share = 0.1;
  long warmup = 10;
  double decay_share = 0.2;
  double clip = 1;
  double weight_decay = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  long seed = 1;
  // how it is cut up
  std::string pipeline = "1f1b";
  long chunks = 1;
  long zero = 1;
  long bucket_bytes = 4 << 20;
  std::string context = "ring";
  std::string scan = "shards";
  bool sequence_parallel = true;
  std::string recompute = "none";
  // what is kept and shown
  std::string out;
  std::string checkpoint;
  long checkpoint_every = 0;
  long keep = 2;
  bool resume = false;
  bool elastic = false;
  std::string export_folder;
  long validate_every = 0;
  long validate_samples = 32;
  long log_every = 1;
  long trace_steps = 0;
  double peak = 0;
  bool dry_run = false;
  bool draw_mesh = false;
  // text
  std::string prompt;
  long tokens = 200;
  double temperature = 0.8;
  long top_k = 40;

  bool operator==(const RunConfig&) const = default;
};

/// What a command that trains a family begins with.
RunConfig defaults_of(ModelFamily family);

/// Which command takes a field.
enum class Command { kTrain, kGenerate, kBoth };

inline constexpr double kUnlimited = 9e15;  // whole numbers up to it are doubles

struct Field {
  using Member = std::variant<long RunConfig::*, double RunConfig::*, bool RunConfig::*,
                              std::string RunConfig::*, std::vector<std::string> RunConfig::*>;
  std::string_view name;
  Member member;
  std::string_view help;
  Command command = Command::kTrain;
  double least = 0;               // of numbers
  double most = kUnlimited;       // of numbers
  std::string_view choices = {};  // of texts: "ring|gather"
};

/// In the order of the struct.
std::span<const Field> fields();
bool is_of(const Field& field, Command command);

/// The field of that name. Fails, naming the nearest one that there is.
const Field& field_named(std::string_view name, Command command);

/// Sets a field from text. Fails with the name, the value and what was expected.
void set_field(RunConfig& config, const Field& field, std::string_view text);
/// Its value, as set_field() takes it.
std::string text_of(const RunConfig& config, const Field& field);

/// From a JSON object with names of fields, and the line of a command. Fields on the line count
/// more than those of the file that `--config FILE` names. Fails with a sentence for the person who
/// wrote it.
RunConfig read_config(std::span<const std::string> line, Command command,
                      const RunConfig& defaults = {});
void read_json(RunConfig& config, std::string_view json, const std::string& file, Command command);

/// All of the command's fields, as read_json() reads them.
std::string to_json(const RunConfig& config, Command command);
/// A line a field: "--rate 0.0003   learning rate at its highest".
std::string help(Command command, const RunConfig& defaults = {});

}  // namespace tutti::train
