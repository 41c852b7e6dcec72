// tutti-train: trains a LLaMA or a Mamba, and makes text with what was trained.
//
//   mpirun -n 4 tutti-train llama --mesh dp=2,tp=2 --data corpus.txt --steps 200 --out run
//   mpirun -n 4 tutti-train mamba --mesh cp=2,tp=2 --data corpus.txt --steps 200 --out run
//   tutti-train generate --checkpoint DIR --prompt "Once"
//
// Exit status: 0 well; 1 a failure; 2 a line that asks for what there is not.

#include <fmt/format.h>
#include <malloc.h>

#include "train/app/generate_command.h"
#include "train/app/launch.h"
#include "train/app/train_command.h"

namespace {

using namespace tutti::train;

// A word of the line, and what it does.
struct Door {
  std::string_view name;
  Command command;
  RunConfig defaults;
  void (*work)(const RunConfig&, tutti::Communicator);
};

const Door kDoors[] = {
    {"llama", Command::kTrain, defaults_of(ModelFamily::kLlama), train},
    {"mamba", Command::kTrain, defaults_of(ModelFamily::kMamba), train},
    {"generate", Command::kGenerate, {}, generate_text},
};

std::string usage() {
  return "Usage: tutti-train llama [SETTINGS]       trains a LLaMA; --dry-run: what it would take\n"
         "       tutti-train mamba [SETTINGS]       the same for a Mamba-2, a Mamba-1 or a hybrid\n"
         "       tutti-train generate [SETTINGS]    goes on from a text\n\n"
         "Ranks are those of the launcher (mpirun -n N, srun, torchrun), or threads (--threads "
         "N).\n"
         "tutti-train llama --help and the like list the settings.\n";
}

// One rank of the launcher's says why; the others wait until it has.
int refuse(const Door& door, const std::string& why) {
  auto world = tutti::Communicator::from_environment();
  if (!world.ok() || world->rank() == 0) fmt::print(stderr, "tutti-train {}: {}\n", door.name, why);
  if (world.ok()) static_cast<void>(world->barrier());
  return 2;
}

int run(const Door& door, std::span<const std::string> line) {
  if (!line.empty() && (line[0] == "--help" || line[0] == "-h")) {
    fmt::print("Usage: tutti-train {} [SETTINGS], with their defaults:\n\n{}", door.name,
               help(door.command, door.defaults));
    return 0;
  }
  RunConfig config;
  try {
    config = read_config(line, door.command, door.defaults);
  } catch (const Failure& failure) {
    return refuse(door, failure.what());
  }
  run_ranks(static_cast<int>(config.threads),
            [&](tutti::Communicator world) { door.work(config, std::move(world)); });
  return 0;
}

// glibc raises both limits as memory is freed, and keeps large arrays in the holes of others from
// then on. Here each is mapped by itself, so that what a run takes is what its arrays are; what
// small ones leave is kept for the next step.
void fix_limits_of_malloc() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  fix_limits_of_malloc();
  const std::vector<std::string> words(argv + 1, argv + argc);
  for (const Door& door : kDoors) {
    if (!words.empty() && words[0] == door.name) return run(door, std::span(words).subspan(1));
  }
  const bool asked = !words.empty() && (words[0] == "-h" || words[0] == "--help");
  fmt::print(asked ? stdout : stderr, "{}", usage());
  return asked ? 0 : 2;
}
