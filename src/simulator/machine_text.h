// Machines in a line: "hosts=8192,ranks=8,port=450G,net=50G,latency=1us,net_latency=5us".
//
//   hosts=1          how many, all alike
//   ranks=1          of each host
//   port=450G        what a rank sends, and receives, inside its host, where data travels by itself
//                    as between GPUs; without it ranks share memory and move data themselves
//   net=50G          what a network port of a host sends, and receives; needed for several hosts
//   ports=           network ports of a host; as many as it has ranks
//   latency=         from sender to receiver inside a host
//   net_latency=     and between hosts
//   message=         the sender's time for a message inside a host
//   net_message=     and between hosts
//   memory=          what a rank's own memory reads and writes
//   call=            time to start a call
//   leaf_hosts=      hosts that share …
//   leaf=            … this bandwidth to all others
//   cores=           of a host, where fewer than its ranks
//
// Bandwidths are bytes per second, with K, M, G or T for powers of 1000, or bits per second with
// "bit" behind it: 50G is 400Gbit. Times are seconds with a unit: ns, us, ms or s. What is left out
// is typical (typical.h): of GPUs with a port, of processors without.
//
// Tested by machine_text_test.cc.

#pragma once

#include <string>

#include "simulator/machine.h"
#include "tutti/status.h"

namespace tutti {

/// Ranks and hosts at most, so that mistyped numbers are errors.
inline constexpr int kMostMachineRanks = 1 << 20;

/// kInvalidArgument names the word and what was expected.
Result<Machine> parse_machine(const std::string& text);

}  // namespace tutti
