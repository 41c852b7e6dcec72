#include "train/data/token_samples.h"

#include "train/data/permutation.h"
#include "train/failure.h"

namespace tutti::train {

Split split_at_end(std::uint64_t tokens, double validation_share) {
  if (!(validation_share >= 0 && validation_share < 1)) {
    throw Failure("validation share " + std::to_string(validation_share) +
                  "; expected 0 or more, and less than 1");
  }
  const auto kept =
      tokens - static_cast<std::uint64_t>(static_cast<double>(tokens) * validation_share);
  return {{0, kept}, {kept, tokens}};
}

std::uint64_t TokenSamples::windows(long sequence) const {
  const auto length = static_cast<std::uint64_t>(sequence);
  if (range_.size() <= length) {
    throw Failure("tokens " + std::to_string(range_.first) + " to " + std::to_string(range_.end) +
                  " of the data: sequences of " + std::to_string(sequence) + " need " +
                  std::to_string(length + 1) + " tokens, and there are " +
                  std::to_string(range_.size()) +
                  "; expected more data, a larger share of it, or shorter sequences");
  }
  return (range_.size() - 1) / length;
}

std::uint64_t TokenSamples::first_token(std::uint64_t number, long sequence) const {
  const auto length = static_cast<std::uint64_t>(sequence);
  const std::uint64_t count = windows(sequence);
  const std::uint64_t epoch = number / count;
  const std::uint64_t window = number % count;
  if (order_ == SampleOrder::kInOrder) return range_.first + window * length;
  const RandomStream starts(seed_, "starts of epochs");
  const RandomStream order(seed_, "order of epoch " + std::to_string(epoch));
  const std::uint64_t left = (range_.size() - 1) % length;
  return range_.first + starts.below(epoch, left + 1) + permuted(window, count, order) * length;
}

std::vector<std::int32_t> TokenSamples::sample(std::uint64_t number, long sequence) const {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(sequence) + 1);
  tokens_.read(first_token(number, sequence), tokens);
  return tokens;
}

}  // namespace tutti::train
