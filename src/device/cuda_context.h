// A GPU's primary context, which programs that use CUDA's runtime use too, and the sentences for
// calls of the driver that failed.
//
// Tested by cuda_driver_test.cc.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "device/driver.h"

namespace tutti {

/// "cuMemcpyAsync of 8 bytes on device 0: CUDA_ERROR_INVALID_VALUE (invalid argument)". OK for
/// success. `what` begins with the function's name in the driver's documentation.
Status outcome_of(const Driver& driver, std::string_view what, driver::Outcome outcome);

/// Whether the error is of a kind after which no call works in this process: the context is broken.
bool is_lasting(driver::Outcome outcome);

/// Keeps the context for as long as it lives. It is broken for all users of the process at once.
class CudaContext {
 public:
  /// kInvalidArgument when there is no such device. `driver` must outlive it.
  static Result<std::unique_ptr<CudaContext>> open(const Driver& driver, int ordinal);
  ~CudaContext();
  CudaContext(const CudaContext&) = delete;
  CudaContext& operator=(const CudaContext&) = delete;

  const Driver& driver() const { return driver_; }
  int ordinal() const { return ordinal_; }
  driver::Ordinal device() const { return device_; }
  driver::Context handle() const { return handle_; }
  /// 0 where the driver is too old to know it.
  int attribute(int number) const;
  /// Of this device. `call` as in outcome_of(); " on device 0" is added.
  Status outcome_of(std::string_view call, driver::Outcome outcome) const;

 private:
  CudaContext(const Driver& driver, int ordinal, driver::Ordinal device, driver::Context handle)
      : driver_(driver), ordinal_(ordinal), device_(device), handle_(handle) {}

  const Driver& driver_;
  int ordinal_;
  driver::Ordinal device_;
  driver::Context handle_;
};

/// Makes the context the calling thread's, and after its own life what was before.
class CurrentContext {
 public:
  explicit CurrentContext(const CudaContext& context);
  ~CurrentContext();
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;

 private:
  const Driver& driver_;
  const bool pushed_;  // else calls say that no context is current
};

/// The same, for calls that are no work of a stream: they may be made while any thread of the
/// process captures one. (The driver would else refuse them, and end the capture.)
class SetupContext {
 public:
  explicit SetupContext(const CudaContext& context);
  ~SetupContext();
  SetupContext(const SetupContext&) = delete;
  SetupContext& operator=(const SetupContext&) = delete;

 private:
  const CurrentContext current_;
  const Driver& driver_;
  int mode_;  // the thread's before
};

}  // namespace tutti
