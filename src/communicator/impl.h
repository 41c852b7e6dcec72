// What is behind a Communicator.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bootstrap/bootstrap.h"
#include "communicator/background.h"
#include "communicator/connect.h"
#include "communicator/feed.h"
#include "communicator/heap.h"
#include "communicator/prepare.h"
#include "device/device.h"
#include "device/device_pointers.h"
#include "executor/cpu/executor.h"
#include "tutti/tutti.h"

namespace tutti {

class DeviceAnnex;
class DeviceCalls;

/// How to open the device of a number: the driver's, or one that a test has made.
/// Shared: see transports/cuda_p2p/boards.h.
using OpenDevice = std::function<Result<std::shared_ptr<Device>>(int ordinal)>;
OpenDevice open_of_driver();

/// Gives memory back; what a Memory points to.
struct Memory::Owner {
  virtual ~Owner() = default;
  virtual void give_back(std::byte* data, std::size_t bytes) = 0;
};

class Communicator::Impl : public Memory::Owner {
 public:
  /// Collective over the bootstrap, which is not used after the return. `parent` as in connect();
  /// `open_device` where options have a device.
  static Result<std::unique_ptr<Impl>> create(Bootstrap& bootstrap, const Options& options,
                                              const SharedNetwork& parent,
                                              const OpenDevice& open_device, Deadline deadline);
  /// As Communicator::create().
  static Result<Communicator> meet(const UniqueId& id, int rank, int ranks, const Options& options,
                                   const OpenDevice& open_device);
  ~Impl() override;

  int rank() const { return executor_->site().rank; }
  int ranks() const { return executor_->site().ranks; }
  const Options& options() const { return options_; }
  Formation formation() const;

  Status run(const Call& call);
  Status run(std::span<const Call> group);
  Result<Request> start(std::span<const Call> group);
  /// Runs what is fed. REQUIRES: nothing else runs.
  Status run(CallFeed& feed);

  Status enqueue(std::span<const Call> group, void* stream);
  Status health() const;
  Result<Memory> allocate_on_device(std::size_t bytes);
  Status register_on_device(const void* address);

  Result<Memory> allocate(std::size_t bytes);
  Result<Memory> register_memory(std::span<std::byte> memory);
  Result<Communicator> split(int color, int key);
  /// A communicator of some ranks, in that order. Collective over them, this one among them.
  Result<std::unique_ptr<Impl>> part(const std::vector<int>& members, const Options& options);
  Result<Communicator> shrink(std::span<const int> without);
  void abort(const std::string& reason);
  Explanation explain() const;

  const std::string& transports() const { return transports_; }
  const Group& group() const { return preparer_.group(); }

  /// As Transport's.
  DirectPuts direct_puts(MemoryKind kind);
  /// Bytes of an annex; and gives the window one, for calls that are fed (executor/cpu/annex.h). On
  /// all ranks, before any of them makes one.
  std::size_t annex_bytes() const;
  void add_annex(DeviceAnnex& annex);
  /// What is in the annex like memory of the heap.
  std::byte* in_annex(const std::byte* in_window) const;

  /// As CpuExecutor's. One thread at a time, the one that runs calls.
  Status failure() { return executor_->failure(); }
  Status check_peers() { return executor_->check_peers(); }

 private:
  Impl(Connection connection, const WindowLayout& layout, const PrepareSettings& settings);

  // The caller's thread, or the background's; never both at once.
  Status check_on_host(std::span<const Call> group) const;
  Status run_now(std::span<const Call> group);
  Status run_one(const Call& call);
  Status run_job(Job& job);
  Status run_group(std::span<const Call> group);
  // A group under way: jobs, and the tasks that run them.
  struct Batch {
    std::vector<std::unique_ptr<Job>> jobs;
    std::vector<std::unique_ptr<Task>> tasks;
  };
  Status add(const Call& call, Batch& batch);
  Status add_all_to_all_v(const Call& call, Batch& batch);
  Result<std::unique_ptr<Job>> announcement(const Call& call);
  class FedTasks;
  Result<std::unique_ptr<Job>> job_of_piece(const FedCall& fed);
  Status add_device(Bootstrap& bootstrap, const OpenDevice& open_device, Deadline deadline);
  std::vector<int> all_ranks() const;
  /// Those with whom this one shares memory of the device. REQUIRES: there is one.
  std::vector<int> sharing_ranks() const;
  Status agree_with_all(const Status& shared, Deadline deadline);
  /// Those who are given this one's device.
  OpenDevice same_device() const;
  void add_task(std::unique_ptr<Job> job, Batch& batch);
  Arena& arena_of(const Job& job);
  void note(const Job& job, const Variant& variant);
  void log(const std::string& text) const;
  Status log_failure(Status status) const;
  void log_choice(const Job& job) const;
  void tell_survivors(std::uint64_t state);
  Result<Communicator> lead_shrink(const std::vector<int>& members);
  Result<Communicator> follow_shrink(int leader);
  void give_back(std::byte* data, std::size_t bytes) override;
  /// The offset of a piece of the heap, or an error where any rank has none or an objection.
  /// Collective. `what` begins errors.
  Result<std::size_t> take_heap(const std::string& what, std::size_t bytes,
                                const Status& objection = {});
  std::byte* heap_at(std::size_t offset) const;
  /// The piece of the heap that was registered memory, which is private again; null if it was not.
  std::byte* unregister(std::byte* data, std::size_t bytes);

  const Options options_;
  const SharedNetwork network_;
  const std::optional<DevicePointers> device_pointers_ = DevicePointers::of_process();
  const std::string transports_;  // what it runs on, for people
  std::unique_ptr<CpuExecutor> executor_;
  Preparer preparer_;
  Heap heap_;
  bool may_be_mapped_ = false;
  std::uint64_t shrinks_ = 0;  // calls of shrink()

  // About the last call, without strings: this is written by every call.
  struct Last {
    std::string_view algorithm;
    bool mapped = false;
    bool inlined = false;
    std::size_t tile_bytes = 0;
    int lanes = 0;
  };
  Last last_;
  // Whether enqueue() came after it: of the caller's thread and of the background's.
  std::atomic<bool> last_is_enqueued_ = false;

  std::unique_ptr<DeviceCalls> device_;  // null where options have none

  // Made by the first start(); then every call goes through it, to keep their order. Last member:
  // it runs calls until it is destroyed.
  std::unique_ptr<Background> background_;
};

}  // namespace tutti
