// Source: the PMIx standard, version 4. Only functions and attributes that versions 3 to 5 have are
// used, and structures are filled by hand: the header's helpers would need symbols of one version.
//
// PMIx_Get_nb and a condition variable, not PMIx_Get: PMIX_TIMEOUT is a wish that servers may
// ignore. Tested by launch_test.cc.

#include "bootstrap/pmix_session.h"

#ifdef TUTTI_PMIX

#include <dlfcn.h>
#include <pmix.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <mutex>

namespace tutti {
namespace {

// The functions of libpmix.
struct Api {
  decltype(&PMIx_Init) init = nullptr;
  decltype(&PMIx_Finalize) finalize = nullptr;
  decltype(&PMIx_Put) put = nullptr;
  decltype(&PMIx_Commit) commit = nullptr;
  decltype(&PMIx_Get_nb) get = nullptr;
  decltype(&PMIx_Error_string) error_string = nullptr;
};

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

Result<Api> load() {
  // Global, because PMIx's own plugins do not always say that they need libpmix. Never unloaded: it
  // has threads.
  void* library = dlopen("libpmix.so.2", RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
  Api api;
  if (library != nullptr && find(library, "PMIx_Init", api.init) &&
      find(library, "PMIx_Finalize", api.finalize) && find(library, "PMIx_Put", api.put) &&
      find(library, "PMIx_Commit", api.commit) && find(library, "PMIx_Get_nb", api.get) &&
      find(library, "PMIx_Error_string", api.error_string)) {
    return api;
  }
  const char* why = dlerror();
  return Status(Code::kNotSupported,
                std::string("this process was started through PMIx, but libpmix.so.2 cannot be "
                            "loaded (Debian: libpmix2): ") +
                    (why == nullptr ? "unknown reason" : why));
}

// PMIx is one per process, counts PMIx_Init and PMIx_Finalize, and does not survive reaching zero:
// a later MPI_Init fails then (Open MPI 4.1 does not find its local rank). Not reaching zero before
// the process ends is as bad: mpirun calls that an abnormal end. Hence the only static object of
// this library, which keeps the count above zero until then.
class UntilExit {
 public:
  explicit UntilExit(const Api& api) : api_(api), process_(getpid()) {
    pmix_proc_t self;
    held_ = api_.init(&self, nullptr, 0) == PMIX_SUCCESS;
  }
  ~UntilExit() {
    // A forked child must not take leave in its parent's name.
    if (held_ && getpid() == process_) api_.finalize(nullptr, 0);
  }
  UntilExit(const UntilExit&) = delete;
  UntilExit& operator=(const UntilExit&) = delete;

 private:
  const Api api_;
  const pid_t process_;
  bool held_ = false;
};

// Where an answer lands. Shared by the asker, who may give up, and the callback, which may come
// later or never.
struct Answer {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  pmix_status_t status = PMIX_SUCCESS;
  std::string text;
  int number = -1;
};

void keep(Answer& answer, const pmix_value_t& value) {
  if (value.type == PMIX_STRING && value.data.string != nullptr) answer.text = value.data.string;
  if (value.type == PMIX_UINT32) answer.number = static_cast<int>(value.data.uint32);
  if (value.type == PMIX_UINT16) answer.number = value.data.uint16;
}

// Called by PMIx's thread.
void take_answer(pmix_status_t status, pmix_value_t* value, void* context) {
  const std::unique_ptr<std::shared_ptr<Answer>> owner(
      static_cast<std::shared_ptr<Answer>*>(context));
  Answer& answer = **owner;
  const std::lock_guard lock(answer.mutex);
  answer.status = status;
  if (status == PMIX_SUCCESS && value != nullptr) keep(answer, *value);
  answer.done = true;
  answer.changed.notify_all();
}

class Session final : public PmixSession {
 public:
  Session(const Api& api, const pmix_proc_t& self) : api_(api), self_(self) {}
  ~Session() override { api_.finalize(nullptr, 0); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  int rank() const override { return static_cast<int>(self_.rank); }

  Result<int> number(const std::string& key, bool mine, Deadline deadline) override {
    const Result<std::shared_ptr<Answer>> answer =
        get(mine ? self_.rank : PMIX_RANK_WILDCARD, key, /*attribute=*/nullptr, deadline);
    if (!answer.ok()) return answer.status();
    if ((*answer)->number >= 0) return (*answer)->number;
    return Status(Code::kSystem, "PMIx answered " + key + " with no number");
  }

  Status publish(const std::string& key, const std::string& text) override {
    pmix_value_t value;
    std::memset(&value, 0, sizeof value);
    std::string copy = text;
    value.type = PMIX_STRING;
    value.data.string = copy.data();
    if (pmix_status_t status = api_.put(PMIX_GLOBAL, key.c_str(), &value); status != PMIX_SUCCESS) {
      return error("PMIx_Put", status);
    }
    const pmix_status_t status = api_.commit();
    return status == PMIX_SUCCESS ? Status() : error("PMIx_Commit", status);
  }

  bool has_published(const std::string& key, Deadline deadline) override {
    return get(self_.rank, key, "pmix.optional", deadline).ok();
  }

  Result<std::string> look_up(int rank, const std::string& key, Deadline deadline) override {
    const Result<std::shared_ptr<Answer>> answer =
        get(static_cast<pmix_rank_t>(rank), key, "pmix.get.refresh", deadline);
    if (!answer.ok()) return answer.status();
    return (*answer)->text;
  }

 private:
  Status error(const std::string& what, pmix_status_t status) const {
    return Status(Code::kSystem, what + ": " + api_.error_string(status));
  }

  // With one of PMIx's attributes set to true, or with none.
  Result<std::shared_ptr<Answer>> get(pmix_rank_t rank, const std::string& key,
                                      const char* attribute, Deadline deadline) const {
    pmix_proc_t owner = self_;
    owner.rank = rank;
    pmix_info_t info;
    std::memset(&info, 0, sizeof info);
    if (attribute != nullptr) std::strncpy(info.key, attribute, sizeof info.key - 1);
    info.value.type = PMIX_BOOL;
    info.value.data.flag = true;
    auto answer = std::make_shared<Answer>();
    auto context = std::make_unique<std::shared_ptr<Answer>>(answer);
    const pmix_status_t asked = api_.get(&owner, key.c_str(), &info, attribute == nullptr ? 0 : 1,
                                         &take_answer, context.get());
    if (asked != PMIX_SUCCESS) return Status(Code::kPeerLost, api_.error_string(asked));
    (void)context.release();  // take_answer's now

    std::unique_lock lock(answer->mutex);
    if (!answer->changed.wait_until(lock, deadline, [&] { return answer->done; })) {
      return Status(Code::kTimeout, "PMIx has not answered " + key + " in time");
    }
    if (answer->status == PMIX_SUCCESS) return answer;
    return Status(Code::kPeerLost, api_.error_string(answer->status));
  }

  const Api api_;
  const pmix_proc_t self_;
};

}  // namespace

Result<std::unique_ptr<PmixSession>> PmixSession::open() {
  const Result<Api> api = load();
  if (!api.ok()) return api.status();
  pmix_proc_t self;
  std::memset(&self, 0, sizeof self);
  if (const pmix_status_t status = api->init(&self, nullptr, 0); status != PMIX_SUCCESS) {
    return Status(Code::kSystem, std::string("no PMIx server answers this process (PMIx_Init: ") +
                                     api->error_string(status) + ")");
  }
  auto session = std::make_unique<Session>(*api, self);
  static const UntilExit hold(*api);
  return std::unique_ptr<PmixSession>(std::move(session));
}

}  // namespace tutti

#else  // !TUTTI_PMIX

namespace tutti {

Result<std::unique_ptr<PmixSession>> PmixSession::open() {
  return Status(Code::kNotSupported,
                "this process was started through PMIx, but Tutti was built without it: install "
                "pmix.h (Debian: libpmix-dev) and build again, or pass a unique id yourself");
}

}  // namespace tutti

#endif
