// tutti-train: trains a LLaMA, and makes text with what was trained.
//
//   mpirun -n 4 tutti-train llama --mesh dp=2,tp=2 --data corpus.txt --steps 200 --out run
//   tutti-train generate --checkpoint DIR --prompt "Once"
//
// Exit status: 0 well; 1 a failure; 2 a line that asks for what there is not.

#include <fmt/format.h>

#include "train/app/generate_command.h"
#include "train/app/launch.h"
#include "train/app/train_command.h"

namespace {

using namespace tutti::train;

std::string usage() {
  return "Usage: tutti-train llama [SETTINGS]       trains; --dry-run says what it would take\n"
         "       tutti-train generate [SETTINGS]    goes on from a text\n\n"
         "Ranks are those of the launcher (mpirun -n N, srun, torchrun), or threads (--threads "
         "N).\n"
         "tutti-train llama --help and tutti-train generate --help list the settings.\n";
}

// One rank of the launcher's says why; the others wait until it has.
int refuse(const std::string& name, const std::string& why) {
  auto world = tutti::Communicator::from_environment();
  if (!world.ok() || world->rank() == 0) fmt::print(stderr, "tutti-train {}: {}\n", name, why);
  if (world.ok()) static_cast<void>(world->barrier());
  return 2;
}

int run(const std::string& name, Command command, std::span<const std::string> line,
        void (*work)(const RunConfig&, tutti::Communicator)) {
  if (!line.empty() && (line[0] == "--help" || line[0] == "-h")) {
    fmt::print("Usage: tutti-train {} [SETTINGS], with their defaults:\n\n{}", name, help(command));
    return 0;
  }
  RunConfig config;
  try {
    config = read_config(line, command);
  } catch (const Failure& failure) {
    return refuse(name, failure.what());
  }
  run_ranks(static_cast<int>(config.threads),
            [&](tutti::Communicator world) { work(config, std::move(world)); });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto line = std::span(words).subspan(words.empty() ? 0 : 1);
  if (!words.empty() && words[0] == "llama") {
    return run(words[0], Command::kTrain, line, train_llama);
  }
  if (!words.empty() && words[0] == "generate") {
    return run(words[0], Command::kGenerate, line, generate_text);
  }
  const bool asked = !words.empty() && (words[0] == "-h" || words[0] == "--help");
  fmt::print(asked ? stdout : stderr, "{}", usage());
  return asked ? 0 : 2;
}
