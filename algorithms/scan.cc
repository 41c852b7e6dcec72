// Scans, inclusive and exclusive: along a chain of ranks, and by recursive doubling.
//
// Operations need not commute: whatever comes from a rank before is the left operand. Along the
// chain each rank takes in the result of the one before and passes its own on: least bytes when
// blocks follow each other, which is the executor's part. By doubling, a rank has the result of the
// last 1, 2, 4, … ranks up to itself, and gives it to the rank as many further on.
//
//                        steps     chunks sent   reductions     scratch chunks
//   chain                n - 1     1             1              1 (exclusive: 2)
//   doubling             log2 n    log2 n        log2 n         1 + log2 n
//   doubling, exclusive  log2 n    log2 n        2 log2 n - 3   2 + log2 n
//
// Exclusive, by doubling: a rank keeps two results, one with its own input for others and one
// without it for itself: more reductions, but no step more.
//
// Hillis and Steele, "Data parallel algorithms", CACM 29 (1986). Tested by scan_test.cc.

#include "algorithms/scan.h"

#include <bit>

#include "algorithms/peers.h"

namespace tutti {
namespace {

// Where a rank stands in the order.
struct Place {
  int number = 0;
  int ranks = 1;
  bool reverse = false;

  int rank() const { return reverse ? ranks - 1 - number : number; }
  bool has_before(int distance) const { return number >= distance; }
  bool has_after(int distance) const { return number + distance < ranks; }
  int before(int distance) const { return Place{number - distance, ranks, reverse}.rank(); }
  int after(int distance) const { return Place{number + distance, ranks, reverse}.rank(); }
};

template <class Steps>
Schedule scan_of(Collective collective, int ranks, int first, int scratch_chunks,
                 const Steps& steps) {
  Schedule schedule(collective, ranks, /*chunks=*/1, scratch_chunks, first);
  for (int number = 0; number < ranks; ++number) {
    const Place place{number, ranks, first != 0};
    steps(schedule.at(place.rank()), place);
  }
  return schedule;
}

void chain_steps(Program& program, const Place& place) {
  Chunk result = input(0);
  if (place.has_before(1)) {
    result = output(0);
    program.wait(place.before(1));
    program.reduce({scratch(0), input(0)}, result);
  }
  if (place.has_after(1)) program.put(result, place.after(1), scratch(0));
  if (!place.has_before(1)) program.copy(input(0), output(0));
}

void exclusive_chain_steps(Program& program, const Place& place) {
  if (!place.has_before(1)) {
    if (place.has_after(1)) program.put(input(0), place.after(1), scratch(0));
    return;
  }
  program.wait(place.before(1));
  if (place.has_after(1)) {
    program.reduce({scratch(0), input(0)}, scratch(1));
    program.put(scratch(1), place.after(1), scratch(0));
  }
  program.copy(scratch(0), output(0));
}

int doublings(int ranks) { return std::bit_width(static_cast<unsigned>(ranks - 1)); }

// The input, or a copy of it where it is put: the put could still be reading it when the result, in
// place, is written.
Chunk own_input(Program& program, const Place& place, Chunk copy) {
  if (!place.has_before(1) || !place.has_after(1)) return input(0);
  program.copy(input(0), copy);
  return copy;
}

void doubling_steps(Program& program, const Place& place) {
  const int steps = doublings(place.ranks);
  Chunk mine = own_input(program, place, scratch(steps));
  for (int step = 0, distance = 1; step < steps; ++step, distance *= 2) {
    if (place.has_after(distance)) program.put(mine, place.after(distance), scratch(step));
    if (!place.has_before(distance)) continue;
    const Chunk sum = place.has_before(2 * distance) ? scratch(step) : output(0);
    program.wait(place.before(distance));
    program.reduce({scratch(step), mine}, sum);
    mine = sum;
  }
  if (!place.has_before(1)) program.copy(input(0), output(0));
}

// The result without the rank's own input is in scratch(0) until it is complete.
void exclusive_doubling_steps(Program& program, const Place& place) {
  const int steps = doublings(place.ranks);
  Chunk with_mine = own_input(program, place, scratch(steps));
  for (int step = 0, distance = 1; step < steps; ++step, distance *= 2) {
    if (place.has_after(distance)) program.put(with_mine, place.after(distance), scratch(step));
    if (!place.has_before(distance)) continue;
    program.wait(place.before(distance));
    const Chunk landed = scratch(step);
    const Chunk result = place.has_before(2 * distance) ? scratch(0) : output(0);
    if (step > 0) program.reduce({landed, scratch(0)}, result);
    if (place.has_after(2 * distance)) {
      const Chunk sum = step > 0 ? landed : scratch(steps + 1);
      program.reduce({landed, with_mine}, sum);
      with_mine = sum;
    }
    if (step == 0 && result != landed) program.copy(landed, result);
  }
}

}  // namespace

Schedule ring_scan(int ranks, int first) {
  return scan_of(Collective::kScan, ranks, first, /*scratch_chunks=*/1, chain_steps);
}

Schedule ring_exclusive_scan(int ranks, int first) {
  return scan_of(Collective::kExclusiveScan, ranks, first, /*scratch_chunks=*/2,
                 exclusive_chain_steps);
}

Schedule recursive_doubling_scan(int ranks, int first) {
  return scan_of(Collective::kScan, ranks, first, 1 + doublings(ranks), doubling_steps);
}

Schedule recursive_doubling_exclusive_scan(int ranks, int first) {
  return scan_of(Collective::kExclusiveScan, ranks, first, 2 + doublings(ranks),
                 exclusive_doubling_steps);
}

}  // namespace tutti
