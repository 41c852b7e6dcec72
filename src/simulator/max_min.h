// Rates of flows that share links max-min fairly: nobody can get more but at the cost of somebody
// who has no more.
//
// Rates are max-min fair if and only if every flow has a bottleneck: a full link on which no flow
// is faster (Bertsekas and Gallager, Data Networks, 6.5.2). When flows come and go, only those near
// them are looked at: rates are found anew for the flows of the links in question, as if all others
// stayed; then others whose bottleneck that spoils are taken in as well, until there are none.
//
// Tested by network_test.cc, against rates found from scratch.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/links.h"

namespace tutti {

class MaxMin {
 public:
  explicit MaxMin(const Links& links);

  /// A flow's number; numbers of removed flows are used again. REQUIRES: the route has links.
  std::uint32_t add(const Route& route);
  void remove(std::uint32_t flow);

  bool is_settled() const { return changed_.empty(); }
  /// Finds the rates for the flows that there are. The flows whose rates are not what they were.
  std::span<const std::uint32_t> settle();

  /// Bytes per second, as of the last settle().
  double rate(std::uint32_t flow) const { return flows_[flow].rate; }

 private:
  struct Flow {
    Route route;
    std::array<std::uint32_t, Route::kMost> places = {};  // in the lists of its links
    double rate = 0;
    double found = 0;     // while settling: its rate, or kUnknown
    int bottleneck = -1;  // a link
    bool is_taken_in = false;
  };

  struct Link {
    double capacity = 0;
    std::vector<std::uint32_t> flows;
    // While settling:
    double room = 0;   // what is left of the capacity
    double level = 0;  // the rate of flows that have their bottleneck here
    int load = 0;      // flows whose rates are not found yet
    bool is_touched = false;
  };

  struct Level {
    double rate;
    int link;
    bool operator<(const Level& other) const {  // the lowest is the top of a heap
      return rate > other.rate || (rate == other.rate && link > other.link);
    }
  };

  void change(const Route& route);
  void take_in(std::uint32_t flow);
  void take_in_neighbours();
  void fill();
  void open(Link& link);
  void fix_flows_of(int link, double rate);
  bool take_in_spoilt();
  bool is_spoilt(const Flow& flow, int link, double fastest) const;
  void keep_what_was_found();

  std::vector<Flow> flows_;
  std::vector<std::uint32_t> free_;  // numbers
  std::vector<Link> links_;
  std::vector<int> changed_;  // links whose flows came or went
  // While settling:
  std::vector<std::uint32_t> taken_in_;  // flows whose rates are found anew
  std::vector<int> touched_;             // links of these
  std::vector<Level> levels_;            // a heap
};

}  // namespace tutti
