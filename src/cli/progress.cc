#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

namespace tutti::cli {

using std::chrono::steady_clock;

// The first line only after a second: short runs show none.
Progress::Progress(bool wanted)
    : enabled_(wanted && isatty(STDERR_FILENO) != 0),
      next_(steady_clock::now() + std::chrono::seconds(1)) {}

void Progress::show(const std::string& what, double share) {
  if (!enabled_ || steady_clock::now() < next_) return;
  next_ = steady_clock::now() + std::chrono::milliseconds(200);
  fmt::print(stderr, "\r\033[K# {} {:.0f} %", what, share * 100);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace tutti::cli
