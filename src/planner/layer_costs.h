// Seconds of the layers and of the head of a model on one rank, for one micro-batch: a roofline for
// computation, collective_costs.h for communication.
//
// Tested by planner_estimate_test.cc.

#pragma once

#include "planner/collective_costs.h"
#include "planner/host_calls.h"
#include "planner/layer.h"

namespace tutti::planner {

/// Seconds forward and backward; exposed communication is not in the former.
struct LayerCosts {
  double forward = 0;
  double backward = 0;  // gradients of what came in …
  double weights = 0;   // … and of weights
  double again = 0;     // computed again before backward
  double tensor_forward = 0, tensor_backward = 0;
  double context_forward = 0, context_backward = 0;

  // Bytes of calls, both passes.
  double tensor_bytes = 0;
  double context_bytes = 0;

  void add(const LayerCosts& more, double times);
  double forward_pass() const { return forward + tensor_forward + context_forward; }
  double backward_pass() const { return again + backward + tensor_backward + context_backward; }
  double all() const { return forward_pass() + backward_pass() + weights; }
};

/// What costs depend on beside the layer.
struct CostContext {
  const MachineShape& machine;
  const ModelShape& model;
  Job job;
  Layout layout;
  Share share;
  GroupShape tensor;
  GroupShape context;
  GroupShape pipeline;
  double element = 2;  // bytes of a number
  double cached = 0;   // share of what kernels move that is in the cache
  HostCalls* calls;    // where devices share the cores of their node; else null

  /// What is given must outlive it.
  CostContext(const Problem& problem, const Layout& layout, HostCalls* calls);

  /// Seconds of collectives of a group, by the bytes of the largest buffer: all ranks' parts.
  double all_gather(const GroupShape& group, double bytes) const;
  double reduce_scatter(const GroupShape& group, double bytes) const;
  double all_reduce(const GroupShape& group, double bytes) const;
  double pass(const GroupShape& group, double bytes) const;
  /// Seconds until who shares a core takes a message; in pass() already.
  double turn() const;
  /// What a stage hands on of a micro-batch.
  double hidden_bytes() const;
  /// In which a host gives a collective of the group to its device.
  double call_seconds(const GroupShape& group) const;

 private:
  /// Whether the tuner is asked.
  bool on_host(const GroupShape& group) const { return calls != nullptr && group.nodes <= 1; }
};

LayerCosts costs_of(const CostContext& context, const LayerRun& run);
/// What lies before the layers, and after them.
LayerCosts embedding_costs(const CostContext& context);
LayerCosts head_costs(const CostContext& context);

}  // namespace tutti::planner
