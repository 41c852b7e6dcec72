// Calls as values.

#include "tutti/tutti.h"

namespace tutti {
namespace {

Call make(Collective collective, ConstBuffer input, Buffer output, ReduceOp op = {}, int root = 0) {
  Call call;
  call.collective = collective;
  call.input = input;
  call.output = output;
  call.op = op;
  call.root = root;
  return call;
}

}  // namespace

Call all_reduce(ConstBuffer input, Buffer output, ReduceOp op) {
  return make(Collective::kAllReduce, input, output, op);
}

Call all_gather(ConstBuffer input, Buffer output) {
  return make(Collective::kAllGather, input, output);
}

Call reduce_scatter(ConstBuffer input, Buffer output, ReduceOp op) {
  return make(Collective::kReduceScatter, input, output, op);
}

Call all_to_all(ConstBuffer input, Buffer output) {
  return make(Collective::kAllToAll, input, output);
}

Call broadcast(ConstBuffer input, Buffer output, int root) {
  return make(Collective::kBroadcast, input, output, {}, root);
}

Call reduce(ConstBuffer input, Buffer output, ReduceOp op, int root) {
  return make(Collective::kReduce, input, output, op, root);
}

Call gather(ConstBuffer input, Buffer output, int root) {
  return make(Collective::kGather, input, output, {}, root);
}

Call scatter(ConstBuffer input, Buffer output, int root) {
  return make(Collective::kScatter, input, output, {}, root);
}

Call scan(ConstBuffer input, Buffer output, ReduceOp op, Direction direction) {
  Call call = make(Collective::kScan, input, output, op);
  call.direction = direction;
  return call;
}

Call exclusive_scan(ConstBuffer input, Buffer output, ReduceOp op, Direction direction) {
  Call call = make(Collective::kExclusiveScan, input, output, op);
  call.direction = direction;
  return call;
}

Call barrier() { return {}; }

Call send(ConstBuffer input, int peer) {
  Call call = make(Collective::kSendRecv, input, {});
  call.peer = peer;
  call.sends = true;
  return call;
}

Call receive(Buffer output, int peer) {
  Call call = make(Collective::kSendRecv, {}, output);
  call.peer = peer;
  call.sends = false;
  return call;
}

Call all_gather_v(ConstBuffer input, Buffer output, std::span<const std::size_t> counts) {
  Call call = make(Collective::kAllGather, input, output);
  call.variable = true;
  call.receive_counts = counts;
  return call;
}

Call reduce_scatter_v(ConstBuffer input, Buffer output, std::span<const std::size_t> counts,
                      ReduceOp op) {
  Call call = make(Collective::kReduceScatter, input, output, op);
  call.variable = true;
  call.send_counts = counts;
  return call;
}

Call all_to_all_v(ConstBuffer input, std::span<const std::size_t> send_counts, Buffer output,
                  std::span<const std::size_t> receive_counts) {
  Call call = make(Collective::kAllToAll, input, output);
  call.variable = true;
  call.send_counts = send_counts;
  call.receive_counts = receive_counts;
  return call;
}

}  // namespace tutti
