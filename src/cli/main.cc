// The command `tutti`: hands the line on to the subcommand that it names.
//
// Exit status: 0 well; 1 wrong results or a failure; 2 a line that asks for what there is not.

#include <fmt/format.h>

#include <string>
#include <vector>

#include "cli/doctor.h"
#include "cli/explain.h"
#include "cli/perf.h"
#include "cli/plan.h"
#include "cli/sim.h"
#include "cli/topo.h"
#include "cli/tune.h"

namespace {

struct Command {
  const char* name;
  const char* summary;
  int (*run)(std::vector<std::string> arguments);
};

constexpr Command kCommands[] = {
    {"perf", "times and checks collectives, with nccl-tests' options and table",
     tutti::cli::perf_main},
    {"topo", "shows what the machine is made of and how fast its links are", tutti::cli::topo_main},
    {"explain", "shows the candidates for a call, predicted and measured, and which one runs",
     tutti::cli::explain_main},
    {"tune", "measures this machine and keeps the result for later choices", tutti::cli::tune_main},
    {"sim", "runs a schedule on a modelled machine of any size", tutti::cli::sim_main},
    {"doctor", "looks for what makes collectives slow or fail here and between hosts",
     tutti::cli::doctor_main},
    {"plan", "finds the best layout of a training, or of inference, on a machine, and says why",
     tutti::cli::plan_main},
};

std::string usage() {
  std::string text = "Usage: tutti COMMAND [OPTIONS]\n\n";
  for (const Command& command : kCommands) {
    text += fmt::format("  {:<8} {}\n", command.name, command.summary);
  }
  return text + "\ntutti COMMAND --help tells more.\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || arguments[0] == "-h" || arguments[0] == "--help") {
    fmt::print("{}", usage());
    return arguments.empty() ? 2 : 0;
  }
  for (const Command& command : kCommands) {
    if (arguments[0] == command.name) return command.run({arguments.begin() + 1, arguments.end()});
  }
  fmt::print(stderr, "tutti {}: no such command\n\n{}", arguments[0], usage());
  return 2;
}
