// Tutti through its public interface, with the options of the environment (TUTTI_ALGORITHM forces
// an algorithm). The catalog is linked beside it only to list the names that can be forced.

#include <optional>
#include <stdexcept>
#include <utility>

#include "algorithms/catalog.h"
#include "tutti/tutti.h"
#include "worker.h"

namespace side_by_side {
namespace {

void require(const tutti::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.to_string());
}

tutti::Communicator join() {
  auto communicator = tutti::Communicator::from_environment();
  require(communicator.status());
  return std::move(communicator.value());
}

class TuttiBackend final : public Backend {
 public:
  TuttiBackend() : communicator_(join()) {}

  int rank() const override { return communicator_.rank(); }
  int ranks() const override { return communicator_.ranks(); }
  void barrier() override { require(communicator_.barrier()); }

  Prepared prepare(const Shape& shape, float* input, float* output) override {
    // A broadcast leaves the root's input where it is, as MPI_Bcast does.
    if (shape.collective == Collective::kBroadcast && rank() == 0) output = input;
    const tutti::Call call = make_call(shape, input, output);
    return {[this, call] { require(communicator_.run(call)); }, output};
  }

  Memory allocate(std::size_t bytes) override {
    auto memory = communicator_.allocate(bytes);
    require(memory.status());
    auto owner = std::make_shared<tutti::Memory>(std::move(memory.value()));
    return Memory(owner->data(), [owner](void*) mutable { owner.reset(); });
  }

  std::string explain() override {
    const tutti::Explanation explanation = communicator_.explain();
    return explanation.algorithm.empty() ? "-" : explanation.algorithm;
  }

  std::string algorithms(Collective collective) override {
    std::string names;
    for (const tutti::Algorithm& algorithm : tutti::catalog()) {
      if (algorithm.collective != collective) continue;
      if (!tutti::allows(algorithm, ranks())) continue;
      if (!names.empty()) names += ' ';
      names += algorithm.name;
    }
    return names;
  }

 private:
  static tutti::Call make_call(const Shape& shape, const float* input, float* output) {
    const tutti::ConstBuffer in(input, shape.input_count(), tutti::DataType::kFloat32);
    const tutti::Buffer out(output, shape.output_count(), tutti::DataType::kFloat32);
    switch (shape.collective) {
      case Collective::kAllReduce:
        return tutti::all_reduce(in, out);
      case Collective::kAllGather:
        return tutti::all_gather(in, out);
      case Collective::kReduceScatter:
        return tutti::reduce_scatter(in, out);
      case Collective::kAllToAll:
        return tutti::all_to_all(in, out);
      case Collective::kBroadcast:
        return tutti::broadcast(in, out, 0);
      case Collective::kReduce:
        return tutti::reduce(in, out, tutti::Reduction::kSum, 0);
      case Collective::kGather:
      case Collective::kScatter:
      case Collective::kBarrier:
      case Collective::kSendRecv:
      case Collective::kScan:
      case Collective::kExclusiveScan:
        break;
    }
    throw std::runtime_error("this collective is not measured");
  }

  tutti::Communicator communicator_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(const Arguments&) { return std::make_unique<TuttiBackend>(); }

}  // namespace side_by_side
