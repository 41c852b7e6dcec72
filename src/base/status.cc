#include "tutti/status.h"

namespace tutti {

const char* name(Code code) {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kInvalidArgument:
      return "invalid argument";
    case Code::kMismatch:
      return "mismatch between ranks";
    case Code::kTimeout:
      return "timeout";
    case Code::kPeerLost:
      return "peer lost";
    case Code::kAborted:
      return "aborted";
    case Code::kNotSupported:
      return "not supported";
    case Code::kSystem:
      return "system error";
  }
  return "unknown code";
}

std::string Status::to_string() const {
  return ok() ? "ok" : std::string(name(code_)) + ": " + message_;
}

}  // namespace tutti
