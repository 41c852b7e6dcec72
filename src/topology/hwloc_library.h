// The functions of libhwloc that detection uses, loaded at run time.
//
// Inline functions of hwloc's headers may not be called: they would need the library at build.
// Tested by topology_processors_test.cc.

#pragma once

#include <hwloc.h>

#include "tutti/status.h"

namespace tutti {

struct HwlocApi {
  decltype(&hwloc_get_api_version) get_api_version = nullptr;
  decltype(&hwloc_topology_init) init = nullptr;
  decltype(&hwloc_topology_destroy) destroy = nullptr;
  decltype(&hwloc_topology_load) load = nullptr;
  decltype(&hwloc_topology_set_flags) set_flags = nullptr;
  decltype(&hwloc_topology_set_type_filter) set_type_filter = nullptr;
  decltype(&hwloc_topology_set_synthetic) set_synthetic = nullptr;
  decltype(&hwloc_topology_set_xmlbuffer) set_xml = nullptr;
  decltype(&hwloc_topology_get_allowed_cpuset) allowed_cpus = nullptr;
  decltype(&hwloc_get_type_depth) depth_of = nullptr;
  decltype(&hwloc_get_nbobjs_by_depth) count_at = nullptr;
  decltype(&hwloc_get_obj_by_depth) object_at = nullptr;
  decltype(&hwloc_bitmap_next) next_in = nullptr;
};

/// kNotSupported says what is missing and how to get it.
Result<HwlocApi> load_hwloc();

}  // namespace tutti
