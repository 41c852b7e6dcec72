#include "nccl/config.h"

#include <algorithm>
#include <cstring>

namespace tutti::nccl {
namespace {

constexpr ncclConfig_t kUndefined = NCCL_CONFIG_INITIALIZER;

struct Field {
  const char* name;
  int ncclConfig_t::*value;
  unsigned int since;  // the version of NCCL that brought it
  int least;
  int most;
};

constexpr int kAny = INT_MAX;
constexpr Field kFields[] = {
    {"blocking", &ncclConfig_t::blocking, NCCL_VERSION(2, 14, 0), 0, 1},
    {"cgaClusterSize", &ncclConfig_t::cgaClusterSize, NCCL_VERSION(2, 17, 0), 0, kAny},
    {"minCTAs", &ncclConfig_t::minCTAs, NCCL_VERSION(2, 17, 0), 1, kAny},
    {"maxCTAs", &ncclConfig_t::maxCTAs, NCCL_VERSION(2, 17, 0), 1, kAny},
    {"splitShare", &ncclConfig_t::splitShare, NCCL_VERSION(2, 18, 0), 0, 1},
    {"trafficClass", &ncclConfig_t::trafficClass, NCCL_VERSION(2, 26, 0), 0, kAny},
    {"collnetEnable", &ncclConfig_t::collnetEnable, NCCL_VERSION(2, 27, 0), 0, 1},
    {"CTAPolicy", &ncclConfig_t::CTAPolicy, NCCL_VERSION(2, 27, 0), 0, 3},
    {"shrinkShare", &ncclConfig_t::shrinkShare, NCCL_VERSION(2, 27, 0), 0, 1},
    {"nvlsCTAs", &ncclConfig_t::nvlsCTAs, NCCL_VERSION(2, 27, 0), 1, kAny},
    {"nChannelsPerNetPeer", &ncclConfig_t::nChannelsPerNetPeer, NCCL_VERSION(2, 28, 0), 1, kAny},
    {"nvlinkCentricSched", &ncclConfig_t::nvlinkCentricSched, NCCL_VERSION(2, 28, 0), 0, 1},
};

Status wrong(const std::string& what) { return {Code::kInvalidArgument, "config->" + what}; }

// The caller's structure in our size.
Result<ncclConfig_t> copy_of(const ncclConfig_t* config) {
  if (config->magic != kUndefined.magic) {
    return wrong("magic is wrong: expected a structure that NCCL_CONFIG_INITIALIZER has made");
  }
  constexpr std::size_t kHead = offsetof(ncclConfig_t, blocking);
  if (config->size < kHead) {
    return wrong("size is " + std::to_string(config->size) + ": expected at least " +
                 std::to_string(kHead));
  }
  ncclConfig_t copy = kUndefined;
  std::memcpy(&copy, config, std::min(config->size, sizeof copy));
  for (const Field& field : kFields) {
    if (copy.version < field.since) copy.*field.value = NCCL_CONFIG_UNDEF_INT;
  }
  if (copy.version < NCCL_VERSION(2, 27, 0)) copy.commName = nullptr;
  return copy;
}

Status check(const ncclConfig_t& config) {
  for (const Field& field : kFields) {
    const int value = config.*field.value;
    if (value == NCCL_CONFIG_UNDEF_INT || (value >= field.least && value <= field.most)) continue;
    const std::string most = field.most == kAny ? " or more" : " to " + std::to_string(field.most);
    return wrong(std::string(field.name) + " is " + std::to_string(value) + ": expected " +
                 std::to_string(field.least) + most);
  }
  if (config.maxCTAs != NCCL_CONFIG_UNDEF_INT && config.minCTAs > config.maxCTAs) {
    return wrong("minCTAs is " + std::to_string(config.minCTAs) + ": expected at most maxCTAs, " +
                 std::to_string(config.maxCTAs));
  }
  return {};
}

}  // namespace

Result<Settings> read_config(const ncclConfig_t* config, const Settings& inherited) {
  if (config == nullptr) return inherited;
  const Result<ncclConfig_t> copy = copy_of(config);
  if (!copy.ok()) return copy.status();
  if (Status status = check(*copy); !status.ok()) return status;
  Settings settings = inherited;
  if (copy->blocking != NCCL_CONFIG_UNDEF_INT) settings.blocking = copy->blocking != 0;
  if (copy->maxCTAs != NCCL_CONFIG_UNDEF_INT) settings.most_blocks = copy->maxCTAs;
  if (copy->CTAPolicy != NCCL_CONFIG_UNDEF_INT) {
    settings.zero_blocks = (copy->CTAPolicy & NCCL_CTA_POLICY_ZERO) != 0;
  }
  if (copy->commName != nullptr) settings.name = copy->commName;
  return settings;
}

}  // namespace tutti::nccl
