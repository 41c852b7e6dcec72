// What is behind an ncclComm_t: a communicator, and where its life stands.
//
// A life: it begins (ncclInProgress), is ready, may be busy with something that takes its time,
// fails, is revoked or finalized, and ends. Calls are made when it is ready; any thread may ask how
// it stands, and abort or revoke it, at any time.
//
// Tested by nccl_life_test.cc.

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "nccl/config.h"
#include "nccl/handles.h"
#include "nccl/scalar.h"
#include "tutti/nccl.h"
#include "tutti/tutti.h"

namespace tutti::nccl {

/// A buffer that was registered, or is a window.
struct Registration {
  void* buffer = nullptr;
  std::size_t bytes = 0;
};

class Comm {
 public:
  /// One that has begun, and is in progress until started(). `device` is what ncclCommCuDevice()
  /// says; calls are on memory of the device, or of the host.
  Comm(Settings settings, int device, bool on_device)
      : settings_(std::move(settings)), device_(device), on_device_(on_device) {}

  const Settings& settings() const { return settings_; }
  int device() const { return device_; }
  bool is_on_device() const { return on_device_; }

  // ---- The life

  /// Ends the beginning. A communicator that was aborted meanwhile ends at once.
  Status started(Result<Communicator> communicator);

  /// Whether there is no communicator, not yet or not at all.
  bool is_beginning() const;
  /// OK when calls can be made; else why not.
  Status ready();
  /// The same for splits and shrinks, for which one that was revoked is good too, and one that has
  /// failed if `failed_too`.
  Status ready_to_derive(bool failed_too);
  /// As ncclCommGetAsyncError() says it.
  ncclResult_t state();
  /// The first failure that the communicator does not recover from.
  Status failure();

  /// Ends what is under way, on all ranks. Does not block.
  void abort(const std::string& reason);
  /// abort(), and waits until nothing is under way. The communicator can be derived from. An error
  /// when it has not begun, or is finalized.
  Status revoke();
  /// Its handle is no more: no call that was made before in a group runs.
  void end();
  /// Waits for what is under way, unless the communicator is non-blocking. An error when it has not
  /// begun, is revoked, or was finalized before.
  Status finalize();

  // ---- What takes its time. REQUIRES: ready() or ready_to_derive().

  /// Makes the state ncclInProgress until end_job().
  void begin_job();
  void end_job();
  Result<Communicator> split(int color, int key);
  /// `excluded` are not waited for. kPeerLost unless all others come.
  Result<Communicator> shrink(std::span<const int> excluded, bool aborts);

  // ---- Calls. REQUIRES: ready().

  /// On host memory: in this thread, to their end.
  Status run(std::span<const Call> group);
  /// On memory of the device: issued on the stream.
  Status enqueue(std::span<const Call> group, void* stream);
  /// On host memory: begun. What becomes of them is state(), or the answer of finish().
  Status start(std::span<const Call> group);
  Status finish();

  int rank() const { return communicator_.rank(); }
  int ranks() const { return communicator_.ranks(); }
  Formation formation() const { return communicator_.formation(); }

  // ---- What belongs to it

  void add_operation(int number, const PreMulSum& operation);
  std::optional<PreMulSum> operation(int number) const;
  bool remove_operation(int number);

  Handles<void*, Registration> registrations;
  Handles<ncclWindow_t, Registration> windows;

 private:
  /// Keeps it if it is lasting. Answers it, with the communicator's name where it has one.
  Status note(Status status);
  Status note_locked(Status status);  // REQUIRES: mutex_ is held
  void settle();                      // likewise
  Status why_not(bool failed_too);    // likewise; ready_to_derive()
  Status named(const Status& status) const;

  const Settings settings_;
  const int device_;
  const bool on_device_;

  // One call at a time, also where threads of the caller do not keep to that.
  std::mutex use_;
  // Set once, before the state is no longer ncclInProgress.
  Communicator communicator_;

  mutable std::mutex mutex_;  // of all below
  int jobs_ = 1;              // the beginning
  std::optional<Request> request_;
  Status failure_;
  bool aborted_ = false;
  bool revoked_ = false;
  bool finalized_ = false;
  bool ended_ = false;
  std::map<int, PreMulSum> operations_;
};

}  // namespace tutti::nccl
