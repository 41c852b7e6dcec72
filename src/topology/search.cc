// Tested by topology_search_test.cc.

#include "topology/search_course.h"
#include "topology/search_field.h"
#include "topology/search_levels.h"
#include "topology/search_trees.h"
#include "tutti/topology.h"

namespace tutti {

FoundWays find_ways(const Topology& topology, int budget) {
  const Field field = survey(topology);
  FoundWays ways;
  ways.members = field.members;
  if (field.members.size() < 2) return ways;
  const Course course =
      field.units.size() == 1 ? course_inside(field, budget) : course_between(field, budget);
  ways.rings = rings_of(field, course);
  ways.trees = find_trees(field, course);
  ways.levels = find_levels(field);
  ways.complete = course.complete;
  return ways;
}

}  // namespace tutti
