// Where the texts of NCCL's dumps and ours differ: bus ids, link speeds, names of ports.
//
// Every function of the first three is idempotent, so that what was read once is read the same
// again. Tested by topology_xml_test.cc.

#pragma once

#include <string>
#include <string_view>

namespace tutti {

/// Lower case, with a domain of four digits where four suffice: NVML writes "00000000:3B:00.0" for
/// the device that the system calls "0000:3b:00.0".
std::string bus_id(std::string_view text);

/// Linux says "Unknown" or "Unknown speed" where a device does not tell: "" here.
std::string link_speed(std::string_view text);

/// UCX names ports of RDMA devices "mlx5_0:1", NCCL names them "mlx5_0" and says port="1". What has
/// no port ("eth0") has the same name in both.
std::string ucx_name(std::string_view name, int port);
/// The name for NCCL. Whatever the name, ucx_name() of the result is ucx_name() of the name.
std::string nccl_name(std::string_view name, int port);

}  // namespace tutti
