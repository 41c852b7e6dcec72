#include "tutti/topology.h"

namespace tutti {

std::string_view name(PathType type) {
  switch (type) {
    case PathType::kLocal:
      return "LOC";
    case PathType::kNvLink:
      return "NVL";
    case PathType::kNvHop:
      return "NVB";
    case PathType::kC2c:
      return "C2C";
    case PathType::kPix:
      return "PIX";
    case PathType::kPxb:
      return "PXB";
    case PathType::kP2c:
      return "P2C";
    case PathType::kPxn:
      return "PXN";
    case PathType::kPhb:
      return "PHB";
    case PathType::kSys:
      return "SYS";
    case PathType::kNet:
      return "NET";
    case PathType::kNone:
      return "DIS";
  }
  return "";
}

}  // namespace tutti
