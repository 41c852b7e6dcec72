// The place where ranks meet: a thread that waits for all ranks and gives each its place.
//
//   rank -> root   kHello   who I am, how many we are, how long I wait, where my children reach me
//   root -> rank   kPlace   when all have come: who your parent is and where
//   rank -> root   kReady   my parent and my children are connected
//   root -> rank   kGo      everybody is ready; the connection ends here
//
// A rank that leaves in between, that comes twice, that counts differently or that waits no longer
// ends the start for all: everyone who came, and everyone who comes later, gets the same Status.
// The root sends O(1) bytes to each of n ranks and holds n connections until the end.
// Tested by bootstrap_test.cc.

#pragma once

#include <memory>

#include "bootstrap/meeting.h"

namespace tutti {

/// Opens the meeting's door and starts the thread. Sets meeting.root to where the door is;
/// meeting.job and meeting.secret are the caller's.
Result<std::unique_ptr<BootstrapRoot>> open_root(Meeting& meeting, const BootstrapOptions& options);

}  // namespace tutti
