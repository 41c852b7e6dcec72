// How long calls take by each algorithm, by running its schedule on a model of the machine.
//
// Tested by predict_test.cc.

#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "algorithms/catalog.h"
#include "plan/cut.h"
#include "simulator/simulate.h"
#include "tuner/model.h"

namespace tutti {

/// What all ranks agree on before any call.
struct Surroundings {
  Group group;
  Model model;
  int cores = 0;  // of a host, for the ranks on it; 0: as many as they are
  Room room;      // of each rank, for scratch and signals

  bool operator==(const Surroundings&) const = default;
};

/// How the data of a call travels.
enum class Flavor : std::uint8_t {
  kInline,  // payloads travel in the signals
  kStaged,  // buffers of peers cannot be reached
  kMapped,  // they can
};

/// One way to run a call.
struct Way {
  const Algorithm* algorithm = nullptr;
  Flavor flavor = Flavor::kStaged;
  std::size_t tile_bytes = 0;  // upper bound; see cut()
  int lanes = 1;
  bool stream = false;

  bool operator==(const Way&) const = default;
};

class Predictor {
 public:
  explicit Predictor(const Surroundings& surroundings);

  const Surroundings& surroundings() const { return surroundings_; }
  /// The same with another model.
  void use(const Model& model);

  /// Whether a call of `bytes` (of the largest buffer, all ranks' parts together) can go that way
  /// within the memory there is.
  bool fits(const Way& way, std::size_t bytes);

  /// Seconds until the last rank has ended; of calls that take little, a part of what many in a row
  /// take, since ranks may run ahead of each other. REQUIRES: fits().
  double seconds(const Way& way, std::size_t bytes);

  /// How many ranks of other hosts the rank that talks to most of them sends to.
  int far_peers(const Way& way);

  /// The ranks that take part: two for a message.
  const Group& group_of(Collective collective) const {
    return collective == Collective::kSendRecv ? pair_ : surroundings_.group;
  }

  /// Bytes of a chunk of the algorithm in such a call.
  std::size_t piece_bytes(const Algorithm& algorithm, std::size_t bytes);

 private:
  // What a schedule is to the simulator; no scripts where there would be too much to look at.
  struct Part {
    Cast cast;
    int chunks = 1;
    int far_peers = 0;
  };
  double seconds_in_row(const Cast& cast, Machine machine, SimulatedCall call,
                        double meeting) const;
  const Part& part(const Algorithm& algorithm, Flavor flavor);
  Part make(const Algorithm& algorithm, Flavor flavor) const;
  Part make_of_many(const Algorithm& algorithm) const;

  Surroundings surroundings_;
  Group pair_ = 2;
  Machine machine_;
  Machine pair_machine_;
  std::map<std::pair<const Algorithm*, Flavor>, Part> parts_;
};

}  // namespace tutti
