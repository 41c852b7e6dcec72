// What carries messages in a simulation: two models of one interface.
//
// Tested by network_test.cc, which both must pass.

#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "simulator/links.h"

namespace tutti {

inline constexpr double kNever = std::numeric_limits<double>::infinity();

/// A message that has arrived.
struct Arrival {
  double time = 0;
  std::uint64_t token = 0;  // as given to send()
};

class Network {
 public:
  virtual ~Network() = default;

  /// Begins to carry `bytes` along `route` at time `now`; `latency` is added behind. Times never
  /// decrease from call to call, of any of these functions.
  virtual void send(double now, const Route& route, double bytes, double latency,
                    std::uint64_t token) = 0;

  /// When something next happens if nothing else is sent before; kNever: nothing is under way.
  virtual double next() = 0;

  /// Lets it happen; the message that arrives by that, if one does. REQUIRES: next() != kNever.
  virtual std::optional<Arrival> step() = 0;

  /// Bytes that each link has carried.
  virtual const std::vector<double>& carried() const = 0;
};

/// Every link serves messages one after the other, in the order in which they reach it, and passes
/// them on as they come in (cut-through): LogGOPS with a G for each link. Cheap.
std::unique_ptr<Network> make_message_network(const Links& links);

/// All messages under way share links, max-min fairly. Dearer, and right where many messages cross.
std::unique_ptr<Network> make_flow_network(const Links& links);

}  // namespace tutti
