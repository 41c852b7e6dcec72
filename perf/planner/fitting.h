// Finds the constants of a machine that tell measured layouts best.

#pragma once

#include "layouts.h"

namespace playbook {

/// Those of `rows` that calibrate and are in the bar, by the sum of the logarithms of predicted by
/// measured, large misses counting a fifth: some rows are a hundred times too slow. `between` stays
/// as it was measured. Deterministic: steps in directions of a fixed sequence, which grow where
/// they help.
Efficiency fitted(const std::vector<MeasuredLayout>& rows);

/// The constants, by name, in a fixed order.
struct Constant {
  const char* name;
  double value;
  bool fitted;
};
std::vector<Constant> constants(const Efficiency& efficiency);

}  // namespace playbook
