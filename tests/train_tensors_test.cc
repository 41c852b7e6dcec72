// Tests examples/train/tensors.cc: parts, layouts and first values.
//
// ROOMS: train
// SANITIZERS: none

#include <gtest/gtest.h>

#include <cmath>

#include "train/failure.h"
#include "train/tensors.h"

namespace tutti::train {
namespace {

TensorRow row_of(const std::string& name, long rows, long columns, Cut cut, int layer = 0) {
  TensorRow row;
  row.name = name;
  row.rows = rows;
  row.columns = columns;
  row.cut = cut;
  row.layer = layer;
  row.scale = 2;
  return row;
}

TEST(Part, OfWholeTensorsIsEverything) {
  EXPECT_EQ(part_of(row_of("t", 7, 6, Cut::kWhole), 2, 3), (Part{0, 7, 0, 6}));
}

TEST(Part, OfRowsIsPaddedWhereTheyDoNotDivide) {
  const TensorRow row = row_of("t", 7, 6, Cut::kRows);
  EXPECT_EQ(part_of(row, 0, 3), (Part{0, 3, 0, 6}));
  EXPECT_EQ(part_of(row, 2, 3), (Part{6, 3, 0, 6}));  // rows 7 and 8 are not there
}

TEST(Part, OfColumnsIsAnEqualShare) {
  EXPECT_EQ(part_of(row_of("t", 7, 6, Cut::kColumns), 1, 3), (Part{0, 7, 2, 2}));
}

TEST(Layout, TensorsOfALayerAreNeighboursAndLayersAreAligned) {
  const Layout layout =
      lay_out({row_of("a", 3, 5, Cut::kWhole, 0), row_of("b", 2, 5, Cut::kRows, 0),
               row_of("c", 100, 1, Cut::kWhole, 1)},
              1, 2);
  EXPECT_EQ(layout.at("a").offset, 0);
  EXPECT_EQ(layout.at("b").offset, 15);
  EXPECT_EQ(layout.at("b").size(), 5);
  EXPECT_EQ(layout.at("c").offset, 64);
  EXPECT_EQ(layout.size, 192);
  EXPECT_THROW(layout.at("d"), Failure);
}

TEST(InFiles, PackedTensorsAreTheirRowsOneAfterTheOther) {
  const auto files =
      in_files({row_of("norm", 5, 1, Cut::kWhole), row_of("in/x", 3, 5, Cut::kRows),
                row_of("in/y", 4, 5, Cut::kWhole), row_of("out", 5, 3, Cut::kColumns)});
  EXPECT_EQ(files,
            (std::vector<InFiles>{
                {"norm", {5}, 0}, {"in", {7, 5}, 0}, {"in", {7, 5}, 3}, {"out", {5, 3}, 0}}));
}

TEST(InFiles, FormsDecideWhatShapesThereAre) {
  TensorRow row = row_of("t", 5, 1, Cut::kWhole);
  row.form = Form::kMatrix;
  EXPECT_EQ(in_files({row}).front().shape, (std::vector<long>{5, 1}));
  row.form = Form::kDepthwise;
  row.columns = 4;
  row.name = "head";
  row.tied_to = "table";
  EXPECT_EQ(in_files({row}).front(), (InFiles{"table", {5, 1, 4}, 0}));
}

TEST(InFiles, AreInTheLayout) {
  const Layout layout =
      lay_out({row_of("in/x", 3, 5, Cut::kRows), row_of("in/y", 4, 5, Cut::kRows)}, 1, 2);
  EXPECT_EQ(layout.at("in/y").file, (InFiles{"in", {7, 5}, 3}));
  EXPECT_EQ(layout.at("in/y").part, (Part{2, 2, 0, 5}));
}

// What all tensor-parallel ranks begin with, put together.
std::vector<double> put_together(const TensorRow& row, int ranks) {
  std::vector<double> whole(static_cast<std::size_t>(row.size()), NAN);
  for (int rank = 0; rank < ranks; ++rank) {
    const Part part = part_of(row, rank, ranks);
    std::vector<double> values(static_cast<std::size_t>(part.size()), NAN);
    start_values(row, part, 1, values.data());
    for (long r = 0; r < part.rows; ++r) {
      for (long c = 0; c < part.columns; ++c) {
        const double value = values[static_cast<std::size_t>(r * part.columns + c)];
        if (part.first_row + r >= row.rows) {
          EXPECT_EQ(value, 0) << "padding";
          continue;
        }
        whole[static_cast<std::size_t>((part.first_row + r) * row.columns + part.first_column +
                                       c)] = value;
      }
    }
  }
  return whole;
}

TEST(StartValues, AreTheSameHoweverATensorIsCut) {
  for (const Cut cut : {Cut::kWhole, Cut::kRows, Cut::kColumns}) {
    for (const Start start : {Start::kNormal, Start::kUniform, Start::kLogColumn,
                              Start::kLogUniform, Start::kTimeStep}) {
      TensorRow row = row_of("t", 7, 60, cut);
      row.start = start;
      row.range = {1, 16, 0};
      const std::vector<double> whole = put_together(row, 1);
      for (const int ranks : {2, 3, 4, 5}) EXPECT_EQ(put_together(row, ranks), whole);
    }
  }
}

TEST(StartValues, AreNormalOrConstant) {
  TensorRow row = row_of("t", 100, 100, Cut::kWhole);
  double sum = 0, squares = 0;
  for (const double value : put_together(row, 1)) {
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 10'000, 0, 0.1);
  EXPECT_NEAR(squares / 10'000, 4, 0.3);
  row.start = Start::kConstant;
  EXPECT_EQ(put_together(row, 1), std::vector<double>(10'000, 2.0));
}

TEST(StartValues, AreUniform) {
  TensorRow row = row_of("t", 100, 100, Cut::kWhole);
  row.start = Start::kUniform;
  double sum = 0, squares = 0;
  for (const double value : put_together(row, 1)) {
    EXPECT_LE(std::abs(value), 2);
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 10'000, 0, 0.05);
  EXPECT_NEAR(squares / 10'000, 4.0 / 3, 0.05);
}

TEST(StartValues, AreLogarithmsOfColumnsOrOfUniformNumbers) {
  TensorRow row = row_of("t", 2, 3, Cut::kWhole);
  row.start = Start::kLogColumn;
  const double log2 = std::log(2.0), log3 = std::log(3.0);
  EXPECT_EQ(put_together(row, 1), (std::vector<double>{0, log2, log3, 0, log2, log3}));
  row = row_of("t", 10'000, 1, Cut::kWhole);
  row.start = Start::kLogUniform;
  row.range = {1, 16};
  double sum = 0;
  for (const double value : put_together(row, 1)) {
    EXPECT_GE(std::exp(value), 1 - 1e-12);
    EXPECT_LE(std::exp(value), 16 + 1e-12);
    sum += std::exp(value);
  }
  EXPECT_NEAR(sum / 10'000, 8.5, 0.2);
}

// Through softplus: half of the steps are below the geometric mean of the limits.
TEST(StartValues, AreBiasesOfTimeSteps) {
  TensorRow row = row_of("t", 10'000, 1, Cut::kWhole);
  row.start = Start::kTimeStep;
  row.range = {1e-3, 0.1, 2e-3};
  int below = 0, raised = 0;
  for (const double value : put_together(row, 1)) {
    const double step = std::log1p(std::exp(value));
    EXPECT_GE(step, 2e-3 * (1 - 1e-9));
    EXPECT_LE(step, 0.1 * (1 + 1e-9));
    below += step < 1e-2;
    raised += step < 2e-3 * (1 + 1e-9);
  }
  EXPECT_NEAR(below, 5000, 200);
  EXPECT_NEAR(raised, 10'000 * std::log10(2) / 2, 150);
}

TEST(StartValues, DependOnNameAndSeedAndCopiesAreAlike) {
  TensorRow row = row_of("t", 7, 6, Cut::kWhole);
  const std::vector<double> values = put_together(row, 1);
  std::vector<double> other(values.size());
  start_values(row, part_of(row, 0, 1), 2, other.data());
  EXPECT_NE(other, values);
  row.name = "u";
  EXPECT_NE(put_together(row, 1), values);
  row.tied_to = "t";
  EXPECT_EQ(put_together(row, 1), values);
}

}  // namespace
}  // namespace tutti::train
