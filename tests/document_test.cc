// Keeps docs/algorithms.md what the catalog says. Tests algorithms/document.cc.
//
// ROOMS: algorithms
// TIER: fast
// SANITIZERS: none

#include "algorithms/document.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "algorithms/catalog.h"

namespace tutti {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(Document, IsTheOneInTheFolder) {
  const fs::path committed = fs::path(TUTTI_TESTS).parent_path() / "docs/algorithms.md";
  const fs::path made = fs::current_path() / "algorithms.md";
  const std::string page = document_catalog();
  std::ofstream(made) << page;
  // Not EXPECT_EQ: what helps is how to renew the page, not a thousand lines of it.
  EXPECT_TRUE(contents(committed) == page)
      << "out of date; renew it with: cp " << made.string() << " " << committed.string();
}

TEST(Document, NamesEveryAlgorithmOnceInItsCollective) {
  const std::string page = document_catalog();
  for (const Algorithm& algorithm : catalog()) {
    const std::string chapter = "\n## " + std::string(name(algorithm.collective)) + "\n";
    const std::size_t begin = page.find(chapter);
    ASSERT_NE(begin, std::string::npos) << chapter;
    const std::string text = page.substr(begin, page.find("\n## ", begin + 1) - begin);
    const std::string heading = "\n### " + std::string(algorithm.name) + "\n";
    const std::size_t first = text.find(heading);
    ASSERT_NE(first, std::string::npos) << chapter << heading;
    EXPECT_EQ(text.find(heading, first + 1), std::string::npos) << chapter << heading;
  }
}

TEST(Document, GivesCostsAsFractionsOfABuffer) {
  const std::string page = document_catalog();
  const std::size_t ring = page.find("### ring");
  EXPECT_NE(page.find("| 4 | 6 | 3/2 S | 3/2 S | 3/4 S |", ring), std::string::npos);
}

}  // namespace
}  // namespace tutti
