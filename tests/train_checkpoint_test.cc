// Tests examples/train/checkpoint: what is saved on one mesh is there on any other; what a run that
// ends while saving leaves; files that are damaged; models in and out.
//
// ROOMS: train
// TIER: fast

#include "expect_failure.h"
#include "scratch_folder.h"
#include "stopping_disk.h"
#include "train/checkpoint/checksum.h"
#include "train/checkpoint/export.h"
#include "train/checkpoint/load.h"
#include "train/checkpoint/save.h"
#include "train/checkpoint/slices.h"
#include "train/random.h"
#include "train_ranks.h"

namespace tutti::train {
namespace {

// ---- Checksums: RFC 3720, B.4

TEST(Crc32c, IsThatOfTheStandard) {
  const auto sum = [](const std::string& text) { return crc32c(std::as_bytes(std::span(text))); };
  EXPECT_EQ(sum(std::string(32, '\0')), 0x8A9136AA);
  EXPECT_EQ(sum(std::string(32, '\xff')), 0x62A8AB43);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  EXPECT_EQ(sum(rising), 0x46DD794E);
  EXPECT_EQ(sum("123456789"), 0xE3069283);
  for (std::size_t cut = 0; cut <= rising.size(); ++cut) {
    const auto bytes = std::as_bytes(std::span(rising));
    EXPECT_EQ(crc32c(bytes.subspan(cut), crc32c(bytes.first(cut))), 0x46DD794E);
  }
}

// ---- Slices

// Tensors of each cut and shape; 7 rows leave padding on two ranks or more. "mix" and "taps" are
// packed: their parts are cut each by itself, or not at all.
std::vector<TensorRow> rows_of_model(int stage, int stages) {
  std::vector<TensorRow> rows;
  const auto row = [&](const char* name, long height, long width, Cut cut, int layer) {
    rows.push_back({.name = name, .rows = height, .columns = width, .cut = cut, .layer = layer});
  };
  if (stage == 0) {
    row("embed", 7, 6, Cut::kRows, TensorRow::kBeforeLayers);
    row("layers.0.norm", 5, 1, Cut::kWhole, 0);
    row("layers.0.in", 8, 3, Cut::kRows, 0);
    row("layers.0.mix/x", 7, 4, Cut::kRows, 0);
    row("layers.0.mix/y", 3, 4, Cut::kWhole, 0);
    row("layers.0.mix/z", 6, 4, Cut::kRows, 0);
    row("layers.0.taps/x", 6, 2, Cut::kRows, 0);
    row("layers.0.taps/y", 2, 2, Cut::kWhole, 0);
    for (const std::size_t back : {1, 2}) rows[rows.size() - back].form = Form::kDepthwise;
    row("layers.0.bias/x", 6, 1, Cut::kRows, 0);
    row("layers.0.bias/y", 2, 1, Cut::kWhole, 0);
  }
  if (stage == stages - 1) {
    row("layers.1.out", 3, 12, Cut::kColumns, 1);
    row("head", 7, 6, Cut::kRows, TensorRow::kAfterLayers);
    if (stages > 1) rows.back().tied_to = "embed";
    if (stages == 1) rows.pop_back();
  }
  return rows;
}

// Every run of a layout is covered by its slices, each element once and at its place.
TEST(Slices, AreTheElementsOfARun) {
  for (int tensor_rank = 0; tensor_rank < 3; ++tensor_rank) {
    const Layout layout = lay_out(
        {{.name = "a", .rows = 7, .columns = 4, .cut = Cut::kRows}, {.name = "b", .rows = 5}},
        tensor_rank, 3);
    for (long begin = 0; begin <= 20; ++begin) {
      for (long end = begin; end <= 20; ++end) {
        std::vector<int> seen(static_cast<std::size_t>(layout.size));
        for (const Slice& slice : slices_of(layout, {begin, end})) {
          const Placed& placed = layout.tensors[slice.tensor];
          EXPECT_EQ(overlap(slice.part, {0, placed.row.rows, 0, placed.row.columns}), slice.part);
          for (long i = 0; i < slice.size(); ++i) {
            const long row = slice.part.first_row + i / slice.part.columns - placed.part.first_row;
            const long column = slice.part.first_column + i % slice.part.columns;
            EXPECT_EQ(slice.offset + i, placed.offset + row * placed.part.columns + column);
            ++seen[slice.offset + i];
          }
        }
        for (long i = 0; i < layout.size; ++i) {
          const long a_row = layout.tensors[0].part.first_row + i / 4;
          const bool value = (i < 12 && a_row < 7) || (i >= 12 && i < 17);
          ASSERT_EQ(seen[i], value && i >= begin && i < end) << begin << " " << end << " " << i;
        }
      }
    }
  }
}

// ---- Saving and loading

// What element of what tensor a number is; different for weights and moments.
double number_of(const TensorRow& row, long at_row, long column, int kind) {
  const RandomStream random(static_cast<std::uint64_t>(kind),
                            row.tied_to.empty() ? row.name : row.tied_to);
  return random.normal(static_cast<std::uint64_t>(at_row * row.columns + column));
}

// One rank's numbers as a trainer would have them.
class RankNumbers {
 public:
  // `replicated`: no ZeRO. Otherwise the layout is cut into shards of a few elements, in turns.
  RankNumbers(const Groups& groups, bool replicated)
      : layout_(lay_out(rows_of_model(groups.at(Dimension::kPipeline), groups.mesh.pp()),
                        groups.at(Dimension::kTensor), groups.mesh.tp())) {
    constexpr long kShard = 13;
    const int ranks = replicated ? 1 : groups.gradients.ranks();
    const int rank = replicated ? 0 : groups.gradients.rank();
    for (long begin = 0, n = 0; begin < layout_.size; begin += kShard, ++n) {
      if (n % ranks == rank) shards_.push_back({begin, std::min(begin + kShard, layout_.size)});
    }
    replicated_ = replicated;
    forget();
  }

  RankState<double> state() {
    RankState<double> state{&layout_, {}, replicated_};
    for (const Shard& shard : shards_) {
      state.shards.push_back({shard, numbers_[0].data() + shard.begin,
                              numbers_[1].data() + shard.begin, numbers_[2].data() + shard.begin});
    }
    return state;
  }

  void forget() {
    for (auto& numbers : numbers_) numbers.assign(static_cast<std::size_t>(layout_.size), -1);
  }
  void fill() {
    for (int kind = 0; kind < 3; ++kind) numbers_[kind] = expected(kind);
  }
  // Of all shards; padding is 0, the rest as it was.
  void expect_all() const {
    for (int kind = 0; kind < 3; ++kind) {
      const std::vector<double> all = expected(kind);
      for (const Shard& shard : shards_) {
        for (long i = shard.begin; i < shard.end; ++i) ASSERT_EQ(numbers_[kind][i], all[i]) << i;
      }
    }
  }

 private:
  std::vector<double> expected(int kind) const {
    std::vector<double> all(static_cast<std::size_t>(layout_.size));
    for (const Placed& placed : layout_.tensors) {
      for (long i = 0; i < placed.size(); ++i) {
        const long row = placed.part.first_row + i / placed.part.columns;
        const long column = placed.part.first_column + i % placed.part.columns;
        if (row >= placed.row.rows) continue;
        all[placed.offset + i] = number_of(placed.row, row, column, kind);
      }
    }
    return all;
  }

  const Layout layout_;
  std::vector<Shard> shards_;
  std::vector<double> numbers_[3];
  bool replicated_ = false;
};

SaveInfo info_of(long step) {
  SaveInfo info{.step = step, .seed = 5, .samples = static_cast<std::uint64_t>(8 * step)};
  info.settings = "a digest";
  info.texts = {{"config.json", "{}\n"}};
  return info;
}

void save_once(Groups& groups, Disk& disk, const std::string& folder, long step, bool replicated) {
  CheckpointSaver<double> saver(groups, disk, {.folder = folder}, step - 1);
  RankNumbers numbers(groups, replicated);
  numbers.fill();
  saver.save(info_of(step), numbers.state());
  numbers.forget();  // what is saved is a copy
  saver.finish();
}

TEST(Checkpoint, OfAnyMeshIsThereOnAnyOther) {
  const ScratchFolder scratch;
  const std::vector<Mesh> meshes = {mesh_of(1, 1, 1, 1),
                                    mesh_of(2, 1, 1, 1),
                                    mesh_of(1, 2, 1, 1),
                                    mesh_of(1, 1, 1, 3),
                                    mesh_of(2, 1, 2, 1),
                                    mesh_of(1, 2, 1, 2),
                                    *with_order(mesh_of(1, 2, 1, 2), "tp,cp,pp,dp")};
  LocalDisk disk;
  int n = 0;
  for (const Mesh& mesh : meshes) {
    for (const bool replicated : {false, true}) {
      const std::string folder = scratch / std::to_string(n++);
      on_mesh(mesh, [&](Groups& groups) { save_once(groups, disk, folder, 3, replicated); });
      const Checkpoint checkpoint = open_checkpoint(folder);
      EXPECT_EQ(checkpoint.manifest.step, 3);
      EXPECT_EQ(checkpoint.manifest.seed, 5u);
      EXPECT_EQ(checkpoint.manifest.samples, 24u);
      EXPECT_EQ(checkpoint.manifest.mesh.sizes, mesh.sizes);
      EXPECT_EQ(checkpoint.manifest.settings, "a digest");
      EXPECT_EQ(text_of_file(checkpoint.folder + "/config.json"), "{}\n");
      for (const Mesh& other : meshes) {
        SCOPED_TRACE(to_text(mesh) + " to " + to_text(other));
        on_mesh(other, [&](Groups& groups) {
          check_files(checkpoint, groups.world);
          RankNumbers numbers(groups, !replicated);
          load(checkpoint, numbers.state());
          numbers.expect_all();
        });
      }
    }
  }
}

TEST(Checkpoint, TheLastOnesAreKept) {
  const ScratchFolder scratch;
  const std::string folder = scratch / "a/b";
  LocalDisk disk;
  on_mesh(mesh_of(2, 1, 1, 1), [&](Groups& groups) {
    CheckpointSaver<double> saver(groups, disk, {.folder = folder, .keep = 2}, 0);
    RankNumbers numbers(groups, false);
    numbers.fill();
    for (const long step : {1, 2, 3, 3, 4}) saver.save(info_of(step), numbers.state());
    saver.finish();
    EXPECT_EQ(saver.last_step(), 4);
  });
  EXPECT_EQ(complete_steps(folder), (std::vector<long>{3, 4}));
  EXPECT_TRUE(leftovers(folder).empty());
}

TEST(Checkpoint, OfAnotherRunIsNotTakenForOwn) {
  const ScratchFolder scratch;
  LocalDisk disk;
  on_mesh({}, [&](Groups& groups) { save_once(groups, disk, scratch.path(), 7, true); });
  on_mesh({}, [&](Groups& groups) {
    EXPECT_EQ(CheckpointSaver<double>(groups, disk, {.folder = scratch.path()}, 7).last_step(), 7);
    EXPECT_EQ(
        failure_of([&] { CheckpointSaver<double>(groups, disk, {.folder = scratch.path()}, 3); }),
        scratch.path() +
            ": has a checkpoint of step 7, and the run begins with step 3; "
            "expected to resume from it, or another folder");
  });
}

// ---- Ends while saving

// Saves step 2 over step 1, until the disk stops; answers how far it came.
void save_until_stopped(StoppingDisk& disk, const std::string& folder) {
  run_on_mesh(mesh_of(2, 1, 1, 1), [&](Groups& groups) {
    CheckpointSaver<double> saver(groups, disk, {.folder = folder, .keep = 1}, 1);
    RankNumbers numbers(groups, false);
    numbers.fill();
    saver.save(info_of(2), numbers.state());
    saver.finish();
  });
}

// Whatever was done last, there is a checkpoint, all that there are are whole, and the next run
// begins with the latest.
TEST(Checkpoint, ARunThatEndsWhileSavingLeavesTheOneBefore) {
  LocalDisk local;
  const ScratchFolder before;
  on_mesh(mesh_of(1, 1, 1, 2),
          [&](Groups& groups) { save_once(groups, local, before.path(), 1, false); });
  long ended = 0, saved = 0;
  bool stopped = true;
  for (long operations = 0; stopped; ++operations) {
    SCOPED_TRACE(operations);
    const ScratchFolder scratch;
    std::filesystem::copy(before.path(), scratch.path(), std::filesystem::copy_options::recursive);
    StoppingDisk disk(operations);
    save_until_stopped(disk, scratch.path());
    stopped = disk.stopped();
    disk.lose_unsynced();

    const Checkpoint checkpoint = open_checkpoint(scratch.path());
    ended += checkpoint.manifest.step == 1;
    saved += checkpoint.manifest.step == 2;
    on_mesh({}, [&](Groups& groups) {
      for (const long step : complete_steps(scratch.path())) {
        check_files(open_checkpoint(scratch / step_name(step)), groups.world);
      }
      RankNumbers numbers(groups, false);
      load(checkpoint, numbers.state());
      numbers.expect_all();
      save_once(groups, local, scratch.path(), 3, true);
    });
    EXPECT_EQ(complete_steps(scratch.path()).back(), 3);
    EXPECT_TRUE(leftovers(scratch.path()).empty());
  }
  EXPECT_GT(ended, 15);  // operations before the name is given
  EXPECT_GT(saved, 5);   // and after
}

TEST(Checkpoint, AllRanksSayWhatWentWrongOnOne) {
  const ScratchFolder scratch;
  LocalDisk good;
  StoppingDisk bad(0);
  const auto failures = run_on_mesh(mesh_of(2, 1, 1, 1), [&](Groups& groups) {
    Disk& disk = groups.world.rank() == 1 ? static_cast<Disk&>(bad) : good;
    save_once(groups, disk, scratch.path(), 2, false);
  });
  EXPECT_EQ(failures, std::vector<std::string>(2, "rank 1: the disk has stopped"));
}

TEST(Checkpoint, DiskErrorsNameTheFileAndTheReason) {
  LocalDisk disk;
  const ScratchFolder scratch;
  scratch.file("file", "");
  EXPECT_EQ(failure_of([&] { disk.create(scratch / "none/x"); }),
            scratch / "none/x: cannot create: No such file or directory");
  EXPECT_EQ(failure_of([&] { disk.make_folder(scratch / "file/x"); }),
            scratch / "file/x: cannot make this folder: Not a directory");
  if (std::filesystem::exists("/dev/full")) {
    const auto full = disk.create("/dev/full");
    EXPECT_EQ(failure_of([&] { full->write(std::as_bytes(std::span("text"))); }),
              "/dev/full: cannot write: No space left on device");
  }
}

// ---- Damage

class DamagedCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    LocalDisk disk;
    on_mesh(mesh_of(2, 1, 1, 1),
            [&](Groups& groups) { save_once(groups, disk, scratch_.path(), 1, false); });
    folder_ = open_checkpoint(scratch_.path()).folder;
  }
  // What all ranks of two say; without the folder's name.
  std::string refusal() const {
    std::vector<std::string> said = run_on_mesh(mesh_of(2, 1, 1, 1), [&](Groups& groups) {
      check_files(open_checkpoint(scratch_.path()), groups.world);
    });
    EXPECT_EQ(said[0], said[1]);
    const std::size_t at = said[0].find(folder_ + "/");
    return at == std::string::npos ? said[0] : said[0].erase(at, folder_.size() + 1);
  }
  std::string change(const std::string& name, std::size_t at) const {
    std::string text = text_of_file(folder_ + "/" + name);
    text.at(at) ^= 1;
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
    return text;
  }

  const ScratchFolder scratch_;
  std::string folder_;
};

TEST_F(DamagedCheckpoint, ABitIsNoticed) {
  EXPECT_EQ(refusal(), "");
  change("optimizer-00002-of-00002.safetensors", 2000);
  EXPECT_TRUE(refusal().starts_with("rank 1: optimizer-00002-of-00002.safetensors: checksum "));
  change("optimizer-00002-of-00002.safetensors", 2000);
  EXPECT_EQ(refusal(), "");
}

TEST_F(DamagedCheckpoint, MissingAndShortFilesAreNoticed) {
  const std::string path = folder_ + "/model-00001-of-00002.safetensors";
  const auto size = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, 100);
  EXPECT_EQ(refusal(), "rank 0: model-00001-of-00002.safetensors: 100 bytes; expected " +
                           std::to_string(size) + ", as was written");
  std::filesystem::remove(path);
  EXPECT_EQ(refusal(),
            "rank 0: model-00001-of-00002.safetensors: cannot read: No such file or "
            "directory");
}

TEST_F(DamagedCheckpoint, TheManifestIsCheckedToo) {
  change("manifest.json", 100);
  EXPECT_NE(refusal().find("the checkpoint is damaged"), std::string::npos);
  std::filesystem::remove(folder_ + "/COMPLETE");
  EXPECT_EQ(failure_of([&] { open_checkpoint(scratch_.path()); }),
            scratch_.path() + ": no complete checkpoint; expected a file COMPLETE in it");
  EXPECT_EQ(failure_of([&] { open_checkpoint(folder_); }),
            folder_ + ": no complete checkpoint; expected a file COMPLETE in it");
}

// ---- Models

// The tensor of files is its parts' rows one after the other.
void expect_packed(const TensorStore& model) {
  std::vector<double> values(16 * 4);
  model.read("layers.0.mix", {16, 4}, {0, 16, 0, 4}, values.data());
  const double* value = values.data();
  for (const auto& [part, rows] : {std::pair("x", 7), std::pair("y", 3), std::pair("z", 6)}) {
    const TensorRow row{.name = std::string("layers.0.mix/") + part, .rows = rows, .columns = 4};
    for (long i = 0; i < row.size(); ++i) {
      ASSERT_EQ(*value++, number_of(row, i / 4, i % 4, 0)) << part << " " << i;
    }
  }
}

TEST(Model, GoesOutAndComesInAgain) {
  const ScratchFolder scratch;
  LocalDisk disk;
  const std::string run = scratch / "run";
  on_mesh(mesh_of(1, 2, 1, 2), [&](Groups& groups) { save_once(groups, disk, run, 1, false); });
  for (const std::uint64_t shard_bytes : {200u, 100'000u}) {
    const std::string folder = scratch / ("model-" + std::to_string(shard_bytes));
    export_model(open_weights(run), {folder, "{}", Element::kF64, shard_bytes}, disk);
    EXPECT_EQ(std::filesystem::exists(folder + "/model.safetensors"), shard_bytes > 200);
    EXPECT_EQ(std::filesystem::exists(folder + "/model.safetensors.index.json"),
              shard_bytes == 200);
    EXPECT_EQ(text_of_file(folder + "/config.json"), "{}");
    const TensorStore model = open_weights(folder);
    EXPECT_EQ(model.names(),
              (std::vector<std::string>{"embed", "layers.0.bias", "layers.0.in", "layers.0.mix",
                                        "layers.0.norm", "layers.0.taps", "layers.1.out"}));
    EXPECT_EQ(model.shape("layers.0.norm"), (std::vector<long>{5}));
    EXPECT_EQ(model.shape("layers.0.taps"), (std::vector<long>{8, 1, 2}));
    EXPECT_EQ(model.shape("layers.0.bias"), (std::vector<long>{8}));
    expect_packed(model);
    const TensorRow row{.name = "layers.1.out", .rows = 3, .columns = 12};
    double values[4];
    model.read(row.name, {3, 12}, {1, 2, 3, 2}, values);
    EXPECT_EQ(values[3], number_of(row, 2, 4, 0));
    EXPECT_EQ(failure_of([&] {
                export_model(model, {folder, "{}"}, disk);
              }),
              folder + ": is there already; expected a new folder's name");
  }
}

TEST(Model, NarrowNumbersAreRounded) {
  const ScratchFolder scratch;
  LocalDisk disk;
  on_mesh({}, [&](Groups& groups) { save_once(groups, disk, scratch / "run", 1, false); });
  export_model(open_weights(scratch / "run"), {scratch / "model", "{}", Element::kBf16}, disk);
  const TensorStore model = open_weights(scratch / "model");
  EXPECT_EQ(model.element("embed"), Element::kBf16);
  float value;
  model.read("embed", {7, 6}, {3, 1, 4, 1}, &value);
  const double exact = number_of({.name = "embed", .rows = 7, .columns = 6}, 3, 4, 0);
  EXPECT_NE(value, static_cast<float>(exact));
  EXPECT_NEAR(value, exact, std::abs(exact) / 256);
}

TEST(TensorStore, WhatIsMissingOrOtherwiseIsNamed) {
  const ScratchFolder scratch;
  LocalDisk disk;
  on_mesh(mesh_of(2, 1, 1, 1),
          [&](Groups& groups) { save_once(groups, disk, scratch.path(), 1, false); });
  const std::string folder = open_checkpoint(scratch.path()).folder + "/";
  const TensorStore store = open_weights(scratch.path());
  double values[100];
  EXPECT_EQ(failure_of([&] {
              store.read("nose", {1}, {0, 1, 0, 1}, values);
            }),
            folder +
                "model-00001-of-00002.safetensors and those beside it: there is no tensor "
                "nose");
  EXPECT_EQ(failure_of([&] {
              store.read("embed", {8, 6}, {0, 8, 0, 6}, values);
            }),
            folder + "model-00001-of-00002.safetensors: embed has shape [7,6]; expected [8,6]");
  const TensorStore half({folder + "model-00002-of-00002.safetensors"});
  EXPECT_EQ(failure_of([&] {
              half.read("embed", {7, 6}, {0, 7, 0, 6}, values);
            }),
            folder +
                "model-00002-of-00002.safetensors: of embed only 16 of 42 elements are there, "
                "of rows 0 to 7");
  const TensorStore twice(std::vector(2, folder + "model-00001-of-00002.safetensors"));
  EXPECT_EQ(failure_of([&] {
              twice.read("embed", {7, 6}, {0, 7, 0, 6}, values);
            }),
            folder +
                "model-00001-of-00002.safetensors: of embed some elements are there twice; "
                "expected once");
  EXPECT_EQ(failure_of([&] { open_weights(scratch / "none"); }),
            scratch / "none: expected model.safetensors or model.safetensors.index.json in it");
}

// ---- Models of others

// Two whole tensors of floats, a file of which each is at once.
std::string two_tensors(const StoredTensor& first, const StoredTensor& second) {
  std::vector<StoredTensor> tensors = {first, second};
  std::string bytes = safetensors_header(tensors, {});
  const std::size_t size = tensors[1].end / sizeof(float);
  for (std::size_t i = 0; i < size; ++i) bytes += as_bytes_of(static_cast<float>(i));
  return bytes;
}

// Into the parts that a rank has, from tensors that are packed and have three sizes.
TEST(Model, OfHuggingFaceIsReadInParts) {
  const ScratchFolder scratch;
  scratch.file("model.safetensors", two_tensors({"mix", Element::kF32, {6, 2}, 0, 0},
                                                {"taps", Element::kF32, {4, 1, 3}, 0, 0}));
  const std::vector<TensorRow> rows = {
      {.name = "mix/x", .rows = 4, .columns = 2, .cut = Cut::kRows},
      {.name = "mix/y", .rows = 2, .columns = 2, .cut = Cut::kRows},
      {.name = "taps", .rows = 4, .columns = 3, .cut = Cut::kRows, .form = Form::kDepthwise}};
  PlainUnits<double> units(lay_out(rows, 1, 2));
  load_weights(open_weights(scratch.path()), state_of(units));
  const std::vector<double> expected = {4, 5, 6, 7, 10, 11, 18, 19, 20, 21, 22, 23};
  const std::vector<double>& weights = units.all_weights();
  EXPECT_EQ(std::vector(weights.begin(), weights.begin() + 12), expected);
}

TEST(TensorStore, NamesOfMambaSsmAreHuggingFaces) {
  const ScratchFolder scratch;
  scratch.file("model.safetensors",
               two_tensors({"backbone.embedding.weight", Element::kF32, {2, 3}, 0, 0},
                           {"lm_head.weight", Element::kF32, {2, 3}, 0, 0}));
  const TensorStore model = open_weights(scratch.path());
  EXPECT_EQ(model.names(),
            (std::vector<std::string>{"backbone.embeddings.weight", "lm_head.weight"}));
  double value;
  model.read("backbone.embeddings.weight", {2, 3}, {1, 1, 1, 1}, &value);
  EXPECT_EQ(value, 4);
}

TEST(TensorStore, SizesOfOneDoNotMatterButOthersDo) {
  const ScratchFolder scratch;
  scratch.file("model.safetensors", two_tensors({"taps", Element::kF32, {4, 1, 3}, 0, 0},
                                                {"d", Element::kF32, {2, 1}, 0, 0}));
  const TensorStore model = open_weights(scratch.path());
  float values[12];
  model.read("taps", {4, 3}, {1, 1, 2, 1}, values);
  EXPECT_EQ(values[0], 5);
  model.read("d", {2}, {0, 2, 0, 1}, values);
  EXPECT_EQ(values[1], 13);
  EXPECT_EQ(failure_of([&] {
              model.read("taps", {12, 1}, {0, 12, 0, 1}, values);
            }),
            scratch / "model.safetensors: taps has shape [4,1,3]; expected [12,1]");
}

TEST(TensorStore, PicklesAreToBeConverted) {
  const ScratchFolder scratch;
  scratch.file("pytorch_model.bin", "");
  const std::string refusal = failure_of([&] { open_weights(scratch.path()); });
  EXPECT_TRUE(refusal.starts_with(scratch.path() +
                                  ": has weights in pytorch_model.bin only; expected "
                                  "model.safetensors, which PyTorch and safetensors make of it "
                                  "there: python3 -c 'import torch, "))
      << refusal;
}

}  // namespace
}  // namespace tutti::train
