// Runs calls: validates, prepares, hands tasks to the executor. Tested by communicator_test.cc.

#include "communicator/impl.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "communicator/validate.h"

namespace tutti {

Communicator::Impl::Impl(std::unique_ptr<Transport> transport, const WindowLayout& layout,
                         const Options& options, Isa isa, bool oversubscribed)
    : options_(options),
      executor_(std::make_unique<CpuExecutor>(
          std::move(transport), layout,
          ExecutorSettings{options.call_timeout, /*spins=*/oversubscribed ? 2 : 4000})),
      preparer_(executor_->site(), {options, isa, oversubscribed}),
      heap_(layout.heap_bytes) {}

Communicator::Impl::~Impl() = default;

Status Communicator::Impl::run(const Call& call) {
  if (background_ == nullptr) [[likely]] {
    if (Job* job = preparer_.recall(call, may_be_mapped_)) return run_job(*job);
  }
  return run({&call, 1});
}

Status Communicator::Impl::run(std::span<const Call> group) {
  for (const Call& call : group) {
    if (Status status = validate(call, rank(), ranks()); !status.ok()) return status;
  }
  if (background_ == nullptr) return run_now(group);
  return Request(background_->add(group)).wait();
}

Result<Request> Communicator::Impl::start(std::span<const Call> group) {
  for (const Call& call : group) {
    if (Status status = validate(call, rank(), ranks()); !status.ok()) return status;
  }
  if (background_ == nullptr) {
    background_ = std::make_unique<Background>(
        [this](std::span<const Call> calls) { return run_now(calls); });
  }
  return Request(background_->add(group));
}

Status Communicator::Impl::run_now(std::span<const Call> group) {
  if (group.size() == 1 && !(group[0].variable && group[0].collective == Collective::kAllToAll)) {
    return run_one(group[0]);
  }
  return run_group(group);
}

Status Communicator::Impl::run_one(const Call& call) {
  if (Job* job = preparer_.recall(call, may_be_mapped_)) return run_job(*job);
  Result<Job*> job = preparer_.prepare(call, may_be_mapped_);
  return job.ok() ? run_job(**job) : job.status();
}

Status Communicator::Impl::run_job(Job& job) {
  Arena& arena = arena_of(job);
  if (!job.flat.empty()) {
    Status status = executor_->run(arena, job);
    if (status.ok()) note(job, job.staged);
    return status;
  }
  Task task(executor_->site(), arena, job);
  Status status = executor_->run(task);
  if (status.ok()) note(job, task.variant());
  return status;
}

Status Communicator::Impl::run_group(std::span<const Call> group) {
  Batch batch;
  for (const Call& call : group) {
    if (Status status = add(call, batch); !status.ok()) return status;
  }
  if (batch.tasks.empty()) return {};
  Status status = executor_->run(batch.tasks);
  if (status.ok()) note(*batch.jobs.back(), batch.tasks.back()->variant());
  return status;
}

Status Communicator::Impl::add(const Call& call, Batch& batch) {
  if (call.variable && call.collective == Collective::kAllToAll) {
    return add_all_to_all_v(call, batch);
  }
  Result<Job*> job = preparer_.prepare(call, may_be_mapped_);
  if (!job.ok()) return job.status();
  add_task(std::make_unique<Job>(**job), batch);
  return {};
}

// Counts per pair are known to the pair alone: a message for each, after an empty collective that
// announces the call, so that ranks which call something else are found out.
Status Communicator::Impl::add_all_to_all_v(const Call& call, Batch& batch) {
  Result<Job*> announcement = preparer_.prepare(tutti::barrier(), false);
  if (!announcement.ok()) return announcement.status();
  auto job = std::make_unique<Job>(**announcement);
  job->set_signature(shape_of(call, rank(), ranks()).signature);
  job->flat = {};
  job->staged.plan = std::make_shared<Plan>();
  job->staged.algorithm = "messages";
  add_task(std::move(job), batch);

  const std::size_t element = size_of(call.input.type);
  const auto* in = static_cast<const std::byte*>(call.input.data);
  auto* out = static_cast<std::byte*>(call.output.data);
  for (int peer = 0; peer < ranks(); ++peer) {
    const ConstBuffer part(in, call.send_counts[peer], call.input.type);
    const Buffer room(out, call.receive_counts[peer], call.output.type);
    in += part.count * element;
    out += room.count * element;
    if (Status status = add(tutti::send(part, peer), batch); !status.ok()) return status;
    if (Status status = add(tutti::receive(room, peer), batch); !status.ok()) return status;
  }
  return {};
}

void Communicator::Impl::add_task(std::unique_ptr<Job> job, Batch& batch) {
  batch.tasks.push_back(std::make_unique<Task>(executor_->site(), arena_of(*job), *job));
  batch.jobs.push_back(std::move(job));
}

Arena& Communicator::Impl::arena_of(const Job& job) {
  if (!job.is_message()) return executor_->collectives();
  const bool sends = job.staged.plan->rank == 0;
  return sends ? executor_->outbox(job.pair[1]) : executor_->inbox(job.pair[0]);
}

void Communicator::Impl::note(const Job& job, const Variant& variant) {
  last_.mapped = &variant == &job.mapped;
  last_.algorithm = variant.algorithm;
  last_.tile_bytes = variant.tile * size_of(job.type);
  last_.lanes = variant.lanes;
}

Explanation Communicator::Impl::explain() const {
  return {.algorithm = std::string(last_.algorithm),
          .transports = "shm",
          .mapped = last_.mapped,
          .tile_bytes = last_.tile_bytes,
          .lanes = last_.lanes};
}

// ---- memory

Result<std::size_t> Communicator::Impl::take_heap(std::size_t bytes) {
  const std::optional<std::size_t> offset = heap_.take(bytes);
  // Every rank learns whether every rank has memory: from now on calls ask where buffers are.
  std::uint8_t mine = offset.has_value(), all = 0;
  const Call agree =
      tutti::all_reduce({&mine, 1, DataType::kUint8}, {&all, 1, DataType::kUint8}, Reduction::kMin);
  Status status = run({&agree, 1});
  if (status.ok() && all != 0) {
    may_be_mapped_ = true;
    return *offset;
  }
  if (offset) heap_.give_back(*offset);
  if (!status.ok()) return status;
  return {Code::kSystem, "allocate: " + std::to_string(bytes) + " bytes" +
                             (mine ? " on another rank" : "") +
                             ": the largest free piece of the heap (option heap_bytes) has " +
                             std::to_string(heap_.largest_hole())};
}

Result<Memory> Communicator::Impl::allocate(std::size_t bytes) {
  Result<std::size_t> offset = take_heap(bytes);
  if (!offset.ok()) return offset.status();
  std::byte* data =
      executor_->transport().window().data() + executor_->site().layout.heap + *offset;
  return Memory(data, bytes, this);
}

Result<Memory> Communicator::Impl::register_memory(std::span<std::byte>) {
  return {Code::kNotSupported, "register_memory is not built yet: use allocate()"};
}

void Communicator::Impl::give_back(std::byte* data, std::size_t) {
  const std::byte* heap = executor_->transport().window().data() + executor_->site().layout.heap;
  const std::size_t length = heap_.give_back(static_cast<std::size_t>(data - heap));
  // Back to the system: shared pages are not freed by being forgotten.
  (void)madvise(data, length, MADV_REMOVE);
}

Memory::Memory() = default;
Memory::Memory(std::byte* data, std::size_t bytes, Owner* owner)
    : data_(data), bytes_(bytes), owner_(owner) {}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      owner_(std::exchange(other.owner_, nullptr)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(owner_, other.owner_);
  return *this;
}

Memory::~Memory() {
  if (owner_ != nullptr) owner_->give_back(data_, bytes_);
}

// ---- the public face

Communicator::Communicator() = default;
Communicator::Communicator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Communicator::Communicator(Communicator&&) noexcept = default;
Communicator& Communicator::operator=(Communicator&&) noexcept = default;
Communicator::~Communicator() = default;

namespace {
Status is_empty() {
  return {Code::kInvalidArgument, "the communicator is empty: expected one that was made"};
}
}  // namespace

int Communicator::rank() const { return empty() ? -1 : impl_->rank(); }
int Communicator::ranks() const { return empty() ? 0 : impl_->ranks(); }
Status Communicator::run(const Call& call) { return empty() ? is_empty() : impl_->run(call); }
Status Communicator::run(std::span<const Call> group) {
  return empty() ? is_empty() : impl_->run(group);
}
Result<Request> Communicator::start(const Call& call) { return start({&call, 1}); }
Result<Request> Communicator::start(std::span<const Call> group) {
  if (empty()) return is_empty();
  return impl_->start(group);
}
Result<Memory> Communicator::allocate(std::size_t bytes) {
  if (empty()) return is_empty();
  return impl_->allocate(bytes);
}
Result<Memory> Communicator::register_memory(std::span<std::byte> memory) {
  if (empty()) return is_empty();
  return impl_->register_memory(memory);
}
Result<Communicator> Communicator::split(int color, int key) {
  if (empty()) return is_empty();
  return impl_->split(color, key);
}
Result<Communicator> Communicator::shrink() {
  if (empty()) return is_empty();
  return impl_->shrink();
}
void Communicator::abort(const std::string& reason) {
  if (!empty()) impl_->abort(reason);
}
Explanation Communicator::explain() const { return empty() ? Explanation() : impl_->explain(); }

}  // namespace tutti
