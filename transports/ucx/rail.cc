// UCX contexts and workers. Tested by ucx_test.cc.

#ifdef TUTTI_UCX

#include "transports/ucx/rail.h"

namespace tutti::ucx {

ucs_memory_type_t memory_type_of(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::kHost:
      return UCS_MEMORY_TYPE_HOST;
    case MemoryKind::kCuda:
      return UCS_MEMORY_TYPE_CUDA;
  }
  return UCS_MEMORY_TYPE_UNKNOWN;
}

Status ucx_error(const Api& api, const std::string& what, ucs_status_t status) {
  return {Code::kSystem, "UCX: " + what + ": " + api.status_string(status)};
}

Result<std::unique_ptr<Rail>> Rail::open(const Api& api, const RailDevices& devices) {
  std::unique_ptr<Rail> rail(new Rail(api, devices));
  if (Status status = rail->open_context(); !status.ok()) return status;
  if (Status status = rail->open_worker(); !status.ok()) return status;
  return rail;
}

bool Rail::moves(MemoryKind kind) const { return (memory_types_ >> memory_type_of(kind) & 1) != 0; }

Rail::~Rail() {
  if (worker_ != nullptr) api_.worker_destroy(worker_);
  if (context_ != nullptr) api_.cleanup(context_);
}

Status Rail::configure(ucp_config_t* config) const {
  const auto set = [&](const char* name, const std::string& value) -> Status {
    const ucs_status_t status = api_.config_modify(config, name, value.c_str());
    if (status == UCS_OK) return {};
    return ucx_error(api_, std::string("cannot set ") + name + " to " + value, status);
  };
  if (Status status = set("NET_DEVICES", devices_.names); !status.ok()) return status;
  if (devices_.is_rdma) return {};
  if (Status status = set("TLS", "tcp"); !status.ok()) return status;
  // Every parcel is one message of one piece: never a rendezvous, never put together.
  const std::string piece = std::to_string(kTcpPiece + 4096);
  for (const char* name : {"RX_SEG_SIZE", "TX_SEG_SIZE"}) {
    if (Status status = set(name, piece); !status.ok()) return status;
  }
  // After every message somebody may go on: one look at a time.
  if (Status status = set("MAX_POLL", "1"); !status.ok()) return status;
  // An address that does not answer must not hold up everything else.
  if (Status status = set("CONN_NB", "y"); !status.ok()) return status;
  return set("RNDV_THRESH", "inf");
}

Status Rail::open_context() {
  ucp_config_t* config = nullptr;
  ucs_status_t status = api_.config_read(nullptr, nullptr, &config);
  if (status != UCS_OK) return ucx_error(api_, "cannot read its configuration", status);
  const Status configured = configure(config);
  if (configured.ok()) {
    ucp_params_t params = {};
    params.field_mask = UCP_PARAM_FIELD_FEATURES;
    params.features = UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
    status = api_.init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config, &context_);
  }
  api_.config_release(config);
  if (!configured.ok()) return configured;
  if (status != UCS_OK) return ucx_error(api_, "cannot use " + devices_.names, status);
  ucp_context_attr_t attributes = {};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  if (api_.context_query(context_, &attributes) == UCS_OK) memory_types_ = attributes.memory_types;
  return {};
}

Status Rail::open_worker() {
  ucp_worker_params_t params = {};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  params.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  const std::string where = "on " + devices_.names;
  ucs_status_t status = api_.worker_create(context_, &params, &worker_);
  if (status != UCS_OK) return ucx_error(api_, "cannot create a worker " + where, status);

  ucp_worker_attr_t attributes = {};
  attributes.field_mask = UCP_WORKER_ATTR_FIELD_ADDRESS | UCP_WORKER_ATTR_FIELD_ADDRESS_FLAGS;
  attributes.address_flags = UCP_WORKER_ADDRESS_FLAG_NET_ONLY;
  status = api_.worker_query(worker_, &attributes);
  if (status != UCS_OK) return ucx_error(api_, "cannot tell an address " + where, status);
  address_.assign(reinterpret_cast<const char*>(attributes.address), attributes.address_length);
  api_.worker_release_address(worker_, attributes.address);

  status = api_.worker_get_efd(worker_, &event_fd_);
  if (status != UCS_OK) return ucx_error(api_, "cannot wake up " + where, status);
  return {};
}

}  // namespace tutti::ucx

#endif  // TUTTI_UCX
