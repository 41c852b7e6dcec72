// What every chunk holds after a run, symbolically: which input chunks were combined into it.
//
// Tested by verify_test.cc.

#pragma once

#include <string>
#include <vector>

#include "schedule/layout.h"
#include "schedule/trace.h"

namespace tutti {

/// Input chunk `index` of `rank`, combined into something `times` times.
struct Term {
  int rank = 0;
  int index = 0;
  int times = 1;

  bool operator==(const Term&) const = default;
};

/// The value of a chunk.
struct Content {
  std::vector<Term> terms;     // sorted by rank, then index; of scans in the order of operands
  bool in_rank_order = false;  // made by one reduce over ranks 0, 1, … n-1 in this order; of scans
                               // by taking in one rank after the other
};

class Contents {
 public:
  /// Puts take effect when issued, which in a schedule without races is as good as any other time.
  /// REQUIRES: nobody is stuck in the trace.
  Contents(const Schedule& schedule, const Layout& layout, const Trace& trace);

  /// "" when no step read a chunk that nobody had written and every output holds what the
  /// collective says.
  std::string check() const;

  /// The content of an output chunk. REQUIRES: check() == "".
  const Content& output_of(int rank, int index) const;

 private:
  void start();
  void take(const Event& event);
  int sum(int rank, const Step& step);
  Content added_up(const std::vector<const Content*>& sources) const;
  std::string check_output(int rank, int index) const;

  const Schedule& schedule_;
  const Layout& layout_;
  std::vector<Content> values_;
  std::vector<int> held_;  // by location: an index into values_, or kNone
  std::string unwritten_;  // the first read of an unwritten chunk
};

}  // namespace tutti
