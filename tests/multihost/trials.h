// Every collective as a trial: inputs that are a function of rank and index, and what follows.

#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "trial.h"

namespace tutti::multihost {

/// Trials of one type and count, of one rank. A value; trials keep a copy.
class Trials {
 public:
  /// Inputs differ with `salt`, so that results of an earlier call are wrong results.
  /// REQUIRES: ranks <= 12, or sums do not fit the narrowest type.
  Trials(int rank, int ranks, DataType type, std::size_t count, unsigned salt)
      : rank_(rank), ranks_(ranks), type_(type), count_(count), salt_(salt) {}

  Trial all_reduce(bool in_place) const;
  Trial all_gather(bool in_place) const;
  Trial reduce_scatter(bool in_place) const;
  Trial all_to_all(bool in_place) const;
  Trial broadcast(int root, bool in_place) const;
  Trial reduce(int root, bool in_place) const;
  Trial gather(int root, bool in_place) const;
  Trial scatter(int root, bool in_place) const;
  Trial scan(Direction direction, bool in_place) const;
  Trial exclusive_scan(Direction direction, bool in_place) const;
  /// Everyone sends to the rank `shift` above.
  Trial send_receive(int shift) const;
  Trial barrier() const;
  /// Parts differ, and some are empty.
  Trial all_gather_v(bool in_place) const;
  Trial reduce_scatter_v(bool in_place) const;
  Trial all_to_all_v() const;

 private:
  using Counts = std::vector<std::size_t>;

  Trial trial(const char* what, std::size_t input_count, std::size_t output_count) const;
  int value(int rank, std::size_t index) const;
  int sum(std::size_t index) const { return sum(index, 0, ranks_); }
  int sum(std::size_t index, int first_rank, int end_rank) const;
  Counts equal_parts() const { return Counts(static_cast<std::size_t>(ranks_), count_); }
  Counts unequal_parts() const;
  Counts sent_parts(int rank) const;
  Counts received_parts(int rank) const;
  Trial gathering(const char* what, const Counts& parts, bool in_place) const;
  Trial scattering(const char* what, const Counts& parts, bool in_place) const;
  Trial exchanging(const char* what, const std::function<Counts(int)>& sent_by) const;

  int rank_;
  int ranks_;
  DataType type_;
  std::size_t count_;
  unsigned salt_;
};

}  // namespace tutti::multihost
