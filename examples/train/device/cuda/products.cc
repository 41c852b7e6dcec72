#include "train/device/cuda/products.h"

#include <cstdint>
#include <functional>

namespace tutti::train {
namespace {

cudaDataType type_of(const ColumnMatrix& matrix) {
  return matrix.is_bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

// What cuBLASLt makes, and how it is given back.
template <class Handle>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, std::function<void(Handle)>>;

using Layout = Owned<cublasLtMatrixLayout_t>;
using Description = Owned<cublasLtMatmulDesc_t>;
using Preference = Owned<cublasLtMatmulPreference_t>;

Layout make_layout(const CublasLt& lt, const ColumnMatrix& matrix, long count) {
  cublasLtMatrixLayout_t made = nullptr;
  lt.expect(lt.create_layout(&made, type_of(matrix), static_cast<std::uint64_t>(matrix.rows),
                             static_cast<std::uint64_t>(matrix.columns), matrix.stride),
            "a matrix for cuBLASLt");
  Layout layout(made, lt.destroy_layout);
  const auto set = [&](cublasLtMatrixLayoutAttribute_t attribute, auto value) {
    lt.expect(lt.set_layout(made, attribute, &value, sizeof value), "a matrix for cuBLASLt");
  };
  set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(count));
  set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, static_cast<std::int64_t>(matrix.step));
  return layout;
}

Description make_description(const CublasLt& lt, const ColumnProduct& product) {
  cublasLtMatmulDesc_t made = nullptr;
  lt.expect(lt.create_product(&made, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a product for cuBLASLt");
  Description description(made, lt.destroy_product);
  const auto transpose = [&](cublasLtMatmulDescAttributes_t attribute, bool transposed) {
    const cublasOperation_t operation = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    lt.expect(lt.set_product(made, attribute, &operation, sizeof operation),
              "a product for cuBLASLt");
  };
  transpose(CUBLASLT_MATMUL_DESC_TRANSA, product.a.transposed);
  transpose(CUBLASLT_MATMUL_DESC_TRANSB, product.b.transposed);
  return description;
}

Preference make_preference(const CublasLt& lt, const ColumnProduct& product) {
  cublasLtMatmulPreference_t made = nullptr;
  lt.expect(lt.create_preference(&made), "a choice of cuBLASLt");
  Preference preference(made, lt.destroy_preference);
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    lt.expect(lt.set_preference(made, attribute, &value, sizeof value), "a choice of cuBLASLt");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{Products::kWorkspace});
  // Parts of sums are added as floats and in an order that stays the same.
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(product.a, product.count));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(product.b, product.count));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(product.c, product.count));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(product.c, product.count));
  return preference;
}

std::string words_of(const ColumnProduct& p) {
  const auto type = [](const ColumnMatrix& matrix) { return matrix.is_bf16 ? "bf16" : "float"; };
  return "product of " + std::to_string(p.count) + " x [" + std::to_string(p.n) + ", " +
         std::to_string(p.k) + "] by [" + std::to_string(p.k) + ", " + std::to_string(p.m) + "], " +
         type(p.a) + " to " + type(p.c);
}

}  // namespace

struct Products::Plan {
  Description description;
  Layout a, b, c;
  cublasLtMatmulAlgo_t algorithm;
};

Products::Products() : lt_(open_cublas_lt()) { lt_.expect(lt_.create(&handle_), "cuBLASLt"); }

Products::~Products() {
  plans_.clear();
  lt_.destroy(handle_);
}

Products::Key Products::key_of(const ColumnProduct& p, bool keeps) {
  return {p.m,
          p.n,
          p.k,
          p.count,
          p.a.stride,
          p.b.stride,
          p.c.stride,
          p.a.step,
          p.b.step,
          p.c.step,
          p.a.transposed,
          p.b.transposed,
          p.a.is_bf16,
          p.c.is_bf16,
          alignment_of(p.a, p.count),
          alignment_of(p.b, p.count),
          alignment_of(p.c, p.count),
          keeps};
}

std::unique_ptr<Products::Plan> Products::make_plan(const ColumnProduct& product) {
  auto plan = std::make_unique<Plan>();
  plan->description = make_description(lt_, product);
  plan->a = make_layout(lt_, product.a, product.count);
  plan->b = make_layout(lt_, product.b, product.count);
  plan->c = make_layout(lt_, product.c, product.count);
  const Preference preference = make_preference(lt_, product);
  cublasLtMatmulHeuristicResult_t best = {};
  int found = 0;
  lt_.expect(lt_.choose(handle_, plan->description.get(), plan->a.get(), plan->b.get(),
                        plan->c.get(), plan->c.get(), preference.get(), 1, &best, &found),
             words_of(product));
  if (found == 0) throw Failure(words_of(product) + ": cuBLASLt knows no way to do it");
  plan->algorithm = best.algo;
  return plan;
}

void Products::multiply(const ColumnProduct& p, float factor, float keep, void* workspace,
                        cudaStream_t stream) {
  std::unique_ptr<Plan>& plan = plans_[key_of(p, keep != 0)];
  if (plan == nullptr) plan = make_plan(p);
  void* const c = const_cast<void*>(p.c.data);
  lt_.expect(lt_.multiply(handle_, plan->description.get(), &factor, p.a.data, plan->a.get(),
                          p.b.data, plan->b.get(), &keep, c, plan->c.get(), c, plan->c.get(),
                          &plan->algorithm, workspace, kWorkspace, stream),
             words_of(p));
}

}  // namespace tutti::train
