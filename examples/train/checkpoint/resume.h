// A trainer goes on where a checkpoint was made, on whatever mesh.
//
// Tested by train_resume_test.cc.

#pragma once

#include "train/checkpoint/load.h"
#include "train/trainer.h"

namespace tutti::train {

/// Before the trainer's first step. Settings (seed, batch, rates) are the caller's to keep: losses
/// go on as they would have if those are the same. Collective.
template <class T>
void resume(const Checkpoint& checkpoint, Trainer<T>& trainer) {
  TrainerState<T> state(trainer.units(), trainer.optimizer());
  load(checkpoint, state.here());
  state.put_back();
  trainer.units().share_weights();
  trainer.set_steps(checkpoint.manifest.step);
}

}  // namespace tutti::train
