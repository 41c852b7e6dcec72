// Tests src/base/loaded_library.cc.
//
// ROOMS: base
// TIER: fast

#include "base/loaded_library.h"

#include <gtest/gtest.h>

namespace tutti {
namespace {

TEST(LoadedLibrary, FindsFunctions) {
  LoadedLibrary library("libm.so.6");
  double (*cosine)(double) = nullptr;
  library.find("cos", cosine);
  EXPECT_EQ(library.problem(), "");
  ASSERT_NE(cosine, nullptr);
  EXPECT_EQ(cosine(0.0), 1.0);
}

TEST(LoadedLibrary, ALibraryThatIsNotThereIsNamed) {
  LoadedLibrary library("libnowhere.so.7");
  void (*nothing)() = [] {};
  library.find("nothing", nothing);
  EXPECT_EQ(nothing, nullptr);
  EXPECT_NE(library.problem().find("libnowhere.so.7"), std::string::npos) << library.problem();
}

TEST(LoadedLibrary, TheFirstFunctionThatIsMissingIsNamed) {
  LoadedLibrary library("libm.so.6");
  double (*cosine)(double) = nullptr;
  void (*nothing)() = [] {};
  library.find("tutti_nothing", nothing);
  library.find("tutti_nothing_else", nothing);
  library.find("cos", cosine);
  EXPECT_EQ(library.problem(), "it has no tutti_nothing");
  EXPECT_EQ(nothing, nullptr);
  EXPECT_NE(cosine, nullptr);
}

TEST(LoadedLibrary, WhatMayBeMissingIsNoProblem) {
  LoadedLibrary library("libm.so.6");
  void (*nothing)() = [] {};
  library.find_if_there("tutti_nothing", nothing);
  EXPECT_EQ(nothing, nullptr);
  EXPECT_EQ(library.problem(), "");
}

}  // namespace
}  // namespace tutti
