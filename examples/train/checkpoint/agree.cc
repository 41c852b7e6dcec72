#include "train/checkpoint/agree.h"

#include <algorithm>
#include <vector>

#include "train/failure.h"

namespace tutti::train {

void agree(Group& group, const std::string& error) {
  const std::int64_t mine = static_cast<std::int64_t>(error.size());
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(group.ranks()));
  group.all_gather(std::span(&mine, 1), std::span(lengths));
  const auto first = std::find_if(lengths.begin(), lengths.end(), [](auto n) { return n > 0; });
  if (first == lengths.end()) return;
  const auto rank = static_cast<int>(first - lengths.begin());
  std::vector<std::uint8_t> text(static_cast<std::size_t>(*first));
  if (rank == group.rank()) text.assign(error.begin(), error.end());
  group.broadcast(std::span(text), rank);
  const std::string sentence(text.begin(), text.end());
  throw Failure(group.alone() ? sentence : "rank " + std::to_string(rank) + ": " + sentence);
}

}  // namespace tutti::train
