// Collectives on machines that one does not have: how long a call would take there, what would be
// busy, and pictures of it.
//
// A simulation runs the schedule of an algorithm, of the library or of a file, as executors run it,
// on a model of hosts and of the wires between their ranks. docs/simulator.md says what the model
// holds and what it leaves out.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/api.h"
#include "tutti/status.h"
#include "tutti/topology.h"
#include "tutti/types.h"

namespace tutti {

struct Machine;

/// Hosts with ranks on them, and the wires between them. A value; copies share what never changes.
class TUTTI_API ModelCluster {
 public:
  /// From a line such as "hosts=8192,ranks=8,port=450G,net=50G,latency=1us,net_latency=5us"; the
  /// words are in docs/simulator.md. kInvalidArgument names the word and what was expected.
  static Result<ModelCluster> parse(const std::string& text);

  /// The hosts of a topology: its GPUs, or ranks on its processors, or its processors.
  static Result<ModelCluster> of(const Topology& topology);

  /// So many of it, side by side.
  Result<ModelCluster> times(int copies) const;

  int ranks() const;
  int hosts() const;
  /// For people, without an end of line: "4 hosts of 8 ranks, 371 GB/s inside and 8 x 48 GB/s out".
  std::string to_text() const;

  const Machine& machine() const { return *machine_; }

 private:
  explicit ModelCluster(Machine machine);

  std::shared_ptr<const Machine> machine_;
};

enum class SimulationModel {
  kMessages,  // links serve messages one after the other: fast
  kFlows,     // messages share links, max-min fairly: right where many cross
};

struct SimulationRequest {
  Collective collective = Collective::kAllReduce;
  std::string algorithm = {};      // one of simulated_algorithms(), or …
  std::string schedule_file = {};  // … a file of MSCCL or MSCCL++, whose collective it then is
  std::size_t bytes = 0;           // of the largest buffer: all ranks' parts together
  DataType type = DataType::kFloat32;
  int root = 0;
  SimulationModel model = SimulationModel::kMessages;
  std::size_t tile_bytes = 0;     // 0: typical of the machine; likewise
  int lanes = 0;                  // blocks in flight
  std::size_t scratch_bytes = 0;  // of each rank
  bool trace = false;             // wanted in the answer
  bool svg = false;
};

struct LinkUse {
  std::string name;        // "host 3 port 1 out"
  double utilisation = 0;  // 1: always busy

  bool operator==(const LinkUse&) const = default;
};

struct Simulation {
  std::string algorithm;
  int ranks = 0;
  int simulated_ranks = 0;  // where some stand for all
  double seconds = 0;
  double algbw = 0;  // GB/s, as nccl-tests defines them
  double busbw = 0;
  std::vector<LinkUse> busiest;  // the busiest link of each kind, the busiest first
  std::size_t tile_bytes = 0;
  int lanes = 0;
  std::size_t blocks = 0;
  std::size_t simulated_blocks = 0;  // the others go on as these did
  double wall_seconds = 0;           // that the simulation itself took
  std::string trace;                 // JSON for chrome://tracing or ui.perfetto.dev
  std::string svg;                   // a time line
};

/// The algorithms that take the cluster's ranks, in the catalog's order.
TUTTI_API std::vector<std::string> simulated_algorithms(const ModelCluster& cluster,
                                                        Collective collective);

/// kInvalidArgument, or kNotSupported, says what does not fit and what was expected.
TUTTI_API Result<Simulation> simulate(const ModelCluster& cluster,
                                      const SimulationRequest& request);

/// The call as GOAL, the text that LogGOPSim reads: of its first block alone, or of all blocks.
TUTTI_API Result<std::string> goal_text(const ModelCluster& cluster,
                                        const SimulationRequest& request, bool all_blocks);

/// What is known of an algorithm in a file, once it is proved.
struct ScheduleSummary {
  std::string name;
  Collective collective = Collective::kAllReduce;
  int ranks = 0;
  int chunks = 0;
  bool in_place = false;      // proved for input and output that are the same memory, too
  bool needs_mapped = false;  // reads memory of peers
  int steps = 0;              // messages in the longest chain of them
  int chunks_sent = 0;        // by the rank that sends most; likewise
  int chunks_reduced = 0;
  int scratch_chunks = 0;
  std::string dump;  // the schedule, a line a step
};

/// Reads and proves it. The status names the file, and where it is wrong and why.
TUTTI_API Result<ScheduleSummary> read_schedule(const std::string& path);

}  // namespace tutti
