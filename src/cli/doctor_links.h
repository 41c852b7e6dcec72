// The way between two hosts: how fast it was, and whether that is what it should be.
//
// check_link() is tested by cli_doctor_test.cc.

#pragma once

#include <string>
#include <vector>

#include "cli/doctor_findings.h"
#include "tutti/tutti.h"

namespace tutti::cli::doctor {

/// An end of a link.
struct LinkEnd {
  std::string host;
  int rank = 0;
  long speed = 0;  // Mbit/s of the devices used, all together; 0: not known
};

struct Link {
  LinkEnd from;
  LinkEnd to;
  double latency_us = 0;  // a small message, one way
  double gb_per_s = 0;    // a large one
  double skew_s = 0;      // so much later it is over there
};

struct LinkTimes {
  double latency_us = 0;
  double gb_per_s = 0;
  double skew_s = 0;  // clocks with the time of day: that of `to` less that of `from`
};

/// Between ranks `from` and `to`, who both call; the times are on `from`. Takes two dozen MB.
Result<LinkTimes> measure_link(Communicator& communicator, int from, int to);

std::vector<Finding> check_link(const Link& link);

}  // namespace tutti::cli::doctor
