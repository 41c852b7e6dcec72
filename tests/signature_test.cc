// Tests src/executor/signature.cc: whatever ranks can disagree about shows.
// ROOMS: executor
// TIER: fast
// SANITIZERS: address

#include "executor/signature.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <set>
#include <vector>

#include "executor/cpu/job.h"

namespace tutti {
namespace {

void for_all_facts(const std::function<void(const SignatureFacts&)>& visit) {
  for (int collective = 0; collective < kCollectives; ++collective) {
    for (int type = 0; type < kDataTypes; ++type) {
      for (int reduction = 0; reduction < kReductions; ++reduction) {
        for (const bool variable : {false, true}) {
          for (const int root : {0, 1, 255, 65536, 1 << 23}) {
            visit({static_cast<Collective>(collective), static_cast<DataType>(type),
                   static_cast<Reduction>(reduction), variable, root});
          }
        }
      }
    }
  }
}

TEST(Signature, UnpackIsTheInverseOfPack) {
  for_all_facts([](const SignatureFacts& facts) {
    const SignatureFacts back = unpack(pack(facts));
    EXPECT_EQ(back.collective, facts.collective);
    EXPECT_EQ(back.type, facts.type);
    EXPECT_EQ(back.reduction, facts.reduction);
    EXPECT_EQ(back.variable, facts.variable);
    EXPECT_EQ(back.root, facts.root);
  });
}

TEST(Signature, DifferentFactsPackDifferently) {
  std::set<std::uint64_t> words;
  std::size_t facts_seen = 0;
  for_all_facts([&](const SignatureFacts& facts) {
    words.insert(pack(facts));
    ++facts_seen;
  });
  EXPECT_EQ(words.size(), facts_seen);
}

// Lines carry the lower half of the digest of all calls so far.
std::uint32_t shown(std::uint64_t chain) { return static_cast<std::uint32_t>(chain); }

TEST(Signature, ShortHistoriesOfSmallCallsShowDifferently) {
  std::set<std::uint32_t> seen;
  std::size_t histories = 0;
  for (std::uint64_t first = 0; first < 64; ++first) {
    for (std::uint64_t second = 0; second < 64; ++second) {
      seen.insert(shown(mix(mix(1, first), second)));
      ++histories;
    }
  }
  EXPECT_EQ(seen.size(), histories);
}

TEST(Signature, TheOrderOfCallsShows) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t start = random(), a = random() % 1000, b = a + 1 + random() % 1000;
    ASSERT_NE(shown(mix(mix(start, a), b)), shown(mix(mix(start, b), a)));
  }
}

std::uint64_t digest_of(const std::uint64_t (&words)[3]) {
  Job job;
  job.set_signature({words[0], words[1], words[2]});
  return job.signature_digest;
}

// One bit, anywhere in any of the three words, at any length of history afterwards.
TEST(Signature, OneBitOfOneCallShowsForEver) {
  std::mt19937_64 random(2);
  for (int bit = 0; bit < 3 * 64; ++bit) {
    const std::uint64_t before = random();
    std::uint64_t words[3] = {random() % 65536, random() % 4096, 0};
    std::uint64_t one = mix(before, digest_of(words));
    words[bit / 64] ^= std::uint64_t{1} << bit % 64;
    std::uint64_t other = mix(before, digest_of(words));
    for (int later = 0; later < 100; ++later) {
      ASSERT_NE(shown(one), shown(other)) << "bit " << bit << ", " << later << " calls later";
      const std::uint64_t call = random();
      one = mix(one, call);
      other = mix(other, call);
    }
  }
}

TEST(Signature, CountsPerRankAreToldApart) {
  const std::vector<std::vector<std::size_t>> lists = {
      {}, {0}, {0, 0}, {1}, {1, 0}, {0, 1}, {2}, {1, 1}, {1, 2, 3}, {3, 2, 1}, {1, 3, 2}};
  std::set<std::uint64_t> digests;
  for (const auto& list : lists) digests.insert(digest(list));
  EXPECT_EQ(digests.size(), lists.size());
}

TEST(Signature, IsDescribedAsThePersonCalledIt) {
  const auto text = [](const SignatureFacts& facts, std::uint64_t count) {
    return describe({pack(facts), count, 0});
  };
  EXPECT_EQ(text({Collective::kAllReduce, DataType::kFloat32, Reduction::kSum, false, 0}, 1048576),
            "all_reduce (float, 1048576, sum)");
  EXPECT_EQ(text({Collective::kBroadcast, DataType::kFloat32, Reduction::kSum, false, 3}, 8),
            "broadcast (float, 8, root 3)");
  EXPECT_EQ(text({Collective::kReduce, DataType::kInt64, Reduction::kMax, false, 1}, 8),
            "reduce (int64, 8, max, root 1)");
  EXPECT_EQ(text({Collective::kAllGather, DataType::kUint8, Reduction::kSum, true, 0}, 8),
            "all_gather_v (uint8, 8)");
  EXPECT_EQ(text({Collective::kBarrier, DataType::kUint8, Reduction::kSum, false, 0}, 0),
            "barrier");
}

}  // namespace
}  // namespace tutti
