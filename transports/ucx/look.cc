// Tested by ucx_look_test.cc.

#include "transports/ucx/look.h"

#include <algorithm>
#include <sstream>

#ifdef TUTTI_UCX
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "transports/ucx/library.h"
#include "transports/ucx/rail.h"
#endif

namespace tutti::ucx {

void read_context_info(std::string_view text, UcxFacts& facts) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, kind, last;
    if (!(words >> hash >> kind)) continue;
    for (std::string word; words >> word;) last = word;
    if (kind == "component") facts.components.push_back(last);
    if (kind == "resource") facts.transports.push_back(last);
  }
  std::sort(facts.transports.begin(), facts.transports.end());  // UCX changes their order
}

#ifdef TUTTI_UCX

namespace {

std::string file_of(const Api& api) {
  Dl_info info = {};
  if (dladdr(reinterpret_cast<const void*>(api.get_version_string), &info) == 0) return "";
  return info.dli_fname;
}

std::vector<std::string> names_of_memory(std::uint64_t types) {
  const std::pair<ucs_memory_type_t, const char*> known[] = {
      {UCS_MEMORY_TYPE_HOST, "host"},
      {UCS_MEMORY_TYPE_CUDA, "cuda"},
      {UCS_MEMORY_TYPE_CUDA_MANAGED, "cuda managed"},
      {UCS_MEMORY_TYPE_ROCM, "rocm"},
      {UCS_MEMORY_TYPE_ROCM_MANAGED, "rocm managed"}};
  std::vector<std::string> names;
  for (const auto& [type, name] : known) {
    if ((types >> type & 1) != 0) names.emplace_back(name);
  }
  return names;
}

void query(const Api& api, ucp_context_h context, UcxFacts& facts) {
  ucp_context_attr_t attributes = {};
  attributes.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  if (api.context_query(context, &attributes) == UCS_OK) {
    facts.memory_types = names_of_memory(attributes.memory_types);
  }
  char* text = nullptr;
  std::size_t bytes = 0;
  FILE* stream = open_memstream(&text, &bytes);
  if (stream == nullptr) return;
  api.context_print_info(context, stream);
  std::fclose(stream);
  read_context_info({text, bytes}, facts);
  std::free(text);
}

// What UCX_TLS and UCX_NET_DEVICES leave out is there all the same.
Status look_at_everything(const Api& api, ucp_config_t* config) {
  for (const char* name : {"TLS", "NET_DEVICES"}) {
    const ucs_status_t status = api.config_modify(config, name, "all");
    if (status != UCS_OK) return ucx_error(api, std::string("cannot set ") + name, status);
  }
  return {};
}

// With the settings that UCX has by itself, whatever the environment says.
Status query_everything(const Api& api, UcxFacts& facts) {
  ucp_config_t* config = nullptr;
  ucs_status_t status = api.config_read(nullptr, nullptr, &config);
  if (status != UCS_OK) return ucx_error(api, "cannot read its configuration", status);
  if (Status free = look_at_everything(api, config); !free.ok()) {
    api.config_release(config);
    return free;
  }
  ucp_params_t params = {};
  params.field_mask = UCP_PARAM_FIELD_FEATURES;
  params.features = UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  ucp_context_h context = nullptr;
  status = api.init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config, &context);
  api.config_release(config);
  if (status != UCS_OK) return ucx_error(api, "cannot start", status);
  query(api, context, facts);
  api.cleanup(context);
  return {};
}

}  // namespace

Result<UcxFacts> look() {
  const Result<Api> api = load_library();
  if (!api.ok()) return api.status();
  UcxFacts facts;
  facts.version = api->get_version_string();
  facts.library = file_of(*api);
  if (Status status = query_everything(*api, facts); !status.ok()) return status;
  return facts;
}

#else

Result<UcxFacts> look() {
  return {Code::kNotSupported, "this library was built without UCX (Debian: libucx-dev)"};
}

#endif

}  // namespace tutti::ucx
