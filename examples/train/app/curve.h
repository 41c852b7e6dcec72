// Losses of a run as a picture.
//
// Tested by train_step_log_test.cc.

#pragma once

#include <string>
#include <vector>

namespace tutti::train {

struct CurvePoint {
  double step = 0;
  double loss = 0;
};

/// SVG with axes, a legend and the last values. Points that are not finite are left out.
std::string draw_curve(const std::string& title, const std::vector<CurvePoint>& training,
                       const std::vector<CurvePoint>& validation);

}  // namespace tutti::train
