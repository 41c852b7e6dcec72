// Rates of flows that share links max-min fairly: nobody can get more but at the cost of somebody
// who has no more.
//
// Rates are max-min fair if and only if every flow has a bottleneck: a full link on which no flow
// is faster (Bertsekas and Gallager, Data Networks, 6.5.2). When flows come and go, only those near
// them are looked at: rates are found anew for the flows of the links in question, as if all others
// stayed; then others whose bottleneck that spoils are taken in as well, until there are none.
//
// Flows of one route have one rate, and are kept as a bundle.
//
// Tested by network_test.cc, against rates found from scratch.

#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "simulator/links.h"

namespace tutti {

class MaxMin {
 public:
  explicit MaxMin(const Links& links);

  /// Adds a flow. The number of its bundle; those of bundles that are empty are used again.
  /// REQUIRES: the route has links.
  std::uint32_t add(const Route& route);
  /// Removes one flow of a bundle.
  void remove(std::uint32_t bundle);

  bool is_settled() const { return changed_.empty(); }
  /// Finds the rates of the flows that there are. The bundles whose rates are not what they were.
  std::span<const std::uint32_t> settle();

  /// Bytes per second of each flow of a bundle, as of the last settle().
  double rate(std::uint32_t bundle) const { return bundles_[bundle].rate; }

 private:
  struct Bundle {
    Route route;
    std::array<std::uint32_t, Route::kMost> places = {};  // in the lists of its links
    int flows = 0;
    double rate = 0;
    double found = 0;     // while settling: its rate, or kUnknown
    int bottleneck = -1;  // a link
    bool is_taken_in = false;
  };

  struct Link {
    double capacity = 0;
    std::vector<std::uint32_t> bundles;
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

  std::uint32_t begin_bundle(const Route& route);
  void end_bundle(std::uint32_t number);
  void change(const Route& route);
  void take_in(std::uint32_t number);
  void take_in_neighbours();
  void fill();
  void open(Link& link);
  void fix_flows_of(int link, double rate);
  bool take_in_spoilt();
  bool is_spoilt(const Bundle& bundle, int link, double fastest) const;
  void keep_what_was_found();

  std::vector<Bundle> bundles_;
  std::vector<std::uint32_t> free_;                               // numbers
  std::map<std::array<int, Route::kMost>, std::uint32_t> known_;  // by links
  std::vector<Link> links_;
  std::vector<int> changed_;  // links whose flows came or went
  // While settling:
  std::vector<std::uint32_t> taken_in_;  // bundles whose rates are found anew
  std::vector<int> touched_;             // links of these
  std::vector<Level> levels_;            // a heap
};

}  // namespace tutti
