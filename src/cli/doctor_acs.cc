// Layout: PCI Express Base Specification, "ACS Extended Capability". Tested by
// cli_doctor_gpu_test.cc.

#include "cli/doctor_acs.h"

#include <fstream>
#include <iterator>

#include "cli/doctor_files.h"

namespace tutti::cli::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPlain = 64;      // bytes that everybody may read
constexpr std::size_t kExtended = 256;  // where the list of extended capabilities begins
constexpr unsigned kAcs = 0x000d;       // a capability's id
constexpr unsigned kRedirect = 0x0c;    // of the control register: requests (4), completions (8)
constexpr int kMostCapabilities = 4096 / 4;  // a list in a circle ends here

std::string bytes_of(const fs::path& file) {
  std::ifstream text(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(text), {}};
}

// 0 beyond the end.
unsigned little_endian(const std::string& bytes, std::size_t at, std::size_t width) {
  if (at + width > bytes.size()) return 0;
  unsigned value = 0;
  for (std::size_t i = width; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace

// Each capability begins with 4 bytes: id, version, and where the next one lies.
bool redirects(const std::string& configuration) {
  std::size_t at = kExtended;
  for (int i = 0; i < kMostCapabilities && at >= kExtended; ++i) {
    const unsigned head = little_endian(configuration, at, 4);
    if ((head & 0xffff) == kAcs) {
      return (little_endian(configuration, at + 6, 2) & kRedirect) != 0;
    }
    at = head >> 20;
  }
  return false;
}

AcsFacts read_acs(const fs::path& sys) {
  AcsFacts facts;
  for (const fs::path& device : entries(sys / "bus/pci/devices")) {
    if (!first_line(device / "class").starts_with("0x0604")) continue;
    const std::string configuration = bytes_of(device / "config");
    if (configuration.size() > kPlain) facts.is_readable = true;
    if (redirects(configuration)) facts.redirecting.push_back(device.filename().string());
  }
  return facts;
}

}  // namespace tutti::cli::doctor
