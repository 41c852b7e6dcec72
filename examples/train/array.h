// Memory for numbers: aligned, not set to anything, owned. Grows, and keeps what it has when asked
// for less, so that what is used in every step is allocated in the first.

#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace tutti::train {

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
      data_.reset(static_cast<T*>(::operator new[](count * sizeof(T), kAlignment)));
      capacity_ = count;
    }
    count_ = count;
  }
  void fill(T value) { std::fill_n(data(), count_, value); }
  void assign(std::span<const T> values) {
    resize(values.size());
    std::copy(values.begin(), values.end(), data());
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
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(T* memory) const { ::operator delete[](memory, kAlignment); }
  };

  std::unique_ptr<T[], Delete> data_;
  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
};

/// Null stands for zeros.
template <class T>
void copy_or_clear(const T* from, long count, T* to) {
  if (from == nullptr) {
    std::fill_n(to, count, T{0});
  } else {
    std::copy_n(from, count, to);
  }
}

}  // namespace tutti::train
