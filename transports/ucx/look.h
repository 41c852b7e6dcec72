// What UCX is on this host, for people who ask: its version, what it was built with, and what it
// could use here if it were left free to. Local, and needs no device. Tested by ucx_look_test.cc.

#pragma once

#include <string_view>

#include "tutti/diagnostics.h"

namespace tutti::ucx {

/// kNotSupported where UCX is missing, or this library was built without it.
Result<UcxFacts> look();

/// Adds components and transports from what ucp_context_print_info() prints: lines such as
/// "#     component 1  :  tcp" and "#      resource 1  :  md 1  dev 1  flags -- tcp/lo".
void read_context_info(std::string_view text, UcxFacts& facts);

}  // namespace tutti::ucx
