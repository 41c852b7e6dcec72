// The reference execution: takes the steps of one trace in turn; a put takes effect when issued.
// Tested by reference_test.cc.

#include "schedule/reference.h"

#include <algorithm>

#include "base/check.h"
#include "schedule/layout.h"
#include "schedule/trace.h"

namespace tutti {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::byte kUnwritten{0xEE};

class Reference {
 public:
  Reference(const Schedule& schedule, std::size_t chunk_bytes, const Combine& combine)
      : schedule_(schedule),
        layout_(schedule, Placement::kSeparate),
        chunk_bytes_(chunk_bytes),
        combine_(combine),
        memory_(layout_.count() * chunk_bytes, kUnwritten) {}

  void load(int rank, const Bytes& bytes) {
    const int chunks = chunks_of(schedule_, Space::kInput, rank);
    TUTTI_CHECK(bytes.size() == chunks * chunk_bytes_, "rank %d: %zu bytes of input for %d chunks",
                rank, bytes.size(), chunks);
    std::copy(bytes.begin(), bytes.end(), at(rank, input(0)));
  }

  void take(const Event& event) {
    const std::vector<Step>& steps = schedule_.at(event.rank).steps;
    if (event.step == static_cast<int>(steps.size())) return;
    const Step& step = steps[event.step];
    switch (step.kind) {
      case StepKind::kCopy:
      case StepKind::kPut:
        return move(event.rank, step);
      case StepKind::kReduce:
        return reduce(event.rank, step);
      case StepKind::kSignal:
      case StepKind::kWait:
        return;
    }
  }

  Bytes output_of(int rank) {
    const std::byte* first = at(rank, output(0));
    return Bytes(first, first + chunks_of(schedule_, Space::kOutput, rank) * chunk_bytes_);
  }

 private:
  std::byte* at(int rank, Chunk chunk) {
    return memory_.data() + layout_.location(rank, chunk) * chunk_bytes_;
  }

  void move(int rank, const Step& step) {
    std::copy_n(at(rank, step.sources[0]), chunk_bytes_, at(rank, step.target));
  }

  void reduce(int rank, const Step& step) {
    std::vector<const std::byte*> sources;
    for (const Chunk& source : step.sources) sources.push_back(at(rank, source));
    combine_(sources, at(rank, step.target), chunk_bytes_);
  }

  const Schedule& schedule_;
  const Layout layout_;
  const std::size_t chunk_bytes_;
  const Combine& combine_;
  Bytes memory_;
};

}  // namespace

std::vector<Bytes> execute_reference(const Schedule& schedule, const std::vector<Bytes>& inputs,
                                     std::size_t chunk_bytes, const Combine& combine) {
  TUTTI_CHECK(static_cast<int>(inputs.size()) == schedule.ranks, "%zu inputs for %d ranks",
              inputs.size(), schedule.ranks);
  Reference reference(schedule, chunk_bytes, combine);
  for (int rank = 0; rank < schedule.ranks; ++rank) reference.load(rank, inputs[rank]);
  for (const Event& event : trace(schedule).events) reference.take(event);
  std::vector<Bytes> outputs;
  for (int rank = 0; rank < schedule.ranks; ++rank) outputs.push_back(reference.output_of(rank));
  return outputs;
}

}  // namespace tutti
