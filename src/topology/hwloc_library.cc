#ifdef TUTTI_HWLOC

#include "topology/hwloc_library.h"

#include "base/loaded_library.h"

namespace tutti {
namespace {

Status cannot_load(const std::string& why) {
  return {Code::kNotSupported, "libhwloc.so.15 cannot be used (Debian: libhwloc15): " + why};
}

}  // namespace

Result<HwlocApi> load_hwloc() {
  LoadedLibrary library("libhwloc.so.15");  // the name of all versions 2
  HwlocApi api;
  library.find("hwloc_get_api_version", api.get_api_version);
  library.find("hwloc_topology_init", api.init);
  library.find("hwloc_topology_destroy", api.destroy);
  library.find("hwloc_topology_load", api.load);
  library.find("hwloc_topology_set_flags", api.set_flags);
  library.find("hwloc_topology_set_type_filter", api.set_type_filter);
  library.find("hwloc_topology_set_synthetic", api.set_synthetic);
  library.find("hwloc_topology_set_xmlbuffer", api.set_xml);
  library.find("hwloc_topology_get_allowed_cpuset", api.allowed_cpus);
  library.find("hwloc_get_type_depth", api.depth_of);
  library.find("hwloc_get_nbobjs_by_depth", api.count_at);
  library.find("hwloc_get_obj_by_depth", api.object_at);
  library.find("hwloc_bitmap_next", api.next_in);
  if (!library.problem().empty()) return cannot_load(library.problem());
  const unsigned version = api.get_api_version();
  if (version >> 16 == HWLOC_API_VERSION >> 16) return api;
  return cannot_load("its interface is of version " + std::to_string(version >> 16) +
                     "; expected that of the build, " + std::to_string(HWLOC_API_VERSION >> 16));
}

}  // namespace tutti

#endif  // TUTTI_HWLOC
