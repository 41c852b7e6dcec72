// Tested by cuda_driver_test.cc.

#include "device/cuda_kernels.h"

#include <string>

namespace tutti {

Result<std::unique_ptr<CudaKernels>> CudaKernels::load(const CudaContext& context,
                                                       const KernelImage& image) {
  std::unique_ptr<CudaKernels> kernels(new CudaKernels(context));
  if (image.names.empty()) return kernels;
  if (image.fatbins.empty()) {
    return {Code::kNotSupported, "this library was built without kernels for GPUs"};
  }
  const Driver& driver = context.driver();
  const SetupContext current(context);
  for (const std::span<const std::byte> fatbin : image.fatbins) {
    if (Status status = kernels->load(fatbin); !status.ok()) return status;
  }
  for (const char* const name : image.names) {
    if (Status status = kernels->add(name); !status.ok()) return status;
  }
  for (const char* const name : image.names_of_some_gpus) {
    if (!kernels->has(name)) {
      kernels->all_there_ = false;
      continue;
    }
    if (Status status = kernels->add(name); !status.ok()) return status;
  }
  // Fences at system scope wait for what is written in their domain: with one of their own,
  // kernels that talk to peers do not wait for what others compute.
  kernels->in_remote_domain_ =
      driver.launch_with != nullptr && context.attribute(driver::kComputeCapabilityMajor) >= 9;
  return kernels;
}

CudaKernels::~CudaKernels() {
  if (modules_.empty()) return;
  const SetupContext current(context_);
  for (const driver::Module module : modules_) {
    context_.driver().unload_module(module);  // fails once the device is broken
  }
}

Status CudaKernels::load(std::span<const std::byte> fatbin) {
  driver::Module module = nullptr;
  const Status status = context_.outcome_of("cuModuleLoadData",
                                            context_.driver().load_module(&module, fatbin.data()));
  if (status.ok()) modules_.push_back(module);
  return status;
}

driver::Outcome CudaKernels::find(const char* name, driver::Function* function) const {
  driver::Outcome outcome = driver::kSuccess;
  for (const driver::Module module : modules_) {
    outcome = context_.driver().function_named(function, module, name);
    if (outcome == driver::kSuccess) break;
  }
  return outcome;
}

// Any other failure is for add() to tell.
bool CudaKernels::has(const char* name) const {
  driver::Function function = nullptr;
  return find(name, &function) != driver::kNotFound;
}

Status CudaKernels::add(const char* name) {
  const Driver& driver = context_.driver();
  const std::string which = std::string(" of kernel ") + name;
  Kernel kernel = {.name = name};
  Status status = context_.outcome_of("cuModuleGetFunction" + which, find(name, &kernel.function));
  if (!status.ok()) return status;
  // Drivers that load lazily, and cannot be told to load, do so when asked about a function.
  if (driver.load_function != nullptr) {
    status = context_.outcome_of("cuFuncLoad" + which, driver.load_function(kernel.function));
    if (!status.ok()) return status;
  }
  status =
      context_.outcome_of("cuFuncGetAttribute" + which,
                          driver.function_attribute(&kernel.most_threads,
                                                    driver::kMostThreadsPerBlock, kernel.function));
  if (!status.ok()) return status;
  if (driver.parameter_of != nullptr) {
    std::size_t offset = 0;
    const bool known = driver.parameter_of(kernel.function, 0, &offset, &kernel.argument_bytes) ==
                       driver::kSuccess;
    if (!known) kernel.argument_bytes = 0;
  }
  kernels_.push_back(kernel);
  return {};
}

Status CudaKernels::launch(Stream stream, const Launch& launch) const {
  const Kernel* const kernel = kernel_named(launch.kernel);
  if (kernel == nullptr) {
    return {Code::kInvalidArgument,
            "no kernel named " + std::string(launch.kernel) + " was loaded"};
  }
  if (Status status = check(*kernel, launch); !status.ok()) return status;
  driver::LaunchAttribute attribute;
  attribute.id = driver::kMemorySyncDomain;
  attribute.number = driver::kRemoteDomain;
  driver::LaunchConfiguration configuration;
  configuration.blocks[0] = static_cast<unsigned>(launch.blocks);
  configuration.threads[0] = static_cast<unsigned>(launch.threads);
  configuration.stream = static_cast<driver::Stream>(stream);
  configuration.attributes = &attribute;
  configuration.attribute_count = 1;
  void* parameters[] = {const_cast<std::byte*>(launch.arguments.data())};

  const CurrentContext current(context_);
  const Driver& driver = context_.driver();
  const driver::Outcome outcome =
      in_remote_domain_
          ? driver.launch_with(&configuration, kernel->function, parameters, nullptr)
          : driver.launch(kernel->function, configuration.blocks[0], 1, 1, configuration.threads[0],
                          1, 1, 0, configuration.stream, parameters, nullptr);
  if (outcome == driver::kSuccess) return {};
  return context_.outcome_of(std::string("cuLaunchKernel of ") + kernel->name + " in " +
                                 std::to_string(launch.blocks) + " blocks",
                             outcome);
}

Status CudaKernels::check(const Kernel& kernel, const Launch& launch) const {
  if (launch.blocks < 1 || launch.threads < 1 || launch.threads > kernel.most_threads) {
    return {Code::kInvalidArgument, std::to_string(launch.blocks) + " blocks of " +
                                        std::to_string(launch.threads) + " threads for kernel " +
                                        kernel.name + ", expected 1 or more of 1 to " +
                                        std::to_string(kernel.most_threads)};
  }
  if (kernel.argument_bytes == 0 || launch.arguments.size() == kernel.argument_bytes) return {};
  return {Code::kInvalidArgument, std::to_string(launch.arguments.size()) +
                                      " bytes of arguments for kernel " + kernel.name +
                                      ", expected " + std::to_string(kernel.argument_bytes)};
}

const CudaKernels::Kernel* CudaKernels::kernel_named(std::string_view name) const {
  for (const Kernel& kernel : kernels_) {
    if (kernel.name == name) return &kernel;
  }
  return nullptr;
}

}  // namespace tutti
