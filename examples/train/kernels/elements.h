// Element by element: sums, copies of rows, rounding, and sums over all.
//
// Tested by train_device_kernels_test.cc.

#pragma once

#include <vector>

#include "train/array.h"

namespace tutti::train {

/// sum = x + y; it may be either. X is T or Precise<T>.
template <class T, class X>
void add(long count, const X* x, const T* y, X* sum);

/// Rows of numbers, as they lie in memory.
template <class T>
struct Rows {
  T* data = nullptr;
  long stride = 0;  // elements from a row to the next
};
template <class T>
Rows(T*, long) -> Rows<T>;
/// to = from
template <class T>
void copy_rows(long rows, long width, Rows<const T> from, Rows<T> to);
/// to += from
template <class T>
void add_rows(long rows, long width, Rows<const T> from, Rows<T> to);

/// to = from, rounded.
template <class T>
void narrow(long rows, long width, Rows<const Precise<T>> from, Rows<T> to);
template <class T>
void narrow(long count, const Precise<T>* from, T* to) {
  narrow<T>(1, count, {from, count}, {to, count});
}

/// to = from, in numbers that are more exact.
template <class T>
void widen(long count, const T* from, Precise<T>* to);

/// Where numbers that become a T are summed up: the T's own place if that is precise, else `room`,
/// from which finish() rounds them.
template <class T>
class Sums {
 public:
  static Precise<T>* begin(T* to, long count, Array<Precise<T>>& room) {
    if constexpr (kIsPrecise<T>) {
      return to;
    } else {
      room.resize(static_cast<std::size_t>(count));
      return room.data();
    }
  }
  static void finish(const Precise<T>* sums, long count, T* to) {
    if constexpr (!kIsPrecise<T>) narrow<T>(count, sums, to);
  }
};

/// Of all; waits. T is precise.
template <class T>
double sum_of(long count, const T* values);

/// The sum of the squares of many numbers, here and there; waits once, at the end. T is precise.
template <class T>
class SquareSum {
 public:
  void add(long count, const T* values);
  double sum();

 private:
  double here_ = 0;
  Array<T> there_;  // on a device, [kMost]: sums of parts of those added last
  long added_ = 0;  // parts

  static constexpr long kMost = 1 << 16;
  static constexpr long kMostAtOnce = 512;
};

}  // namespace tutti::train
