// Tests src/base/texts.h.
//
// ROOMS: base
// TIER: fast

#include "base/texts.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace tutti {
namespace {

namespace fs = std::filesystem;

TEST(Texts, ListsAreSplitAtCommas) {
  EXPECT_EQ(split(""), std::vector<std::string>());
  EXPECT_EQ(split("eth0"), std::vector<std::string>{"eth0"});
  EXPECT_EQ(split("eth0,mlx5_0:1"), (std::vector<std::string>{"eth0", "mlx5_0:1"}));
}

TEST(Texts, AFolderIsReadInOrderAndWhatIsNotThereIsEmpty) {
  const fs::path folder = fs::temp_directory_path() / ("texts." + std::to_string(getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "b") << "second\nline\n";
  std::ofstream(folder / "a") << "first\n";
  EXPECT_EQ(entries_of(folder), (std::vector<fs::path>{folder / "a", folder / "b"}));
  EXPECT_EQ(first_line(folder / "b"), "second");
  EXPECT_EQ(first_line(folder / "c"), "");
  EXPECT_TRUE(entries_of(folder / "c").empty());
  fs::remove_all(folder);
}

}  // namespace
}  // namespace tutti
