// The wires of a machine, numbered, and which of them lie between two ranks.
//
// With a symmetry only the wires of representatives exist: a message to anybody uses the wire into
// that rank's representative, which by symmetry is as busy as its own.
//
// Tested by links_test.cc.

#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "schedule/symmetry.h"
#include "simulator/machine.h"

namespace tutti {

struct Route {
  static constexpr int kMost = 6;

  std::array<int, kMost> links = {};  // in the order of passage
  int count = 0;
  bool is_far = false;

  void add(int link) { links[count++] = link; }
  std::span<const int> all() const { return {links.data(), static_cast<std::size_t>(count)}; }
};

class Links {
 public:
  /// REQUIRES: the symmetry maps hosts to hosts, and leaves to leaves.
  Links(const Machine& machine, const Symmetry& symmetry);

  int count() const { return static_cast<int>(capacities_.size()); }
  /// Bytes per second.
  double capacity(int link) const { return capacities_[link]; }
  /// For people: "host 3 port 1 out".
  std::string name(int link) const;

  /// From a representative to any rank but itself. Empty where nothing limits.
  Route route(int from, int to) const;
  /// How long a message of `bytes` takes where nothing else is under way, without the latency: the
  /// time on its narrowest wire.
  double shortest(const Route& route, double bytes) const;

 private:
  enum Kind { kRankOut, kRankIn, kPair, kPortOut, kPortIn, kLeafOut, kLeafIn, kKinds };

  int find(Kind kind, int number) const { return first_[kind] + number; }
  int port_of(int rank) const;
  int leaf_of(int rank) const;

  const Machine& machine_;
  const Symmetry symmetry_;
  std::vector<int> places_;  // by representative: its number on its host
  int per_host_ = 1;         // ranks of the largest host
  std::array<int, kKinds> first_ = {};
  std::vector<double> capacities_;
};

}  // namespace tutti
