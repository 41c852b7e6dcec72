// Tests examples/train/data_parallel.cc, shards.cc, weight_store.cc, exact_weights.cc and
// gradient_store.cc: what every rank ends up with, whatever is sharded.
//
// ROOMS: train
// SANITIZERS: none

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "train/data_parallel.h"
#include "train/kernels/elements.h"
#include "train_ranks.h"

namespace tutti::train {
namespace {

constexpr int kLayers = 3;
constexpr int kMicroBatches = 2;

TensorRow row_of(const std::string& name, long rows, long columns, Cut cut, int layer) {
  TensorRow row;
  row.name = name;
  row.rows = rows;
  row.columns = columns;
  row.cut = cut;
  row.layer = layer;
  return row;
}

// Sizes that do not divide; a tensor that is partial and one that is cut.
std::vector<TensorRow> rows() {
  std::vector<TensorRow> rows;
  rows.push_back(row_of("words", 7, 5, Cut::kRows, TensorRow::kBeforeLayers));
  for (int layer = 0; layer < kLayers; ++layer) {
    rows.push_back(row_of("norm" + std::to_string(layer), 5, 1, Cut::kWhole, layer));
    rows.back().partial = true;
    rows.push_back(row_of("weight" + std::to_string(layer), 6, 12, Cut::kColumns, layer));
  }
  rows.push_back(row_of("norm", 1, 1, Cut::kWhole, TensorRow::kAfterLayers));
  return rows;
}

// What a rank adds to a gradient; small whole numbers, whose sums are exact.
double gradient(const Groups& groups, int micro_batch, long element) {
  return 1 + groups.world.rank() + 10 * micro_batch + element % 7;
}

// A backward pass: the head's gradient first, then layers from the last one.
void backward(DataParallel<double>& units, const Groups& groups, int micro_batch) {
  std::vector<int> order = {TensorRow::kAfterLayers};
  for (int layer = kLayers; layer-- > 0;) order.push_back(layer);
  order.push_back(TensorRow::kBeforeLayers);
  for (const int layer : order) {
    (void)units.weights(layer, Pass::kBackward);
    double* const all = units.gradients(layer);
    for (const Placed& placed : units.layout().tensors) {
      if (placed.row.layer != layer) continue;
      for (long i = placed.offset; i < placed.offset + placed.size(); ++i) {
        all[i] += gradient(groups, micro_batch, i);
      }
    }
    units.done(layer, Pass::kBackward);
  }
}

// Of all ranks that work on the same part; of a partial tensor of all tensor-parallel ranks too.
double expected_gradient(const Groups& groups, const TensorRow& row, long element) {
  double sum = 0;
  for (int rank = 0; rank < groups.mesh.ranks(); ++rank) {
    const bool same = groups.mesh.place_of(rank)[3] == groups.place[3];
    if (!same && !row.partial) continue;
    for (int m = 0; m < kMicroBatches; ++m) sum += 1 + rank + 10 * m + element % 7;
  }
  return sum;
}

void each_setting(const std::function<void(const Mesh&, const DataParallelSettings&)>& f) {
  for (const Mesh& mesh : {mesh_of(1, 1, 1, 1), mesh_of(2, 1, 1, 1), mesh_of(3, 1, 1, 1),
                           mesh_of(2, 1, 2, 1), mesh_of(2, 1, 1, 2)}) {
    for (int zero = 0; zero < 4; ++zero) {
      for (const long bucket_bytes : {1, 1 << 20}) {
        SCOPED_TRACE(testing::Message()
                     << to_text(mesh) << " zero " << zero << " bucket " << bucket_bytes);
        f(mesh, {.zero = zero, .bucket_bytes = bucket_bytes});
      }
    }
  }
}

DataParallel<double> make_units(Groups& groups, const DataParallelSettings& settings) {
  return {lay_out(rows(), groups.at(Dimension::kTensor), groups.mesh.tp()), groups, settings};
}

TEST(DataParallel, ShardsHaveTheSumsOfAllRanks) {
  each_setting([](const Mesh& mesh, const DataParallelSettings& settings) {
    on_mesh(mesh, [&](Groups& groups) {
      DataParallel<double> units = make_units(groups, settings);
      for (int step = 0; step < 2; ++step) {
        units.begin_step(kMicroBatches);
        for (int m = 0; m < kMicroBatches; ++m) backward(units, groups, m);
        units.finish_gradients();
        for (const Shard& shard : units.shards()) {
          for (const TensorRun& run : runs_of(units.layout(), shard)) {
            for (long i = run.begin; i < run.end; ++i) {
              ASSERT_EQ(units.shard_gradients(shard)[i - shard.begin],
                        expected_gradient(groups, run.tensor->row, i))
                  << run.tensor->row.name << " " << i;
            }
          }
        }
      }
    });
  });
}

TEST(DataParallel, NormCountsEachParameterOnce) {
  each_setting([](const Mesh& mesh, const DataParallelSettings& settings) {
    on_mesh(mesh, [&](Groups& groups) {
      DataParallel<double> units = make_units(groups, settings);
      units.begin_step(kMicroBatches);
      for (int m = 0; m < kMicroBatches; ++m) backward(units, groups, m);
      units.finish_gradients();
      double expected = 0;
      for (const Placed& placed : units.layout().tensors) {
        const long rows = std::min(placed.part.rows, placed.row.rows - placed.part.first_row);
        for (long i = placed.offset; i < placed.offset + rows * placed.part.columns; ++i) {
          if (placed.row.cut == Cut::kWhole && groups.tensor.rank() > 0) continue;
          expected += std::pow(expected_gradient(groups, placed.row, i), 2);
        }
      }
      groups.tensor.all_reduce(std::span(&expected, 1));
      EXPECT_DOUBLE_EQ(squared_gradient_norm(units, groups), expected);
    });
  });
}

TEST(DataParallel, WeightsThatShardsGetReachAllRanks) {
  each_setting([](const Mesh& mesh, const DataParallelSettings& settings) {
    on_mesh(mesh, [&](Groups& groups) {
      DataParallel<double> units = make_units(groups, settings);
      std::vector<double> all(static_cast<std::size_t>(units.layout().size));
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<double>(i);
      units.write_weights(all);
      (void)units.weights(1, Pass::kForward);  // may be kept from here on: must be thrown away
      for (const Shard& shard : units.shards()) {
        for (long i = shard.begin; i < shard.end; ++i) {
          units.shard_weights(shard)[i - shard.begin] += 0.5;
        }
      }
      units.share_weights();
      std::vector<double> read(all.size(), -1);
      units.read_weights(read);
      for (const Placed& placed : units.layout().tensors) {
        for (const Pass pass : {Pass::kForward, Pass::kBackward}) {
          const double* const weights = units.weights(placed.row.layer, pass);
          for (long i = placed.offset; i < placed.offset + placed.size(); ++i) {
            ASSERT_EQ(weights[i], static_cast<double>(i) + 0.5) << placed.row.name;
            ASSERT_EQ(read[static_cast<std::size_t>(i)], weights[i]);
          }
          units.done(placed.row.layer, Pass::kForward);
        }
      }
    });
  });
}

// A layer has two exact tensors that are neighbours, and one apart.
std::vector<TensorRow> rows_with_exact_ones() {
  std::vector<TensorRow> rows;
  for (int layer = 0; layer < kLayers; ++layer) {
    rows.push_back(row_of("weight" + std::to_string(layer), 6, 12, Cut::kColumns, layer));
    rows.push_back(row_of("rates" + std::to_string(layer), 13, 7, Cut::kRows, layer));
    rows.push_back(row_of("bias" + std::to_string(layer), 5, 1, Cut::kRows, layer));
    rows.push_back(row_of("norm" + std::to_string(layer), 5, 1, Cut::kWhole, layer));
    rows.push_back(row_of("skip" + std::to_string(layer), 1, 1, Cut::kWhole, layer));
    for (const std::size_t back : {1, 3, 4}) rows[rows.size() - back].exact = true;
  }
  return rows;
}

// Not to be had in bf16.
float exact_value(long element) { return 1 + 1e-3f * static_cast<float>(element); }

using RoundedUnits = DataParallel<OnDevice<Bf16>>;

// Of masters that are exact_value() times the factor.
void expect_weights(RoundedUnits& units, float factor) {
  for (const Pass pass : {Pass::kForward, Pass::kBackward}) {
    for (const Placed& tensor : units.layout().tensors) {
      const OnDevice<Bf16>* const w = units.weights(tensor.row.layer, pass);
      std::vector<float> values(static_cast<std::size_t>(tensor.size()));
      if (tensor.row.exact) {
        download<OnDevice<float>>(units.exact(w, tensor), values);
      } else {
        for (long i = 0; i < tensor.size(); ++i) {
          values[i] = static_cast<float>(w[tensor.offset + i].value);
        }
      }
      for (long i = 0; i < tensor.size(); ++i) {
        const float master = factor * exact_value(tensor.offset + i);
        ASSERT_EQ(values[i], tensor.row.exact ? master : static_cast<float>(Bf16(master)))
            << tensor.row.name << " " << i;
      }
      units.done(tensor.row.layer, Pass::kForward);
    }
  }
}

TEST(DataParallel, ExactWeightsAreTheMastersOnAllRanks) {
  each_setting([](const Mesh& mesh, const DataParallelSettings& settings) {
    on_mesh(mesh, [&](Groups& groups) {
      RoundedUnits units(lay_out(rows_with_exact_ones(), groups.at(Dimension::kTensor), mesh.tp()),
                         groups, settings);
      std::vector<float> all(static_cast<std::size_t>(units.layout().size));
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = exact_value(static_cast<long>(i));
      units.write_weights(all);
      expect_weights(units, 1);
      for (const float factor : {2.0f, 4.0f}) {
        for (const Shard& shard : units.shards()) {
          OnDevice<float>* const masters = units.shard_weights(shard);
          for (long i = 0; i < shard.size(); ++i) masters[i].value *= 2;
          narrow<OnDevice<Bf16>>(shard.size(), masters, units.rounded_weights(shard));
        }
        units.share_weights();
        expect_weights(units, factor);
      }
    });
  });
}

// Copies on two stages, beside other tensors and not at the same offset.
TEST(DataParallel, TiedCopiesGetTheSumOfBoth) {
  for (int zero = 0; zero < 4; ++zero) {
    on_mesh(mesh_of(3, 2, 1, 1), [&](Groups& groups) {
      const bool first = groups.at(Dimension::kPipeline) == 0;
      std::vector<TensorRow> rows;
      const int layer = first ? TensorRow::kBeforeLayers : TensorRow::kAfterLayers;
      if (!first) rows.push_back(row_of("norm", 5, 1, Cut::kWhole, layer));
      rows.push_back(row_of(first ? "words" : "head", 7, 5, Cut::kRows, layer));
      rows.back().has_copy = first;
      if (!first) rows.back().tied_to = "words";
      DataParallel<double> units(lay_out(rows, 0, 1), groups, {.zero = zero});
      const Placed& copy = units.layout().tensors.back();
      units.begin_step(1);
      double* const all = units.gradients(layer);
      for (long i = 0; i < copy.size(); ++i) all[copy.offset + i] += 1 + groups.world.rank() + i;
      units.done(layer, Pass::kBackward);
      units.finish_gradients();
      double seen = 0;
      for (const Shard& shard : units.shards()) {
        for (const TensorRun& run : runs_of(units.layout(), shard)) {
          for (long i = run.begin; run.tensor == &copy && i < run.end; ++i) {
            ASSERT_EQ(units.shard_gradients(shard)[i - shard.begin],
                      6 * (i - copy.offset) + 1 + 2 + 3 + 4 + 5 + 6);
            ++seen;
          }
        }
      }
      if (!units.replicates()) groups.data.all_reduce(std::span(&seen, 1));
      EXPECT_EQ(seen, copy.size());
      // Once, though it is there twice.
      double expected = 0;
      for (long i = 0; i < copy.size(); ++i) expected += std::pow(21 + 6 * i, 2);
      EXPECT_DOUBLE_EQ(squared_gradient_norm(units, groups), expected);
    });
  }
}

TEST(DataParallel, ShardsAreFewerWhereMoreRanksShare) {
  on_mesh(mesh_of(4, 1, 1, 1), [&](Groups& groups) {
    long largest = 0;
    for (int zero = 0; zero < 4; ++zero) {
      const DataParallel<double> units = make_units(groups, {.zero = zero});
      long kept = 0;
      for (const Shard& shard : units.shards()) kept += shard.size();
      if (zero == 0) largest = kept;
      EXPECT_LE(kept, zero == 0 ? largest : largest / 4 + 4 * kLayers);
    }
  });
}

TEST(DataParallel, GradientsThatAreMissingAreFound) {
  const auto failures = run_on_mesh(mesh_of(2, 1, 1, 1), [&](Groups& groups) {
    DataParallel<double> units = make_units(groups, {});
    units.begin_step(kMicroBatches);
    backward(units, groups, 0);
    units.finish_gradients();
  });
  EXPECT_EQ(failures[0], "gradients of layer -1: 1 micro-batches are missing");
  EXPECT_EQ(failures[1], failures[0]);
}

TEST(DataParallel, StagesThereAreNotAreRefused) {
  const auto failures = run_on_mesh({}, [&](Groups& groups) { make_units(groups, {.zero = 4}); });
  EXPECT_EQ(failures[0], "zero 4: expected 0, 1, 2 or 3");
}

// ---- cuts

TEST(Cuts, BucketsHaveWholeUnitsOfOnePass) {
  const Layout layout = lay_out(rows(), 0, 1);
  const Cuts one = cut(layout, 4, 1L << 30);
  ASSERT_EQ(one.units.size(), kLayers + 2u);
  // Before, all layers, after.
  ASSERT_EQ(one.buckets.size(), 3u);
  EXPECT_EQ(one.buckets[1].first_unit, 1);
  EXPECT_EQ(one.buckets[1].end_unit, 1 + kLayers);
  const Cuts each = cut(layout, 4, 0);
  EXPECT_EQ(each.buckets.size(), each.units.size());
}

TEST(Cuts, ChunksOfAPipelineAreNotJoined) {
  std::vector<TensorRow> rows;
  for (const int layer : {0, 1, 4, 5}) {
    rows.push_back(row_of(std::to_string(layer), 8, 8, Cut::kWhole, layer));
  }
  const Cuts cuts = cut(lay_out(rows, 0, 1), 2, 1L << 30);
  ASSERT_EQ(cuts.buckets.size(), 2u);
  EXPECT_TRUE(cuts.follows(0, 1));
  EXPECT_FALSE(cuts.follows(1, 2));
}

TEST(Cuts, ExactTensorsThatAreNeighboursAreOneRun) {
  const Layout layout = lay_out(rows_with_exact_ones(), 0, 1);
  EXPECT_EQ(layout.exact_size, kLayers * (91 + 5 + 1));
  const long layer = layout.at("weight1").offset;
  const std::vector<ExactRun> runs = {{layer + 72, layer + 168, 97},
                                      {layer + 173, layer + 174, 193}};
  EXPECT_EQ(exact_runs_of(layout, {layer, layout.at("weight2").offset}), runs);
  const std::vector<ExactRun> cut = {{layer + 100, layer + 165, 125}};
  EXPECT_EQ(exact_runs_of(layout, {layer + 100, layer + 165}), cut);
}

TEST(Cuts, ShardsCoverEveryElementOnce) {
  const Layout layout = lay_out(rows(), 0, 1);
  for (const int ranks : {1, 2, 3, 7, 100}) {
    for (const long bucket : {0L, 100L, 1L << 30}) {
      std::vector<int> times(static_cast<std::size_t>(layout.size), 0);
      for (const Bucket& b : cut(layout, ranks, bucket).buckets) {
        for (int rank = 0; rank < ranks; ++rank) {
          for (const TensorRun& run : runs_of(layout, b.shard(rank))) {
            for (long i = run.begin; i < run.end; ++i) ++times[static_cast<std::size_t>(i)];
          }
        }
      }
      for (const Placed& placed : layout.tensors) {
        for (long i = placed.offset; i < placed.offset + placed.size(); ++i) {
          ASSERT_EQ(times[static_cast<std::size_t>(i)], 1) << placed.row.name << ", " << ranks;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tutti::train
