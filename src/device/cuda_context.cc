// Tested by cuda_driver_test.cc.

#include "device/cuda_context.h"

namespace tutti {
namespace {

Code code_of(driver::Outcome outcome) {
  constexpr int kFirstOfCaptures = driver::kCaptureUnsupported;
  constexpr int kLastOfCaptures = 908;  // CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD
  if (outcome >= kFirstOfCaptures && outcome <= kLastOfCaptures) return Code::kInvalidArgument;
  switch (outcome) {
    case driver::kInvalidValue:
    case driver::kInvalidDevice:
    case driver::kInvalidHandle:
    case driver::kHostMemoryAlreadyRegistered:
      return Code::kInvalidArgument;
    case driver::kNoDevice:
    case driver::kInvalidImage:  // of kernels, by a driver that is older than their compiler
    case driver::kNoBinaryForGpu:
    case driver::kJitCompilerNotFound:
    case driver::kUnsupportedPtxVersion:
    case driver::kJitCompilationDisabled:
    case driver::kPeerAccessUnsupported:
    case driver::kNotPermitted:
    case driver::kNotSupported:
      return Code::kNotSupported;
  }
  return Code::kSystem;
}

std::string text_of(const Driver& driver, driver::Outcome outcome) {
  const char* name = nullptr;
  const char* text = nullptr;
  if (driver.error_name(outcome, &name) != driver::kSuccess || name == nullptr) {
    return "error " + std::to_string(outcome) + ", which this driver does not know";
  }
  if (driver.error_text(outcome, &text) != driver::kSuccess || text == nullptr) return name;
  return std::string(name) + " (" + text + ")";
}

}  // namespace

bool is_lasting(driver::Outcome outcome) {
  // Illegal addresses, instructions and accesses, and what else ends a kernel.
  if (outcome >= driver::kHardwareStackError && outcome <= driver::kLaunchFailed) return true;
  return outcome == driver::kIllegalAddress || outcome == driver::kLaunchTimeout ||
         outcome == driver::kContextIsDestroyed || outcome == driver::kAssert ||
         outcome == driver::kEccUncorrectable || outcome == driver::kContained ||
         outcome == driver::kNvlinkUncorrectable || outcome == driver::kMpsClientTerminated;
}

Status outcome_of(const Driver& driver, std::string_view what, driver::Outcome outcome) {
  if (outcome == driver::kSuccess) return {};
  std::string text = std::string(what) + ": " + text_of(driver, outcome);
  if (is_lasting(outcome)) {
    text +=
        "; something failed on the device, this call or an earlier one of anybody in the "
        "process, which cannot use the device any more";
  }
  return {code_of(outcome), text};
}

Result<std::unique_ptr<CudaContext>> CudaContext::open(const Driver& driver, int ordinal) {
  int count = 0;
  const Status counted = tutti::outcome_of(driver, "cuDeviceGetCount", driver.device_count(&count));
  if (!counted.ok()) return counted;
  if (ordinal < 0 || ordinal >= count) {
    return {Code::kInvalidArgument, "there is no device " + std::to_string(ordinal) + ": " +
                                        std::to_string(count) + " are visible to this process"};
  }
  driver::Ordinal device = 0;
  const Status got = tutti::outcome_of(driver, "cuDeviceGet", driver.device_at(&device, ordinal));
  if (!got.ok()) return got;
  driver::Context handle = nullptr;
  const Status retained =
      tutti::outcome_of(driver, "cuDevicePrimaryCtxRetain on device " + std::to_string(ordinal),
                        driver.retain_primary_context(&handle, device));
  if (!retained.ok()) return retained;
  return std::unique_ptr<CudaContext>(new CudaContext(driver, ordinal, device, handle));
}

CudaContext::~CudaContext() { driver_.release_primary_context(device_); }

int CudaContext::attribute(int number) const {
  int value = 0;
  const bool known = driver_.device_attribute(&value, number, device_) == driver::kSuccess;
  return known ? value : 0;
}

Status CudaContext::outcome_of(std::string_view call, driver::Outcome outcome) const {
  if (outcome == driver::kSuccess) return {};
  return tutti::outcome_of(driver_, std::string(call) + " on device " + std::to_string(ordinal_),
                           outcome);
}

CurrentContext::CurrentContext(const CudaContext& context)
    : driver_(context.driver()),
      pushed_(driver_.push_context(context.handle()) == driver::kSuccess) {}

CurrentContext::~CurrentContext() {
  driver::Context ours = nullptr;
  if (pushed_) driver_.pop_context(&ours);
}

SetupContext::SetupContext(const CudaContext& context)
    : current_(context), driver_(context.driver()), mode_(driver::kCaptureModeRelaxed) {
  driver_.exchange_capture_mode(&mode_);
}

SetupContext::~SetupContext() { driver_.exchange_capture_mode(&mode_); }

}  // namespace tutti
