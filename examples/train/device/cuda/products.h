// Products of matrices by cuBLASLt: floats as floats (never TF32), bf16 with sums of floats. What
// it finds fastest for a shape is asked for once, and kept.

#pragma once

#include <array>
#include <map>
#include <memory>

#include "train/device/cuda/cublas_lt.h"
#include "train/device/product_layout.h"

namespace tutti::train {

class Products {
 public:
  /// Memory that products of one stream may use.
  static constexpr std::size_t kWorkspace = std::size_t{32} << 20;

  /// For the thread's current GPU.
  Products();
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  /// c = factor a b + keep c. `workspace`: kWorkspace bytes, of this stream alone.
  void multiply(const ColumnProduct& product, float factor, float keep, void* workspace,
                cudaStream_t stream);

 private:
  struct Plan;
  // All that the choice rests on: shape, layout, alignment.
  using Key = std::array<long, 18>;

  static Key key_of(const ColumnProduct& product, bool keeps);
  std::unique_ptr<Plan> make_plan(const ColumnProduct& product);

  const CublasLt lt_;
  cublasLtHandle_t handle_ = nullptr;
  std::map<Key, std::unique_ptr<Plan>> plans_;
};

}  // namespace tutti::train
