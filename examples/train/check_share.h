// Why a mesh does not fit a model: what does not divide.

#pragma once

#include <string>

namespace tutti::train {

/// Equal shares or nothing: "heads 6: expected a multiple of tp=4". Keeps an earlier reason.
inline void check_share(std::string& why, const char* what, long value, const char* of,
                        long parts) {
  if (!why.empty() || value % parts == 0) return;
  why = std::string(what) + " " + std::to_string(value) + ": expected a multiple of " + of + "=" +
        std::to_string(parts);
}

}  // namespace tutti::train
