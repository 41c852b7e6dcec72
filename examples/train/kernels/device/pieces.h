// Rows of numbers in pieces that a thread reads at once: packs of N, and single numbers before and
// after them, so that widths need not divide and rows may begin anywhere.
//
// Functions take a piece as (first, wide): its first number, and how many it has, N or 1, a
// std::integral_constant. Tested by train_device_kernels_test.cc, with what it serves.

#pragma once

#include <initializer_list>
#include <type_traits>

#include "train/device/launch.h"
#include "train/kernels/device/packs.h"

namespace tutti::train {

/// Rows that a kernel reads or writes.
struct Operand {
  const void* address;
  long bytes;   // of a number
  long stride;  // numbers from a row to the next
};
template <class S>
Operand operand(const S* address, long stride = 0) {
  return {address, sizeof(S), stride};
}

/// A row; every other one of the same kernel is cut alike.
template <int N>
struct Pieces {
  static constexpr int kThreads = 256;  // of kernels that call each_of_rows()

  long width = 0;
  long before = 0;  // single numbers
  long packs = 0;

  TUTTI_ANYWHERE long count() const { return packs + width - packs * N; }
  /// All packs.
  bool is_whole() const { return packs * N == width; }

  /// f(first, wide) of piece i: packs come first.
  template <class Function>
  TUTTI_ON_DEVICE void piece(long i, Function f) const {
    if (i < packs) {
      f(before + i * N, std::integral_constant<int, N>());
    } else {
      const long single = i - packs;
      f(single < before ? single : single + packs * N, std::integral_constant<int, 1>());
    }
  }

  /// f(first, wide) of all of a row, by one block.
  template <class Function>
  TUTTI_ON_DEVICE void each(const Block& block, Function f) const {
    block.each(packs, [&](long i) { f(before + i * N, std::integral_constant<int, N>()); });
    block.each(count() - packs, [&](long i) { piece(packs + i, f); });
  }

  /// f(row, first, wide), a piece a thread, of as many rows as blocks() was asked for.
  template <class Function>
  TUTTI_ON_DEVICE void each_of_rows(const Block& block, Function f) const {
    const auto across = static_cast<unsigned>(blocks(1));
    const auto index = static_cast<unsigned>(block.index());
    const long row = index / across;
    const long first = static_cast<long>(index % across) * kThreads;
    block.each(smaller(count() - first, kThreads),
               [&](long i) { piece(first + i, [&](long at, auto wide) { f(row, at, wide); }); });
  }
  TUTTI_ANYWHERE long blocks(long rows) const { return rows * ceil_divide(count(), kThreads); }
};

/// A row that is read by itself, wherever it begins.
template <class S>
TUTTI_ON_DEVICE Pieces<kPack<S>> pieces_of(const S* row, long width) {
  const auto past = static_cast<long>(reinterpret_cast<std::uintptr_t>(row) % 16);
  const long before = smaller((16 - past) % 16 / static_cast<long>(sizeof(S)), width);
  return {width, before, (width - before) / kPack<S>};
}

/// So that all rows of all operands have aligned packs; without packs where that cannot be.
template <int N>
Pieces<N> cut(long rows, long width, std::initializer_list<Operand> operands) {
  const auto has_packs_after = [&](long before) {
    for (const Operand& o : operands) {
      const long aligned = smaller(16, N * o.bytes);
      const auto begin = reinterpret_cast<std::uintptr_t>(o.address) +
                         static_cast<std::uintptr_t>(before * o.bytes);
      if (begin % static_cast<std::uintptr_t>(aligned) != 0) return false;
      if (rows > 1 && o.stride * o.bytes % aligned != 0) return false;
    }
    return true;
  };
  for (long before = 0; before < N && before <= width; ++before) {
    if (has_packs_after(before)) return {width, before, (width - before) / N};
  }
  return {width, width, 0};
}

}  // namespace tutti::train
