// Tested by cli_command_test.py and cli_doctor_test.cc.

#include "cli/hosts.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace tutti::cli {
namespace {

// Names of hosts are the user's; what does not fit tells nothing apart.
using Identity = std::array<char, 512>;

Identity as_array(const std::string& text) {
  Identity identity = {};
  std::memcpy(identity.data(), text.data(), std::min(text.size(), identity.size() - 1));
  return identity;
}

}  // namespace

Result<std::vector<int>> host_of_ranks(Communicator& communicator, const Options& options) {
  const Result<std::string> mine = host_identity(options);
  Identity identity = as_array(mine.ok() ? *mine : "");
  std::vector<Identity> all(static_cast<std::size_t>(communicator.ranks()));
  const Status status = communicator.all_gather(std::as_bytes(std::span(identity)),
                                                std::as_writable_bytes(std::span(all)));
  if (!status.ok()) return status;
  std::vector<std::string> identities;
  for (const Identity& one : all) identities.emplace_back(one.data());
  return number_hosts(identities);
}

std::vector<int> number_hosts(const std::vector<std::string>& identities) {
  std::vector<std::string> known;
  std::vector<int> hosts;
  for (const std::string& identity : identities) {
    const auto found = std::find(known.begin(), known.end(), identity);
    hosts.push_back(static_cast<int>(found - known.begin()));
    if (found == known.end()) known.push_back(identity);
  }
  return hosts;
}

std::vector<int> first_ranks(const std::vector<int>& hosts) {
  std::vector<int> first;
  for (std::size_t rank = 0; rank < hosts.size(); ++rank) {
    if (hosts[rank] == static_cast<int>(first.size())) first.push_back(static_cast<int>(rank));
  }
  return first;
}

}  // namespace tutti::cli
