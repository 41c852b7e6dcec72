// How rings go through all units. Tested by topology_search_test.cc.

#pragma once

#include <vector>

#include "topology/search_lanes.h"

namespace tutti {

/// What rings do in units of a shape: by ring, its ports and its way between them.
struct Pieces {
  int shape = 0;
  std::vector<Lane> lanes;
  std::vector<Segment> segments;
};

struct Course {
  std::vector<Pieces> pieces;
  std::vector<int> of_unit;  // which of `pieces`; empty: there is no ring
  bool complete = true;      // false: the budget ended the search
};

/// Rings within one unit, which has several members.
Course course_inside(const Field& field, int budget);

/// Rings through several units, and ports between them.
Course course_between(const Field& field, int budget);

/// Of all links of all units, one unit after the other: GB/s.
std::vector<double> capacities_of(const Field& field);

/// Those for people. REQUIRES: the course is of this field.
std::vector<FoundRing> rings_of(const Field& field, const Course& course);

}  // namespace tutti
