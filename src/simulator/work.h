// What a rank's own work costs in one call, where it is known how much memory is in use.
//
// Tested by simulate_test.cc.

#pragma once

#include "simulator/simulate.h"

namespace tutti {

class Work {
 public:
  Work(const Machine& machine, const Cast& cast, const SimulatedCall& call);

  /// A move, but for memory of peers; chunks are of `bytes`.
  double move(const Deed& deed, double bytes) const;
  /// A chunk of a peer's, in memory that is mapped.
  double touch(bool writes, double bytes) const {
    return bytes * (writes ? write_peer_ : read_peer_);
  }
  /// A signal inside the host.
  double give(const Deed& deed) const { return costs_.give + payload(deed); }
  double take(const Deed& deed) const { return costs_.take + payload(deed); }

 private:
  double payload(const Deed& deed) const { return deed.carries ? width_ * costs_.line : 0; }

  const RankCosts& costs_;
  int width_;
  bool stream_;
  // Seconds per byte.
  double read_user_, write_user_, read_scratch_, write_scratch_, write_peer_, read_peer_;
};

}  // namespace tutti
