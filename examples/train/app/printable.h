// Text that terminals show as it is.
//
// Tested by train_step_log_test.cc.

#pragma once

#include <string>
#include <string_view>

namespace tutti::train {

/// UTF-8: bytes that are none, and control characters but for the ends of lines and tabs, become
/// U+FFFD. Models of bytes make both before they have learned better.
std::string printable(std::string_view text);

}  // namespace tutti::train
