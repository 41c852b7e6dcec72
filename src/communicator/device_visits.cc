#include "communicator/device_visits.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "bootstrap/exchange.h"
#include "executor/cuda/visit_kernels.h"
#include "transports/cuda_p2p/members.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPassing{1};  // for streams to go on in, once they may

std::uint32_t load_acquire(const std::uint32_t& word) {
  return std::atomic_ref(const_cast<std::uint32_t&>(word)).load(std::memory_order_acquire);
}
void store_release(std::uint32_t& word, std::uint32_t value) {
  std::atomic_ref(word).store(value, std::memory_order_release);
}

}  // namespace

Status may_wait_in_kernels(Bootstrap& bootstrap, const Device& device, Deadline deadline) {
  Result<cuda_p2p::Introduction> mine = cuda_p2p::introduce(device.facts(), 0);
  if (!device.facts().has_kernels) {
    mine = Status(Code::kNotSupported, "no kernels were built for this device");
  }
  const auto results = exchange(bootstrap, mine, deadline);
  if (!results.ok()) return results.status();
  const auto all = all_values(*results);
  if (!all.ok()) return all.status();
  if (!cuda_p2p::kernels_take_turns(*all)) return {};
  return {Code::kNotSupported,
          "kernels of several processes take turns on a device, so none may wait: expected MPS"};
}

Result<std::unique_ptr<DeviceVisits>> DeviceVisits::create(Device& device, const Status& no_kernels,
                                                           std::chrono::nanoseconds patience) {
  if (!no_kernels.ok() && !device.facts().waits_on_memory) {
    return {Code::kNotSupported, device.facts().name +
                                     ": its streams cannot wait for numbers in memory, which calls "
                                     "through host memory need; nor can kernels: " +
                                     no_kernels.message()};
  }
  Result<cuda::PinnedMemory<cuda::VisitBook>> book =
      cuda::PinnedMemory<cuda::VisitBook>::make(device);
  if (!book.ok()) return book.status();
  std::unique_ptr<DeviceVisits> visits(
      new DeviceVisits(device, no_kernels, patience, std::move(*book)));
  if (!no_kernels.ok()) return visits;
  Result<std::byte*> counters = device.allocate(sizeof(cuda::VisitCounters));
  if (!counters.ok()) return counters.status();
  visits->counters_ = reinterpret_cast<cuda::VisitCounters*>(*counters);
  for (cuda::PorterLine& line : visits->book_.host()->lines) visits->copiers_.emplace_back(line);
  return visits;
}

DeviceVisits::~DeviceVisits() {
  let_go();
  const Clock::time_point limit = Clock::now() + kPassing;
  while (!all_passed()) {
    if (Clock::now() > limit) {  // streams that are held up elsewhere will use it yet
      book_.forget();
      return;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  if (counters_ != nullptr) device_.release(reinterpret_cast<std::byte*>(counters_));
}

bool DeviceVisits::all_passed() const {
  for (std::uint32_t group = 0; group < cuda::kVisitGroups; ++group) {
    if (!passed(group)) return false;
  }
  return true;
}

bool DeviceVisits::passed(std::uint32_t group) const {
  const cuda::VisitBook& book = *book_.host();
  const std::uint32_t visits =
      group < cuda::kIssuedGroups ? issued_[group] : load_acquire(book.answered[group]);
  return cuda::has_reached(load_acquire(book.passed[group]), visits);
}

cuda::Visit DeviceVisits::visit_of(std::uint32_t group) const {
  return {.book = book_.on_device(),
          .counters = counters_,
          .patience_ns = static_cast<std::uint64_t>(patience_.count()),
          .group = group};
}

Status DeviceVisits::come(Stream stream, std::uint32_t group) {
  const bool is_issued = group < cuda::kIssuedGroups;
  Status status = counters_ != nullptr
                      ? cuda::launch_come(device_, visit_of(group), stream)
                      : device_.set(stream, &book_.on_device()->came[group], issued_[group] + 1);
  if (status.ok() && is_issued) ++issued_[group];
  return status;
}

Status DeviceVisits::wait(Stream stream, std::uint32_t group) {
  if (counters_ != nullptr) return cuda::launch_wait(device_, visit_of(group), stream);
  cuda::VisitBook& book = *book_.on_device();
  Status status = device_.wait_until(stream, &book.answered[group], issued_[group]);
  if (!status.ok()) return status;
  return device_.set(stream, &book.passed[group], issued_[group]);
}

std::optional<std::uint32_t> DeviceVisits::next(std::optional<std::uint32_t> oldest) {
  if (counters_ == nullptr) {
    if (!oldest.has_value()) return {};
    const cuda::VisitBook& book = *book_.host();
    const bool has_come = load_acquire(book.came[*oldest]) != book.answered[*oldest];
    return has_come ? oldest : std::nullopt;
  }
  read_arrivals();
  if (arrivals_.empty()) return {};
  auto next = arrivals_.begin();
  // What was issued takes its turn, and what a graph holds comes after it if it came after it.
  if (*next < cuda::kIssuedGroups) {
    if (!oldest.has_value()) return {};  // wait() is being issued
    next = std::find(arrivals_.begin(), arrivals_.end(), *oldest);
    if (next == arrivals_.end()) return {};
  }
  const std::uint32_t group = *next;
  arrivals_.erase(next);
  return group;
}

void DeviceVisits::read_arrivals() {
  cuda::VisitBook& book = *book_.host();
  const std::uint32_t before = book.read;
  std::uint32_t ticket = before + 1;
  while (true) {
    const cuda::VisitBook::Arrival& arrival = book.arrivals[ticket % cuda::kArrivalSlots];
    // Acquire and release: pair with those of come().
    if (load_acquire(arrival.ticket) != ticket) break;
    arrivals_.push_back(arrival.group);
    store_release(book.read, ticket++);
  }
}

void DeviceVisits::answer(std::uint32_t group) {
  std::uint32_t& answered = book_.host()->answered[group];
  store_release(answered, answered + 1);  // pairs with wait_for_answer(), and the stream's wait
}

void DeviceVisits::keep_alive() {
  std::uint32_t& pulse = book_.host()->pulse;
  std::atomic_ref(pulse).store(pulse + 1, std::memory_order_relaxed);
}

DeviceCopier* DeviceVisits::copier(std::uint32_t line) {
  return copiers_.empty() ? nullptr : &copiers_[line];
}

Status DeviceVisits::health() const {
  if (load_acquire(book_.host()->gave_up) == 0) return {};
  return {Code::kTimeout,
          "a kernel has waited for the communicator's thread, which stood still for longer than a "
          "call may take"};
}

void DeviceVisits::let_go() { store_release(book_.host()->stop, 1); }

}  // namespace tutti
