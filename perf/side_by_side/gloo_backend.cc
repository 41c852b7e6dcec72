// gloo over TCP on the loopback interface, the one way that it offers inside a host. The calls are
// those that PyTorch makes, and for reduce_scatter, which has no such call, gloo's older algorithm
// (in place).

#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/alltoall.h>
#include <gloo/barrier.h>
#include <gloo/broadcast.h>
#include <gloo/math.h>
#include <gloo/reduce.h>
#include <gloo/reduce_scatter.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/transport/tcp/device.h>

#include <stdexcept>
#include <vector>

#include "worker.h"

namespace side_by_side {
namespace {

using Sum = void (*)(void*, const void*, const void*, std::size_t);
constexpr Sum kSum = &gloo::sum<float>;

class GlooBackend final : public Backend {
 public:
  explicit GlooBackend(const Arguments& arguments)
      : rank_(arguments.rank), ranks_(arguments.ranks) {
    std::shared_ptr<gloo::transport::Device> device =
        gloo::transport::tcp::CreateDevice(gloo::transport::tcp::attr("127.0.0.1"));
    gloo::rendezvous::FileStore store(arguments.directory);
    auto context = std::make_shared<gloo::rendezvous::Context>(rank_, ranks_);
    context->connectFullMesh(store, device);
    context_ = context;
  }

  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }

  void barrier() override {
    gloo::BarrierOptions options(context_);
    gloo::barrier(options);
  }

  Prepared prepare(const Shape& shape, float* input, float* output) override {
    switch (shape.collective) {
      case Collective::kAllReduce:
        return all_reduce(shape, input, output);
      case Collective::kAllGather:
        return buffers<gloo::AllgatherOptions>(shape, input, output, &gloo::allgather);
      case Collective::kReduceScatter:
        return reduce_scatter(shape, input);
      case Collective::kAllToAll:
        return buffers<gloo::AlltoallOptions>(shape, input, output, &gloo::alltoall);
      case Collective::kBroadcast:
        return broadcast(shape, input, output);
      case Collective::kReduce:
        return reduce(shape, input, output);
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

 private:
  template <class Options>
  Prepared buffers(const Shape& shape, float* input, float* output, void (*call)(Options&)) {
    auto options = std::make_shared<Options>(context_);
    options->setInput(input, shape.input_count());
    options->setOutput(output, shape.output_count());
    return {[options, call] { call(*options); }, output};
  }

  Prepared all_reduce(const Shape& shape, float* input, float* output) {
    auto options = std::make_shared<gloo::AllreduceOptions>(context_);
    options->setInput(input, shape.input_count());
    options->setOutput(output, shape.output_count());
    options->setReduceFunction(kSum);
    return {[options] { gloo::allreduce(*options); }, output};
  }

  Prepared reduce(const Shape& shape, float* input, float* output) {
    auto options = std::make_shared<gloo::ReduceOptions>(context_);
    options->setInput(input, shape.input_count());
    options->setOutput(output, shape.output_count());
    options->setReduceFunction(kSum);
    options->setRoot(0);
    return {[options] { gloo::reduce(*options); }, output};
  }

  Prepared broadcast(const Shape& shape, float* input, float* output) {
    float* buffer = rank_ == 0 ? input : output;
    auto options = std::make_shared<gloo::BroadcastOptions>(context_);
    options->setOutput(buffer, shape.output_count());
    options->setRoot(0);
    return {[options] { gloo::broadcast(*options); }, buffer};
  }

  Prepared reduce_scatter(const Shape& shape, float* input) {
    const std::vector<int> parts(static_cast<std::size_t>(ranks_),
                                 static_cast<int>(shape.part_count()));
    auto algorithm = std::make_shared<gloo::ReduceScatterHalvingDoubling<float>>(
        context_, std::vector<float*>{input}, static_cast<int>(shape.input_count()), parts);
    return {[algorithm] { algorithm->run(); }, input};
  }

  int rank_;
  int ranks_;
  std::shared_ptr<gloo::Context> context_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(const Arguments& arguments) {
  return std::make_unique<GlooBackend>(arguments);
}

}  // namespace side_by_side
