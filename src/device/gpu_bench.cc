#include "device/gpu_bench.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace tutti {
namespace {

constexpr std::size_t kWayBytes = std::size_t{4} << 20;
constexpr std::chrono::seconds kCopyTimeout{60};

}  // namespace

Result<int> GpuBench::gpus() {
  const Result<Driver> driver = load_driver();
  if (!driver.ok()) return driver.status();
  int count = 0;
  Status status = outcome_of(*driver, "cuInit", driver->init(0));
  if (status.ok()) status = outcome_of(*driver, "cuDeviceGetCount", driver->device_count(&count));
  if (!status.ok()) return {Code::kNotSupported, "no GPU: " + status.message()};
  return count;
}

Result<GpuBench> GpuBench::open(int ordinal) {
  const Result<Driver> driver = load_driver();
  if (!driver.ok()) return driver.status();
  return open_gpu_bench(*driver, ordinal);
}

Result<GpuBench> open_gpu_bench(const Driver& driver, int ordinal) {
  auto state = std::make_unique<GpuBench::State>(driver);
  if (Status status = state->prepare(ordinal); !status.ok()) return status;
  return GpuBench(std::move(state));
}

Status GpuBench::State::prepare(int ordinal) {
  Result<std::unique_ptr<CudaDevice>> opened = CudaDevice::open(driver, ordinal, KernelImage{});
  if (!opened.ok()) return opened.status();
  device = std::move(*opened);
  Result<std::unique_ptr<CudaContext>> its_context = CudaContext::open(driver, ordinal);
  if (!its_context.ok()) return its_context.status();
  context = std::move(*its_context);
  Result<Stream> made = device->make_stream();
  if (!made.ok()) return made.status();
  stream = *made;
  way.resize(kWayBytes);
  Result<std::byte*> pinned = device->pin(way);
  if (!pinned.ok()) return pinned.status();
  way_on_device = *pinned;
  const SetupContext current(*context);
  for (driver::Event* event : {&started, &stopped}) {
    Status status = outcome_of("cuEventCreate", driver.create_event(event, 0));
    if (!status.ok()) return status;
  }
  return {};
}

GpuBench::State::~State() {
  if (context != nullptr) {
    const SetupContext current(*context);
    for (const driver::Event event : {started, stopped}) {
      if (event != nullptr) driver.destroy_event(event);
    }
    end_graph();
  }
  if (way_on_device != nullptr) device->unpin(way.data());
  if (stream != nullptr) device->end_stream(stream);
}

void GpuBench::State::end_graph() {
  if (graph != nullptr) driver.destroy_ready_graph(std::exchange(graph, nullptr));
}

GpuBench::GpuBench(std::unique_ptr<State> state) : state_(std::move(state)) {}
GpuBench::GpuBench(GpuBench&&) noexcept = default;
GpuBench& GpuBench::operator=(GpuBench&&) noexcept = default;
GpuBench::~GpuBench() = default;

const std::string& GpuBench::name() const { return state_->device->facts().name; }
Result<std::byte*> GpuBench::allocate(std::size_t bytes) { return state_->device->allocate(bytes); }
void GpuBench::free(std::byte* memory) { state_->device->release(memory); }
void* GpuBench::stream() const { return state_->stream; }

Status GpuBench::synchronize(std::chrono::milliseconds timeout) {
  return state_->device->synchronize(state_->stream, timeout);
}

Status GpuBench::State::copy_by_way(std::byte* target, const std::byte* source, std::size_t bytes) {
  Status status = device->copy(stream, target, source, bytes);
  return status.ok() ? device->synchronize(stream, kCopyTimeout) : status;
}

Status GpuBench::write(std::byte* target, std::span<const std::byte> source) {
  State& s = *state_;
  while (!source.empty()) {
    const auto part = source.first(std::min(source.size(), s.way.size()));
    std::memcpy(s.way.data(), part.data(), part.size());
    Status status = s.copy_by_way(target, s.way_on_device, part.size());
    if (!status.ok()) return status;
    target += part.size();
    source = source.subspan(part.size());
  }
  return {};
}

Status GpuBench::read(std::span<std::byte> target, const std::byte* source) {
  State& s = *state_;
  while (!target.empty()) {
    const auto part = target.first(std::min(target.size(), s.way.size()));
    Status status = s.copy_by_way(s.way_on_device, source, part.size());
    if (!status.ok()) return status;
    std::memcpy(part.data(), s.way.data(), part.size());
    source += part.size();
    target = target.subspan(part.size());
  }
  return {};
}

Status GpuBench::begin_capture() {
  State& s = *state_;
  const CurrentContext current(*s.context);
  return s.outcome_of("cuStreamBeginCapture",
                      s.driver.begin_capture(s.driver_stream(), driver::kCaptureModeRelaxed));
}

Status GpuBench::end_capture() {
  State& s = *state_;
  const SetupContext current(*s.context);
  driver::Graph graph = nullptr;
  Status status =
      s.outcome_of("cuStreamEndCapture", s.driver.end_capture(s.driver_stream(), &graph));
  if (!status.ok()) return status;
  s.end_graph();
  status = s.outcome_of("cuGraphInstantiateWithFlags", s.driver.make_ready(&s.graph, graph, 0));
  s.driver.destroy_graph(graph);
  return status;
}

Status GpuBench::replay() {
  State& s = *state_;
  TUTTI_CHECK(s.graph != nullptr);
  const CurrentContext current(*s.context);
  return s.outcome_of("cuGraphLaunch", s.driver.launch_graph(s.graph, s.driver_stream()));
}

Status GpuBench::start_clock() {
  State& s = *state_;
  const CurrentContext current(*s.context);
  return s.outcome_of("cuEventRecord", s.driver.record_event(s.started, s.driver_stream()));
}

Status GpuBench::stop_clock() {
  State& s = *state_;
  const CurrentContext current(*s.context);
  return s.outcome_of("cuEventRecord", s.driver.record_event(s.stopped, s.driver_stream()));
}

Result<double> GpuBench::clock_us() const {
  const State& s = *state_;
  const SetupContext current(*s.context);
  float ms = 0;
  Status status =
      s.outcome_of("cuEventElapsedTime", s.driver.elapsed_time(&ms, s.started, s.stopped));
  if (!status.ok()) return status;
  return static_cast<double>(ms) * 1000;
}

}  // namespace tutti
