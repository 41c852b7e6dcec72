// Runs calls: validates, prepares, hands tasks to the executor. Tested by communicator_test.cc.

#include "communicator/impl.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>

#include "communicator/device_calls.h"
#include "communicator/topology.h"
#include "communicator/validate.h"

namespace tutti {
namespace {

// Polls before the first yield: some hundred microseconds where ranks have a core each. A look into
// the network takes a microsecond.
int spins(const SharedNetwork& network) {
  if (network.shares_cores) return 2;
  return network.ucx == nullptr ? 10'000 : 100;
}

}  // namespace

Communicator::Impl::Impl(Connection connection, const WindowLayout& layout,
                         const PrepareSettings& settings)
    : options_(settings.options),
      network_(std::move(connection.network)),
      transports_(std::move(connection.description)),
      executor_(
          std::make_unique<CpuExecutor>(std::move(connection.transport), layout,
                                        ExecutorSettings{options_.call_timeout, spins(network_)})),
      preparer_(executor_->site(), settings),
      heap_(layout.heap_bytes) {
  if (options_.log_level >= 2) {
    log("ready, through " + transports_ + (network_.shares_cores ? ", sharing cores" : ""));
  }
}

Communicator::Impl::~Impl() = default;

void Communicator::Impl::abort(const std::string& reason) {
  executor_->abort(reason);
  if (device_ != nullptr) device_->abort(reason);
}

Status Communicator::Impl::run(const Call& call) {
  if (background_ == nullptr && !device_pointers_) [[likely]] {
    if (Job* job = preparer_.recall(call, may_be_mapped_)) return run_job(*job);
  }
  return run({&call, 1});
}

Status Communicator::Impl::check_on_host(std::span<const Call> group) const {
  for (const Call& call : group) {
    if (Status status = validate(call, rank(), ranks()); !status.ok()) return status;
    if (!device_pointers_) continue;
    Status status = tutti::check_on_host(call, rank(), ranks(), *device_pointers_);
    if (!status.ok()) return status;
  }
  return {};
}

Status Communicator::Impl::run(std::span<const Call> group) {
  if (Status status = check_on_host(group); !status.ok()) return status;
  if (background_ == nullptr) return run_now(group);
  return Request(background_->add(group)).wait();
}

Result<Request> Communicator::Impl::start(std::span<const Call> group) {
  if (Status status = check_on_host(group); !status.ok()) return status;
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
  if (!job.ok()) return job.status();
  Status status = run_job(**job);
  if (status.ok() && options_.log_level >= 2) log_choice(**job);
  return status;
}

Status Communicator::Impl::run_job(Job& job) {
  Arena& arena = arena_of(job);
  if (!job.flat.empty()) {
    Status status = executor_->run(arena, job);
    if (!status.ok()) return log_failure(std::move(status));
    note(job, job.staged);
    return status;
  }
  Task task(executor_->site(), arena, job);
  Status status = executor_->run(task);
  if (!status.ok()) return log_failure(std::move(status));
  note(job, task.variant());
  return status;
}

void Communicator::Impl::log(const std::string& text) const {
  std::fprintf(stderr, "tutti: rank %d of %d: %s\n", rank(), ranks(), text.c_str());
}

Status Communicator::Impl::log_failure(Status status) const {
  if (options_.log_level >= 1) log(status.to_string());
  return status;
}

void Communicator::Impl::log_choice(const Job& job) const {
  log(describe(job.signature) + ": " + std::string(last_.algorithm) + ", " +
      std::to_string(last_.lanes) + " blocks of " + std::to_string(last_.tile_bytes) +
      " bytes in flight" + (last_.mapped ? ", buffers mapped" : ""));
}

Status Communicator::Impl::run_group(std::span<const Call> group) {
  Batch batch;
  for (const Call& call : group) {
    if (Status status = add(call, batch); !status.ok()) return status;
  }
  if (batch.tasks.empty()) return {};
  Status status = executor_->run(batch.tasks);
  if (!status.ok()) return log_failure(std::move(status));
  note(*batch.jobs.back(), batch.tasks.back()->variant());
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

Result<std::unique_ptr<Job>> Communicator::Impl::announcement(const Call& call) {
  Result<Job*> empty = preparer_.prepare(tutti::barrier(), false);
  if (!empty.ok()) return empty.status();
  auto job = std::make_unique<Job>(**empty);
  job->set_signature(shape_of(call, rank(), ranks()).signature);
  job->flat = {};
  job->staged.plan = std::make_shared<Plan>();
  job->staged.algorithm = "messages";
  return job;
}

// Counts per pair are known to the pair alone: a message for each, after an empty collective that
// announces the call, so that ranks which call something else are found out.
Status Communicator::Impl::add_all_to_all_v(const Call& call, Batch& batch) {
  Result<std::unique_ptr<Job>> job = announcement(call);
  if (!job.ok()) return job.status();
  add_task(std::move(*job), batch);

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
  last_.inlined = variant.plan->inline_payload;
  last_.algorithm = variant.algorithm;
  last_.tile_bytes = variant.tile * job.reducer.element();
  last_.lanes = variant.lanes;
  last_is_enqueued_.store(false, std::memory_order_relaxed);
}

Formation Communicator::Impl::formation() const {
  Formation formation{.host_of = {}, .cores = preparer_.cores()};
  for (int r = 0; r < ranks(); ++r) formation.host_of.push_back(preparer_.group().host_of(r));
  return formation;
}

Explanation Communicator::Impl::explain() const {
  if (last_is_enqueued_.load(std::memory_order_relaxed)) return device_->explain();
  return {.algorithm = std::string(last_.algorithm),
          .transports = transports_,
          .mapped = last_.mapped,
          .inlined = last_.inlined,
          .tile_bytes = last_.tile_bytes,
          .lanes = last_.lanes,
          .endpoints = network_.ucx == nullptr ? 0 : endpoints_made(network_.ucx)};
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
Status Communicator::enqueue(const Call& call, void* stream) { return enqueue({&call, 1}, stream); }
Status Communicator::enqueue(std::span<const Call> group, void* stream) {
  return empty() ? is_empty() : impl_->enqueue(group, stream);
}
Status Communicator::health() const { return empty() ? is_empty() : impl_->health(); }
Result<Memory> Communicator::allocate_on_device(std::size_t bytes) {
  if (empty()) return is_empty();
  return impl_->allocate_on_device(bytes);
}
Status Communicator::register_on_device(const void* address) {
  return empty() ? is_empty() : impl_->register_on_device(address);
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
Result<Communicator> Communicator::shrink(std::span<const int> without) {
  if (empty()) return is_empty();
  return impl_->shrink(without);
}
Result<TopologyReport> Communicator::topology() {
  if (empty()) return is_empty();
  return topology_of(*this, impl_->options());
}
void Communicator::abort(const std::string& reason) {
  if (!empty()) impl_->abort(reason);
}
Formation Communicator::formation() const { return empty() ? Formation() : impl_->formation(); }
Explanation Communicator::explain() const { return empty() ? Explanation() : impl_->explain(); }

}  // namespace tutti
