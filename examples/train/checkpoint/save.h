// Saves training checkpoints (manifest.h) while training goes on: save() copies what a rank has,
// and a thread of each rank writes the copy; after the last rank is done, rank 0 gives the folder
// its name. So a run that ends at any moment leaves the checkpoint before.
//
// All ranks must see the same folder. Calls are collective, on one thread of each rank.
//
// Tested by train_checkpoint_test.cc, which stops after every operation of the disk.

#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "train/array.h"
#include "train/checkpoint/disk.h"
#include "train/checkpoint/manifest.h"
#include "train/checkpoint/state.h"
#include "train/checkpoint/tensor_store.h"
#include "train/group.h"

namespace tutti::train {

struct SaveSettings {
  std::string folder;
  int keep = 2;             // complete checkpoints; older ones are removed
  double deadline_s = 600;  // for the slowest rank's writing
};

/// What a checkpoint says besides its tensors.
struct SaveInfo {
  long step = 0;
  std::uint64_t seed = 0;
  std::uint64_t samples = 0;                      // that were used
  std::string settings = {};                      // a digest
  std::map<std::string, std::string> texts = {};  // files by name: config.json …
};

template <class T>
class CheckpointSaver {
 public:
  /// Makes the folder and removes what is unfinished in it. Fails where it has checkpoints of steps
  /// after `first_step`, which the run begins with: they would be taken for its own.
  CheckpointSaver(Groups& groups, Disk& disk, SaveSettings settings, long first_step);
  /// Waits for this rank's writing. What is not complete then is removed by the next run.
  ~CheckpointSaver();

  /// Copies, and begins to write. Finishes the one before. Nothing happens if there is a complete
  /// checkpoint of the step.
  void save(const SaveInfo& info, const RankState<T>& state);

  /// To be called after every step: completes the checkpoint if all ranks have written it. Fails
  /// with what went wrong on any rank. Costs nothing when none is being saved.
  void poll();

  /// Waits until the checkpoint being saved is complete.
  void finish();

  /// Of the last complete one that this run has saved or begun with; below 0: none.
  long last_step() const { return last_step_; }

 private:
  // Of the numbers of a slice.
  struct Copy {
    SliceName name;
    const T* weights;
    const T* first_moments;
    const T* second_moments;
  };
  // What the thread answers.
  struct Written {
    std::string error;  // "": none
    FileRecord model;
    FileRecord optimizer;
  };

  void copy(const RankState<T>& state);
  Written write(const std::string& folder) const;
  bool all_have_written();
  std::vector<FileRecord> gather_records(const Written& mine);
  void complete(std::vector<FileRecord> files);
  void remove_old() const;

  std::string path(const std::string& name) const { return settings_.folder + "/" + name; }
  std::string partial() const;

  Groups& groups_;
  Disk& disk_;
  const SaveSettings settings_;
  long last_step_ = -1;

  std::optional<SaveInfo> saving_;
  std::vector<Copy> copies_;
  Array<T> numbers_;  // of the copies
  std::future<Written> writing_;
};

}  // namespace tutti::train
