#include "train/device/accelerator.h"

#include <cstring>
#include <new>

#include "train/array.h"
#include "train/kernels/blas.h"

namespace tutti::train {
namespace {

// Products as OpenBLAS makes them, of floats.
class HostAccelerator final : public Accelerator {
 public:
  ~HostAccelerator() override { release_room(); }

  std::string name() const override { return "this processor"; }
  bool is_host() const override { return true; }

  void* allocate(std::size_t bytes) override { return ::operator new(bytes, kAlignment); }
  void release(void* memory) override { ::operator delete(memory, kAlignment); }
  std::size_t most_bytes() const override { return 0; }  // the process's memory, which others count

  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memmove(to, from, bytes);
  }
  void clear(void* to, std::size_t bytes) override { std::memset(to, 0, bytes); }
  void write(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void read(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void synchronize() override {}

  void multiply(const DeviceProduct& product) override;

  void* stream() override { return nullptr; }
  std::unique_ptr<Aside> make_aside(bool) override { return nullptr; }

 private:
  static constexpr std::align_val_t kAlignment{256};

  Array<float> a_, b_, c_;
};

// Of matrix number `i`: as it lies, or made floats in `room`.
Matrix<const float> floats_of(const DeviceMatrix& matrix, long i, long rows, long columns,
                              Array<float>& room) {
  if (!matrix.is_bf16) {
    return {static_cast<const float*>(matrix.data) + i * matrix.step, matrix.stride,
            matrix.transposed};
  }
  if (matrix.transposed) std::swap(rows, columns);
  room.resize(static_cast<std::size_t>(rows * columns));
  const Bf16* from = static_cast<const Bf16*>(matrix.data) + i * matrix.step;
  for (long r = 0; r < rows; ++r, from += matrix.stride) {
    for (long c = 0; c < columns; ++c) room[r * columns + c] = static_cast<float>(from[c]);
  }
  return {room.data(), columns, matrix.transposed};
}

void HostAccelerator::multiply(const DeviceProduct& p) {
  for (long i = 0; i < p.count; ++i) {
    const Matrix<const float> a = floats_of(p.a, i, p.m, p.k, a_);
    const Matrix<const float> b = floats_of(p.b, i, p.k, p.n, b_);
    const Matrix<const float> c = floats_of(p.c, i, p.m, p.n, c_);
    // Floats lie in memory of the caller's, who lets it be written to.
    train::multiply(p.m, p.n, p.k, p.factor, a, b, p.keep, {const_cast<float*>(c.data), c.stride});
    if (!p.c.is_bf16) continue;
    Bf16* to = static_cast<Bf16*>(const_cast<void*>(p.c.data)) + i * p.c.step;
    for (long r = 0; r < p.m; ++r, to += p.c.stride) {
      for (long n = 0; n < p.n; ++n) to[n] = Bf16(c.data[r * p.n + n]);
    }
  }
}

thread_local Accelerator* used = nullptr;

}  // namespace

void* Accelerator::room(std::size_t bytes) {
  if (bytes > room_bytes_) {
    release_room();
    room_ = allocate(bytes);
    room_bytes_ = bytes;
  }
  return room_;
}

void Accelerator::release_room() {
  if (room_ != nullptr) release(room_);
  room_ = nullptr;
  room_bytes_ = 0;
}

std::unique_ptr<Accelerator> make_host_accelerator() { return std::make_unique<HostAccelerator>(); }

Accelerator& accelerator() {
  thread_local HostAccelerator host;
  return used != nullptr ? *used : host;
}

UseAccelerator::UseAccelerator(Accelerator& accelerator) : before_(used) { used = &accelerator; }
UseAccelerator::~UseAccelerator() { used = before_; }

}  // namespace tutti::train
