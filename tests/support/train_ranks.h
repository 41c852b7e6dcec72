// Ranks of a mesh on threads, for tests of the trainers.

#pragma once

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "train/group.h"

namespace tutti::train {

/// Calls f(groups) on a thread for each rank; answers what went wrong, by rank, "" if nothing.
template <class F>
std::vector<std::string> run_on_mesh(const Mesh& mesh, F f) {
  auto worlds = Communicator::threads(mesh.ranks());
  EXPECT_TRUE(worlds.ok()) << worlds.status().message();
  std::vector<std::string> failures(mesh.ranks());
  std::vector<std::thread> threads;
  for (int rank = 0; rank < mesh.ranks(); ++rank) {
    threads.emplace_back([&, rank] {
      try {
        Groups groups = Groups::make(std::move((*worlds)[rank]), mesh);
        f(groups);
      } catch (const Failure& failure) {
        failures[rank] = failure.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return failures;
}

/// The same, where nothing may go wrong.
template <class F>
void on_mesh(const Mesh& mesh, F f) {
  for (const std::string& failure : run_on_mesh(mesh, f)) EXPECT_EQ(failure, "");
}

inline Mesh mesh_of(int dp, int pp, int cp, int tp) {
  Mesh mesh;
  mesh.sizes = {dp, pp, cp, tp};
  return mesh;
}

}  // namespace tutti::train
