// Loads libucp. Tested by ucx_test.cc.

#ifdef TUTTI_UCX

#include "transports/ucx/library.h"

#include <dlfcn.h>

#include <string>

namespace tutti::ucx {
namespace {

// Finds functions in an open library, and remembers the first that is missing.
class Finder {
 public:
  explicit Finder(void* library) : library_(library) {}

  template <class Function>
  void operator()(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    if (function == nullptr && missing_ == nullptr) missing_ = name;
  }

  const char* missing() const { return missing_; }

 private:
  void* const library_;
  const char* missing_ = nullptr;
};

Status cannot_load(const std::string& why) {
  return {
      Code::kNotSupported,
      "ranks on several hosts need UCX, and libucp.so.0 cannot be used (Debian: libucx0): " + why};
}

}  // namespace

Result<Api> load_library() {
  // Never unloaded: UCX keeps threads and signal handlers.
  void* const library = dlopen("libucp.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return cannot_load(dlerror());
  Api api;
  Finder find(library);  // also in what the library loads, which is where ucs_ functions are
  find("ucp_get_version_string", api.get_version_string);
  find("ucp_config_read", api.config_read);
  find("ucp_config_modify", api.config_modify);
  find("ucp_config_release", api.config_release);
  find("ucp_init_version", api.init_version);
  find("ucp_cleanup", api.cleanup);
  find("ucp_context_query", api.context_query);
  find("ucp_context_print_info", api.context_print_info);
  find("ucp_worker_create", api.worker_create);
  find("ucp_worker_destroy", api.worker_destroy);
  find("ucp_worker_query", api.worker_query);
  find("ucp_worker_release_address", api.worker_release_address);
  find("ucp_worker_progress", api.worker_progress);
  find("ucp_worker_get_efd", api.worker_get_efd);
  find("ucp_worker_arm", api.worker_arm);
  find("ucp_worker_set_am_recv_handler", api.worker_set_am_recv_handler);
  find("ucp_ep_create", api.ep_create);
  find("ucp_ep_close_nbx", api.ep_close);
  find("ucp_am_send_nbx", api.am_send);
  find("ucp_am_recv_data_nbx", api.am_recv_data);
  find("ucp_request_check_status", api.request_check_status);
  find("ucp_request_free", api.request_free);
  find("ucs_status_string", api.status_string);
  if (find.missing() == nullptr) return api;
  return cannot_load(std::string("it has no ") + find.missing() + "; expected UCX 1.13 or later");
}

}  // namespace tutti::ucx

#endif  // TUTTI_UCX
