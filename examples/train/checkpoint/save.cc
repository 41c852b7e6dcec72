#include "train/checkpoint/save.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "train/checkpoint/agree.h"
#include "train/checkpoint/checksum.h"
#include "train/checkpoint/names.h"
#include "train/checkpoint/slices.h"
#include "train/checkpoint/tensor_file.h"
#include "train/failure.h"

namespace tutti::train {
namespace {

using Clock = std::chrono::steady_clock;

void make_folders(Disk& disk, const std::string& path) {
  std::filesystem::path made;
  for (const auto& name : std::filesystem::path(path)) {
    made /= name;
    if (!std::filesystem::is_directory(made)) disk.make_folder(made.string());
  }
}

void remove_folder(Disk& disk, const std::string& path) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    files.push_back(entry.path().string());
  }
  for (const std::string& file : files) disk.remove(file);
  disk.remove(path);
}

FileRecord write_text(Disk& disk, const std::string& folder, const std::string& name,
                      const std::string& text) {
  write_file(disk, folder + "/" + name, text);
  return {name, text.size(), crc32c(std::as_bytes(std::span(text)))};
}

// What this rank is to save: ranks that all have everything share it out.
template <class T>
std::vector<Shard> shards_to_save(const RankState<T>& state, const Group& replicas) {
  const long size = state.layout->size;
  const long ranks = state.replicated ? replicas.ranks() : 1;
  const long rank = state.replicated ? replicas.rank() : 0;
  const Shard mine{size * rank / ranks, size * (rank + 1) / ranks};
  std::vector<Shard> shards;
  for (const ShardState<T>& shard : state.shards) {
    const long begin = std::max(shard.shard.begin, mine.begin);
    shards.push_back({begin, std::max(begin, std::min(shard.shard.end, mine.end))});
  }
  return shards;
}

// Copies of a tensor that another rank saves.
bool saved_elsewhere(const TensorRow& row, int tensor_rank) {
  return !row.tied_to.empty() || (row.cut == Cut::kWhole && tensor_rank != 0);
}

}  // namespace

template <class T>
CheckpointSaver<T>::CheckpointSaver(Groups& groups, Disk& disk, SaveSettings settings,
                                    long first_step)
    : groups_(groups), disk_(disk), settings_(std::move(settings)) {
  std::int64_t last = -1;
  agree_after(groups_.world, [&] {
    if (groups_.world.rank() != 0) return;
    make_folders(disk_, settings_.folder);
    for (const std::string& name : leftovers(settings_.folder)) remove_folder(disk_, path(name));
    const std::vector<long> steps = complete_steps(settings_.folder);
    if (steps.empty() || steps.back() < first_step) return;
    last = steps.back();
    if (last == first_step) return;
    throw Failure(settings_.folder + ": has a checkpoint of step " + std::to_string(last) +
                  ", and the run begins with step " + std::to_string(first_step) +
                  "; expected to resume from it, or another folder");
  });
  groups_.world.broadcast(std::span(&last, 1), 0);
  last_step_ = last;
}

template <class T>
CheckpointSaver<T>::~CheckpointSaver() {
  if (writing_.valid()) writing_.wait();
}

template <class T>
std::string CheckpointSaver<T>::partial() const {
  return path(step_name(saving_->step) + ".partial");
}

template <class T>
void CheckpointSaver<T>::save(const SaveInfo& info, const RankState<T>& state) {
  finish();
  if (info.step == last_step_) return;
  saving_ = info;
  agree_after(groups_.world, [&] {
    if (groups_.world.rank() == 0) disk_.make_folder(partial());
  });
  copy(state);
  writing_ = std::async(std::launch::async, [this, folder = partial()] { return write(folder); });
}

template <class T>
void CheckpointSaver<T>::copy(const RankState<T>& state) {
  const auto shards = shards_to_save(state, groups_.gradients);
  const int tensor_rank = groups_.at(Dimension::kTensor);
  std::size_t elements = 0;
  for (const Shard& shard : shards) elements += static_cast<std::size_t>(shard.size());
  numbers_.resize(3 * elements);
  copies_.clear();
  T* to = numbers_.data();
  const auto keep = [&](const T* from, long count) {
    to = std::copy_n(from, count, to);
    return to - count;
  };
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const Slice& slice : slices_of(*state.layout, shards[i])) {
      const Placed& placed = state.layout->tensors[slice.tensor];
      if (saved_elsewhere(placed.row, tensor_rank)) continue;
      const ShardState<T>& from = state.shards[i];
      const long at = slice.offset - from.shard.begin;
      copies_.push_back({{placed.file.name, placed.file.shape, part_in_file(*state.layout, slice)},
                         keep(from.weights + at, slice.size()),
                         keep(from.first_moments + at, slice.size()),
                         keep(from.second_moments + at, slice.size())});
    }
  }
}

// On a thread of its own: uses copies_ and disk_, which nobody else does meanwhile.
template <class T>
typename CheckpointSaver<T>::Written CheckpointSaver<T>::write(const std::string& folder) const {
  const int rank = groups_.world.rank();
  const int ranks = groups_.world.ranks();
  try {
    ListedTensors model, moments;
    for (const Copy& copy : copies_) {
      model.add(copy.name, copy.weights);
      moments.add(named(copy.name, first_moment), copy.first_moments);
      moments.add(named(copy.name, second_moment), copy.second_moments);
    }
    return {"", model.write(disk_, folder, model_file(rank, ranks)),
            moments.write(disk_, folder, optimizer_file(rank, ranks))};
  } catch (const std::exception& error) {
    return {error.what(), {}, {}};
  }
}

template <class T>
bool CheckpointSaver<T>::all_have_written() {
  const std::int64_t mine =
      writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready ? 1 : 0;
  std::int64_t ready = mine;
  groups_.world.all_reduce(std::span(&ready, 1));
  return ready == groups_.world.ranks();
}

template <class T>
void CheckpointSaver<T>::poll() {
  if (!saving_ || !all_have_written()) return;
  const Written mine = writing_.get();
  agree(groups_.world, mine.error);
  complete(gather_records(mine));
  last_step_ = saving_->step;
  saving_.reset();
}

template <class T>
void CheckpointSaver<T>::finish() {
  const auto deadline = Clock::now() + std::chrono::duration<double>(settings_.deadline_s);
  for (poll(); saving_; poll()) {
    const bool late = Clock::now() > deadline;
    const bool mine = writing_.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready;
    agree(groups_.world, late && mine ? partial() + ": not written within " +
                                            std::to_string(settings_.deadline_s) + " s"
                                      : "");
  }
}

template <class T>
std::vector<FileRecord> CheckpointSaver<T>::gather_records(const Written& mine) {
  const std::uint64_t numbers[] = {mine.model.bytes, mine.model.crc32c, mine.optimizer.bytes,
                                   mine.optimizer.crc32c};
  const int ranks = groups_.world.ranks();
  std::vector<std::uint64_t> all(std::size(numbers) * static_cast<std::size_t>(ranks));
  groups_.world.all_gather(std::span<const std::uint64_t>(numbers), std::span(all));
  std::vector<FileRecord> records;
  for (int rank = 0; rank < ranks; ++rank) {
    const std::uint64_t* const of = all.data() + 4 * rank;
    records.push_back({model_file(rank, ranks), of[0], static_cast<std::uint32_t>(of[1])});
    records.push_back({optimizer_file(rank, ranks), of[2], static_cast<std::uint32_t>(of[3])});
  }
  return records;
}

template <class T>
void CheckpointSaver<T>::complete(std::vector<FileRecord> files) {
  agree_after(groups_.world, [&] {
    if (groups_.world.rank() != 0) return;
    const std::string folder = partial();
    for (const auto& [name, text] : saving_->texts) {
      files.push_back(write_text(disk_, folder, name, text));
    }
    const std::string manifest = to_json(Manifest{saving_->step, saving_->seed, saving_->samples,
                                                  groups_.mesh, saving_->settings, files});
    const FileRecord record = write_text(disk_, folder, kManifestFile, manifest);
    disk_.sync_folder(folder);
    write_file(disk_, folder + "/" + kCompleteFile, std::to_string(record.crc32c) + "\n");
    disk_.sync_folder(folder);
    disk_.rename(folder, path(step_name(saving_->step)));
    disk_.sync_folder(settings_.folder);
    remove_old();
  });
}

// What is being removed loses its name first.
template <class T>
void CheckpointSaver<T>::remove_old() const {
  std::vector<long> steps = complete_steps(settings_.folder);
  const auto keep = static_cast<std::size_t>(std::max(settings_.keep, 1));
  steps.resize(steps.size() - std::min(steps.size(), keep));
  for (const long step : steps) {
    const std::string name = path(step_name(step));
    disk_.rename(name, name + ".partial");
    remove_folder(disk_, name + ".partial");
  }
}

template class CheckpointSaver<float>;
template class CheckpointSaver<double>;

}  // namespace tutti::train
