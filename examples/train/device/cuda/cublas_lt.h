// cuBLASLt, opened at run time: the program starts where it is not installed.

#pragma once

#include <cublasLt.h>

#include <memory>
#include <string>

#include "train/failure.h"

namespace tutti::train {

struct CublasLt {
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtGetStatusName) status_name = nullptr;
  decltype(&cublasLtMatmul) multiply = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) choose = nullptr;
  decltype(&cublasLtMatmulDescCreate) create_product = nullptr;
  decltype(&cublasLtMatmulDescDestroy) destroy_product = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) set_product = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) create_layout = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) destroy_layout = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) set_layout = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) create_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) destroy_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference = nullptr;

  void expect(cublasStatus_t status, const std::string& doing) const {
    if (status != CUBLAS_STATUS_SUCCESS) throw Failure(doing + ": " + status_name(status));
  }
};

/// Failure says which library, or which of its functions, is missing. It stays open.
CublasLt open_cublas_lt();

}  // namespace tutti::train
