// Memory that is kept when it is given back, for whoever asks for as much later: allocating on a
// GPU waits for it. Pieces are never cut nor put together, and a piece serves what is at most an
// eighth smaller; so what is the same in every step allocates in the first alone.
//
// Tested by train_device_cuda_test.cc.

#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <unordered_map>

namespace tutti::train {

class FreeLists {
 public:
  struct Source {
    std::function<void*(std::size_t)> allocate;  // nullptr: there is not so much
    std::function<void(void*)> release;
  };

  explicit FreeLists(Source source) : source_(std::move(source)) {}
  /// All goes back to the source, also what is in use.
  ~FreeLists();
  FreeLists(const FreeLists&) = delete;
  FreeLists& operator=(const FreeLists&) = delete;

  /// nullptr where the source has not so much even when all that is kept has gone back to it.
  void* allocate(std::size_t bytes);
  /// REQUIRES: from allocate().
  void release(void* memory);

  std::size_t bytes_in_use() const { return in_use_; }
  std::size_t most_in_use() const { return most_; }

 private:
  void* take_kept(std::size_t bytes);
  void give_back_kept();

  const Source source_;
  std::multimap<std::size_t, void*> kept_;  // by size
  std::unordered_map<void*, std::size_t> used_;
  std::size_t in_use_ = 0;
  std::size_t most_ = 0;
};

}  // namespace tutti::train
