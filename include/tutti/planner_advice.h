// What the planner has to say about its choice: what else there was, what would change it, what
// would make a model fit; and pictures.
//
//   auto ranking = planner::search(problem, settings);
//   for (const planner::WhatIf& other : planner::what_ifs(problem, settings)) …
//   write("front.svg", planner::front_to_svg(problem, *ranking));
//
// Values and pure functions, as in tutti/planner.h. Each question is a search of its own.

#pragma once

#include "tutti/planner.h"

namespace tutti::planner {

/// A part of a sum.
struct Part {
  std::string_view name;
  double value = 0;
};
/// All of them, in the order of the struct: "compute", …, "parameters", …
TUTTI_API std::vector<Part> parts(const Times& times);
TUTTI_API std::vector<Part> parts(const Memory& memory);
/// REQUIRES: not empty.
TUTTI_API Part largest(const std::vector<Part>& parts);

/// The best of all layouts that are unlike the winner in one thing.
struct Rival {
  std::string change;                 // "tp=1", "zero=0"
  std::optional<Plan> best = {};      // that fits
  std::optional<Plan> smallest = {};  // where none fits
  std::string objection = {};         // where none divides
};
/// Each dimension that the winner uses left out, those that it does not use with two ranks,
/// nothing computed again, nothing shared out. Not what settings.fixed decides.
TUTTI_API std::vector<Rival> rivals(const Problem& problem, const SearchSettings& settings,
                                    const Layout& winner);

/// The best layout of a changed problem; none where nothing fits.
struct WhatIf {
  std::string change;  // "twice the network"
  std::optional<Plan> best = {};
};
/// Twice the network (of a machine of one node, twice its links), twice the memory, half the batch.
TUTTI_API std::vector<WhatIf> what_ifs(const Problem& problem, const SearchSettings& settings);

/// A change with which something fits, and the best layout then.
struct Remedy {
  std::string change;  // "4 nodes instead of 2"
  Plan plan;
};
/// For problems of which nothing fits: the smallest change of each kind, the smallest kind first.
/// Decisions left open; more memory, as long as it is little; more nodes; bf16; more memory;
/// shorter sequences.
TUTTI_API std::vector<Remedy> remedies(const Problem& problem, const SearchSettings& settings);

/// MFU against memory: the front and the best, labelled (DP, PP, TP, CP), as SVG.
TUTTI_API std::string front_to_svg(const Problem& problem, const Ranking& ranking);
/// Where the time of a step goes, a bar a plan, as SVG.
TUTTI_API std::string times_to_svg(const Problem& problem, const std::vector<Plan>& plans);

}  // namespace tutti::planner
