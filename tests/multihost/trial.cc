#include "trial.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "element.h"

namespace tutti::multihost {
namespace {

constexpr std::byte kUntouched{0x5A};
constexpr std::size_t kGuard = 64;  // bytes around each buffer that nobody may touch

// The buffers, with guards around them.
class Room {
 public:
  explicit Room(const Trial& trial) : trial_(trial), width_(size_of(trial.type)) {
    const std::size_t in = trial.input_at + trial.input_count;
    const std::size_t out = trial.output_at + trial.output_count;
    const std::size_t shared = std::max(in, out) * width_;
    input_ = kGuard + trial.input_at * width_;
    output_ = kGuard + trial.output_at * width_;
    if (!trial.in_place) output_ += in * width_ + kGuard;
    bytes_.resize(trial.in_place ? shared + 2 * kGuard : output_ + out * width_ + kGuard,
                  kUntouched);
    write(input_, trial.input_count, trial.input);
  }

  ConstBuffer input() { return {&bytes_[input_], trial_.input_count, trial_.type}; }
  Buffer output() { return {&bytes_[output_], trial_.output_count, trial_.type}; }

  // The memory as it must be after the call.
  Room after() const {
    Room room = *this;
    if (trial_.expected) room.write(output_, trial_.output_count, trial_.expected);
    return room;
  }

  // "" or the first difference. In place, inputs that are no outputs may hold anything.
  std::string differs_from(const Room& right) const {
    const std::string wrong = output_differs_from(right);
    const bool may_change = trial_.in_place && trial_.expected;
    if (!wrong.empty() || may_change || bytes_ == right.bytes_) return wrong;
    return "memory beside the output was written";
  }

 private:
  void write(std::size_t at, std::size_t count, const Trial::Values& values) {
    for (std::size_t i = 0; i < count; ++i) store(&bytes_[at + i * width_], trial_.type, values(i));
  }

  std::string output_differs_from(const Room& right) const {
    for (std::size_t i = 0; i < trial_.output_count; ++i) {
      const std::size_t at = output_ + i * width_;
      if (std::memcmp(&bytes_[at], &right.bytes_[at], width_) == 0) continue;
      return "element " + std::to_string(i) + " is " +
             std::to_string(load(&bytes_[at], trial_.type)) + ", not " +
             std::to_string(load(&right.bytes_[at], trial_.type));
    }
    return "";
  }

  const Trial& trial_;
  std::size_t width_;
  std::size_t input_ = 0;
  std::size_t output_ = 0;
  std::vector<std::byte> bytes_;
};

std::string describe(const Trial& trial) {
  return trial.what + " of " + std::to_string(trial.input_count) + " to " +
         std::to_string(trial.output_count) + " " + std::string(name(trial.type)) +
         (trial.in_place ? " in place: " : ": ");
}

}  // namespace

std::string run(Communicator& comm, const Trial& trial) {
  Room room(trial);
  const Room right = room.after();
  const std::vector<Call> calls = trial.calls(room.input(), room.output());
  const Status status = comm.run(calls);
  if (!status.ok()) return describe(trial) + status.to_string();
  const std::string difference = room.differs_from(right);
  return difference.empty() ? "" : describe(trial) + difference;
}

}  // namespace tutti::multihost
