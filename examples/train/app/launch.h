// Ranks of a command, those that a launcher started or threads of this process, and what ends them.

#pragma once

#include <functional>

#include "train/group.h"

namespace tutti::train {

/// Runs `work` on each rank of this process. A failure that reaches here is told and ends the
/// process with 1.
void run_ranks(int threads, const std::function<void(Communicator)>& work);

/// Runs what every rank must have done well before any goes on: settings read, files found. The
/// first failure is told once, and all ranks end. Collective.
void together(Group& world, const std::function<void()>& work);
/// The same where `work` fails on all ranks alike.
void or_end_together(Group& world, const std::function<void()>& work);

/// Runs what ranks do with each other. A failure is told with the rank's name and ends the process
/// at once, and by that the run: others would wait for this rank in calls that it no longer makes,
/// and destructors for calls that have begun.
void or_end(const Group& world, const std::function<void()>& work);

/// The same, but answers false, having told it, where ranks were lost. REQUIRES: the groups that
/// `work` uses have an alarm (alarm.h), so that what it has begun ends.
bool or_lost(const Group& world, const std::function<void()>& work);

}  // namespace tutti::train
