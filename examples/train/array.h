// Memory for numbers: aligned, not set to anything, owned. Grows, and keeps what it has when asked
// for less, so that what is used in every step is allocated in the first. Numbers on a device lie
// on the accelerator of the thread that makes the array larger, which must outlive it.

#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "train/device/accelerator.h"
#include "train/element.h"

namespace tutti::train {

/// to = from, one after the other on a device; not overlapping.
template <class T>
void copy_elements(const T* from, long count, T* to) {
  if constexpr (kOnDevice<T>) {
    accelerator().copy(to, from, static_cast<std::size_t>(count) * sizeof(T));
  } else {
    std::copy_n(from, count, to);
  }
}
template <class T>
void clear_elements(T* to, long count) {
  if constexpr (kOnDevice<T>) {
    accelerator().clear(to, static_cast<std::size_t>(count) * sizeof(T));
  } else {
    std::fill_n(to, count, T{0});
  }
}

template <class T>
class Array {
 public:
  Array() = default;
  explicit Array(std::size_t count) { resize(count); }
  /// Leaves the other one empty.
  Array(Array&& other) noexcept
      : data_(std::move(other.data_)),
        count_(std::exchange(other.count_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Array& operator=(Array&& other) noexcept {
    data_ = std::move(other.data_);
    count_ = std::exchange(other.count_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  /// Afterwards the contents are anything.
  void resize(std::size_t count) {
    if (count > capacity_) {
      data_.reset();
      data_ = allocate(count);
      capacity_ = count;
    }
    count_ = count;
  }
  /// All zeros.
  void clear() { clear_elements(data(), static_cast<long>(count_)); }
  void assign(std::span<const T> values) {
    resize(values.size());
    copy_elements(values.data(), static_cast<long>(values.size()), data());
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t size() const { return count_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data(); }
  T* end() { return data() + count_; }
  operator std::span<T>() { return {data(), count_}; }              // NOLINT
  operator std::span<const T>() const { return {data(), count_}; }  // NOLINT

 private:
  struct DeleteHere {
    void operator()(T* memory) const { ::operator delete[](memory, kAlignment); }
  };
  struct DeleteThere {
    void operator()(T* memory) const { accelerator->release(memory); }
    Accelerator* accelerator = nullptr;
  };
  using Memory = std::unique_ptr<T[], std::conditional_t<kOnDevice<T>, DeleteThere, DeleteHere>>;

  static constexpr std::align_val_t kAlignment{64};

  static Memory allocate(std::size_t count) {
    if constexpr (kOnDevice<T>) {
      Accelerator& there = accelerator();
      return Memory(static_cast<T*>(there.allocate(count * sizeof(T))), DeleteThere{&there});
    } else {
      return Memory(static_cast<T*>(::operator new[](count * sizeof(T), kAlignment)));
    }
  }

  Memory data_;
  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
};

/// Null stands for zeros.
template <class T>
void copy_or_clear(const T* from, long count, T* to) {
  if (from == nullptr) {
    clear_elements(to, count);
  } else {
    copy_elements(from, count, to);
  }
}

/// From memory of the host. T is precise.
template <class T>
void upload(std::span<const Host<T>> from, T* to) {
  if constexpr (kOnDevice<T>) {
    static_assert(kIsPrecise<T>);
    accelerator().write(to, from.data(), from.size_bytes());
  } else {
    std::copy(from.begin(), from.end(), to);
  }
}
template <class T>
void upload(std::span<const Host<T>> from, Array<T>& to) {
  to.resize(from.size());
  upload<T>(from, to.data());
}
/// To memory of the host, and waits. T is precise.
template <class T>
void download(const T* from, std::span<Host<T>> to) {
  if constexpr (kOnDevice<T>) {
    static_assert(kIsPrecise<T>);
    accelerator().read(to.data(), from, to.size_bytes());
  } else {
    std::copy_n(from, to.size(), to.begin());
  }
}

}  // namespace tutti::train
