// A rank of the tests over several hosts.
//
//   worker check [TYPE]               every collective with right results, of one type or of all
//   worker loop SEED                  calls until one fails, then shrinks
//   worker … --id FILE RANK RANKS     meets by a unique id that rank 0 writes into FILE; otherwise
//                                     as the launcher's environment says (mpirun, torchrun)
//
// Exits with 0 when all was right, 1 when not.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "loop.h"
#include "tutti/tutti.h"

namespace tutti::multihost {
namespace {

// Appears as a whole, or not at all.
void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path + ".part") << text;
  std::filesystem::rename(path + ".part", path);
}

Result<UniqueId> read_id(const std::string& path, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!std::filesystem::exists(path)) {
    if (std::chrono::steady_clock::now() > deadline) {
      return Status(Code::kTimeout, path + ": rank 0 has not written it");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::string text;
  std::ifstream(path) >> text;
  return UniqueId::parse(text);
}

Result<Communicator> meet_by_file(const std::string& path, int rank, int ranks) {
  const Result<Options> options = Options::from_environment();
  if (!options.ok()) return options.status();
  if (rank != 0) {
    const Result<UniqueId> id = read_id(path, options->start_timeout);
    return id.ok() ? Communicator::create(*id, rank, ranks, *options) : id.status();
  }
  const Result<Invitation> invitation = make_unique_id({.interface = options->interface});
  if (!invitation.ok()) return invitation.status();
  write_file(path, invitation->id.to_string());
  return Communicator::create(invitation->id, rank, ranks, *options);
}

Result<Communicator> meet(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i + 3 < words.size(); ++i) {
    if (words[i] != "--id") continue;
    return meet_by_file(words[i + 1], std::stoi(words[i + 2]), std::stoi(words[i + 3]));
  }
  return Communicator::from_environment();
}

bool run_mode(Communicator& comm, const std::vector<std::string>& words) {
  const std::string argument = words.size() > 1 ? words[1] : "";
  if (words[0] == "loop") {
    return loop_until_failure(comm, static_cast<unsigned>(std::stoul(argument)));
  }
  const std::optional<DataType> type = parse_data_type(argument);
  return type ? check_types(comm, std::span(&*type, 1)) : check_everything(comm);
}

int run(const std::vector<std::string>& words) {
  Result<Communicator> comm = meet(words);
  if (!comm.ok()) {
    std::printf("not started: %s\n", comm.status().to_string().c_str());
    return 1;
  }
  std::printf("rank %d started\n", comm->rank());
  std::fflush(stdout);
  return run_mode(*comm, words) ? 0 : 1;
}

}  // namespace
}  // namespace tutti::multihost

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool known = !words.empty() && (words[0] == "check" || (words[0] == "loop" && argc > 2));
  if (known) return tutti::multihost::run(words);
  std::fprintf(stderr, "usage: worker check [TYPE]|loop SEED [--id FILE RANK RANKS]\n");
  return 2;
}
