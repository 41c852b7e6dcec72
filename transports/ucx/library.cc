// Loads libucp. Tested by ucx_test.cc.

#ifdef TUTTI_UCX

#include "transports/ucx/library.h"

#include <string>

#include "base/loaded_library.h"

namespace tutti::ucx {
namespace {

Status cannot_load(const std::string& why) {
  return {
      Code::kNotSupported,
      "ranks on several hosts need UCX, and libucp.so.0 cannot be used (Debian: libucx0): " + why};
}

}  // namespace

Result<Api> load_library() {
  LoadedLibrary library("libucp.so.0");
  Api api;
  library.find("ucp_get_version_string", api.get_version_string);
  library.find("ucp_config_read", api.config_read);
  library.find("ucp_config_modify", api.config_modify);
  library.find("ucp_config_release", api.config_release);
  library.find("ucp_init_version", api.init_version);
  library.find("ucp_cleanup", api.cleanup);
  library.find("ucp_context_query", api.context_query);
  library.find("ucp_context_print_info", api.context_print_info);
  library.find("ucp_worker_create", api.worker_create);
  library.find("ucp_worker_destroy", api.worker_destroy);
  library.find("ucp_worker_query", api.worker_query);
  library.find("ucp_worker_release_address", api.worker_release_address);
  library.find("ucp_worker_progress", api.worker_progress);
  library.find("ucp_worker_get_efd", api.worker_get_efd);
  library.find("ucp_worker_arm", api.worker_arm);
  library.find("ucp_worker_set_am_recv_handler", api.worker_set_am_recv_handler);
  library.find("ucp_ep_create", api.ep_create);
  library.find("ucp_ep_close_nbx", api.ep_close);
  library.find("ucp_am_send_nbx", api.am_send);
  library.find("ucp_am_recv_data_nbx", api.am_recv_data);
  library.find("ucp_request_check_status", api.request_check_status);
  library.find("ucp_request_free", api.request_free);
  library.find("ucs_status_string", api.status_string);
  if (library.problem().empty()) return api;
  return cannot_load(library.problem() + " (expected UCX 1.13 or later)");
}

}  // namespace tutti::ucx

#endif  // TUTTI_UCX
