// Tested by simulate_test.cc.

#include "simulator/work.h"

#include <algorithm>

namespace tutti {
namespace {

// Memory of scratch that is written again and again: that of a lap.
double lap_bytes(const Cast& cast, const SimulatedCall& call) {
  const double block = static_cast<double>(cast.scratch_chunks) * call.tile_bytes;
  return std::min<double>(call.room.scratch_bytes, std::max(6 * block, double{256 << 10}));
}

}  // namespace

Work::Work(const Machine& machine, const Cast& cast, const SimulatedCall& call)
    : costs_(machine.rank), width_(call.width), stream_(call.stream) {
  const double lap = lap_bytes(cast, call), user = static_cast<double>(call.user_bytes);
  read_user_ = costs_.read_user.at(user);
  write_user_ = costs_.write_user.at(user);
  read_scratch_ = costs_.read_scratch.at(lap);
  write_scratch_ = costs_.write_scratch.at(lap);
  write_peer_ = costs_.write_peer.at(lap);
  read_peer_ = costs_.read_peer.at(user);
}

double Work::move(const Deed& deed, double bytes) const {
  const int streamed = stream_ ? deed.streams_user : 0;
  const double per_byte = deed.reads_user * read_user_ + deed.reads_scratch * read_scratch_ +
                          (deed.writes_user - streamed) * write_user_ +
                          streamed * costs_.stream_user + deed.writes_scratch * write_scratch_ +
                          std::max(deed.sources - 1, 0) * costs_.reduce;
  return costs_.instruction + bytes * per_byte;
}

}  // namespace tutti
