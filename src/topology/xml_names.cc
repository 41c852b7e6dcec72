// Tested by topology_xml_test.cc.

#include "topology/xml_names.h"

#include <algorithm>

namespace tutti {
namespace {

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string port_suffix(int port) {
  return port > 0 ? std::string(":").append(std::to_string(port)) : "";
}

}  // namespace

std::string bus_id(std::string_view text) {
  constexpr std::string_view kLongForm = "00000000:00:00.0";
  if (text.size() == kLongForm.size() && text[8] == ':' && text.starts_with("0000")) {
    text.remove_prefix(4);
  }
  std::string id(text);
  std::transform(id.begin(), id.end(), id.begin(), to_lower);
  return id;
}

std::string link_speed(std::string_view text) {
  return text.starts_with("Unknown") ? "" : std::string(text);
}

std::string ucx_name(std::string_view name, int port) {
  const std::string suffix = port_suffix(port);
  return std::string(name) + (name.empty() || name.ends_with(suffix) ? "" : suffix);
}

std::string nccl_name(std::string_view name, int port) {
  const std::string suffix = port_suffix(port);
  if (suffix.empty() || !name.ends_with(suffix)) return std::string(name);
  const std::string_view device = name.substr(0, name.size() - suffix.size());
  return std::string(ucx_name(device, port) == name ? device : name);
}

}  // namespace tutti
