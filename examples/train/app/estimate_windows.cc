// Memory of windows, group by group, from the calls that each makes in a step as estimate_volume.cc
// counts them.

#include <algorithm>

#include "train/app/rank_shape.h"
#include "tutti/tuning.h"

namespace tutti::train {
namespace {

// After as many, rings have been gone round; and larger groups are of several hosts.
constexpr int kRounds = 6;
constexpr int kMostRanks = 64;

class GroupWindows {
 public:
  GroupWindows(int ranks, const Plan& plan) : ranks_(std::min(ranks, kMostRanks)), plan_(plan) {}

  void add(Collective collective, double elements) {
    if (elements <= 0) return;
    AskedCall call;
    call.collective = collective;
    call.bytes = static_cast<std::size_t>(elements * plan_.element);
    call.host_of.assign(static_cast<std::size_t>(collective == Collective::kSendRecv ? 2 : ranks_),
                        0);
    call.cores = plan_.cores;
    (collective == Collective::kSendRecv ? messages_ : calls_).push_back(std::move(call));
  }

  // `ways`: how many neighbours messages go to and come from.
  double bytes(int ways) const {
    if (ranks_ == 1) return 0;
    return bytes_of(calls_) + ways * bytes_of(messages_);
  }

 private:
  static double bytes_of(const std::vector<AskedCall>& calls) {
    std::vector<AskedCall> all;
    for (int round = 0; round < kRounds; ++round) all.insert(all.end(), calls.begin(), calls.end());
    return must(window_bytes(all, {}, {}));
  }

  const int ranks_;
  const Plan& plan_;
  std::vector<AskedCall> calls_, messages_;
};

double tensor(const RankShape& r, const Plan& plan) {
  GroupWindows group(r.stream.tensor_ranks, plan);
  const double tokens = r.stream.S * r.stream.C;
  if (r.stream.shares_tokens) {
    group.add(Collective::kAllGather, tokens);
    group.add(Collective::kReduceScatter, tokens);
  } else {
    group.add(Collective::kAllReduce, tokens);
  }
  for (const SublayerSize& kind : r.sublayers.kinds) {
    for (const GroupCall& call : kind.tensor_calls) group.add(call.collective, call.elements);
  }
  for (const StageLayers& chunk : r.chunks) {
    const double some = std::min(r.stream.S, 512.0);
    if (r.is_last(chunk)) group.add(Collective::kAllReduce, 2 * some);
  }
  return group.bytes(0);
}

double context(const RankShape& r, const Plan& plan) {
  GroupWindows group(r.stream.context_ranks, plan);
  for (const SublayerSize& kind : r.sublayers.kinds) {
    for (const GroupCall& call : kind.context_calls) group.add(call.collective, call.elements);
  }
  return group.bytes(2);
}

// A micro-batch where weights are shards: they are gathered forward, a table once more if it is the
// head, too, and layers backward again, each before the gradients of the layer after it leave.
void add_shards(const RankShape& r, GroupWindows& group) {
  const std::vector<Unit>& units = r.cuts.units;
  const auto add = [&](Collective collective, const Unit& unit) {
    for (int b = unit.first_bucket; b < unit.end_bucket; ++b) {
      group.add(collective, static_cast<double>(r.cuts.buckets[b].size()));
    }
  };
  for (const Unit& unit : units) add(Collective::kAllGather, unit);
  if (units.front().layer < 0 && r.gathers(units.front()) > 1) {
    add(Collective::kAllGather, units.front());
  }
  bool is_there = false;
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    if (unit->layer >= 0) {
      if (!is_there) add(Collective::kAllGather, *unit);
      const auto next = std::next(unit);
      is_there = next != units.rend() && next->layer >= 0;
      if (is_there) add(Collective::kAllGather, *next);
    }
    add(Collective::kReduceScatter, *unit);
  }
}

double gradients(const RankShape& r, const Plan& plan) {
  GroupWindows group(r.gradient_ranks, plan);
  const std::vector<Bucket>& buckets = r.cuts.buckets;
  group.add(Collective::kAllReduce, 4);
  // Where shards are kept, each micro-batch makes them; a few in a row are as many.
  const int passes = r.zero >= 2 ? std::min(r.micro_batches, 3) : 1;
  for (int pass = 0; pass < passes; ++pass) {
    if (r.zero == 3) {
      add_shards(r, group);
      continue;
    }
    for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {
      group.add(r.zero == 0 ? Collective::kAllReduce : Collective::kReduceScatter,
                static_cast<double>(bucket->size()));
    }
  }
  if (r.zero == 0 || r.zero == 3) return group.bytes(0);
  for (const Bucket& bucket : buckets) {
    group.add(Collective::kAllGather, static_cast<double>(bucket.size()));
  }
  return group.bytes(0);
}

// Each end of a rank's part has a lane forward and one backward.
double lanes(const RankShape& r, const Plan& plan, const Place& place) {
  const int pp = plan.mesh.pp();
  const int rank = place[static_cast<int>(Dimension::kPipeline)];
  const int ends = plan.settings.chunks > 1 ? 2 : (rank > 0) + (rank < pp - 1);
  GroupWindows lane(pp, plan);
  lane.add(Collective::kSendRecv, r.hidden);
  return lane.bytes(2 * ends);
}

double small_calls(const Plan& plan) {
  GroupWindows group(plan.mesh.ranks(), plan);
  group.add(Collective::kAllReduce, 2);
  group.add(Collective::kAllGather, 2 * plan.mesh.ranks());
  return group.bytes(0);
}

double embeddings(const RankShape& r, const Plan& plan) {
  GroupWindows group(plan.mesh.pp() > 1 ? 2 : 1, plan);
  for (const Bucket& bucket : r.cuts.buckets) {
    const Shard shard = r.shard(bucket);
    const std::vector<TensorRun> runs = runs_of(r.layout, shard);
    const auto is_tied = [](const TensorRun& run) { return run.tensor->row.is_tied(); };
    if (!std::any_of(runs.begin(), runs.end(), is_tied)) continue;
    group.add(Collective::kAllReduce, static_cast<double>(shard.size()));
  }
  return group.bytes(0);
}

}  // namespace

double estimate_windows(const Plan& plan, const Place& place) {
  const RankShape r(plan, place);
  return tensor(r, plan) + context(r, plan) + gradients(r, plan) + lanes(r, plan, place) +
         embeddings(r, plan) + small_calls(plan);
}

}  // namespace tutti::train
