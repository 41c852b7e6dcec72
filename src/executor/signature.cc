// Tested by signature_test.cc.

#include "executor/signature.h"

#include <algorithm>

#include "schedule/schedule.h"

namespace tutti {
namespace {

bool reduces(Collective collective) {
  return collective == Collective::kAllReduce || collective == Collective::kReduceScatter ||
         collective == Collective::kReduce || is_scan(collective);
}

bool has_root(Collective collective) {
  return collective == Collective::kBroadcast || collective == Collective::kReduce ||
         collective == Collective::kGather || collective == Collective::kScatter;
}

// A scan's root is its first rank: another one than 0 means the reverse order.
std::string words_of_scan(const SignatureFacts& facts, std::uint64_t detail) {
  const bool has_elements = facts.reduction == Reduction::kUser && detail != 0;
  std::string text = has_elements ? " on elements of " + std::to_string(detail) + " bytes" : "";
  return facts.root == 0 ? text : text + ", reverse";
}

}  // namespace

std::uint64_t pack(const SignatureFacts& f) {
  return static_cast<std::uint64_t>(f.collective) | static_cast<std::uint64_t>(f.type) << 8 |
         static_cast<std::uint64_t>(f.reduction) << 16 | std::uint64_t{f.variable} << 24 |
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(f.root)) << 32;
}

SignatureFacts unpack(std::uint64_t what) {
  return {static_cast<Collective>(what & 0xFF), static_cast<DataType>(what >> 8 & 0xFF),
          static_cast<Reduction>(what >> 16 & 0xFF), (what >> 24 & 1) != 0,
          static_cast<int>(what >> 32)};
}

std::uint64_t digest(std::span<const std::size_t> counts) {
  std::uint64_t result = counts.size();
  for (std::size_t count : counts) result = mix(result, count + 1);
  return result;
}

std::string describe(const Signature& signature) {
  const SignatureFacts facts = unpack(signature.what);
  std::string text(name(facts.collective));
  if (facts.collective == Collective::kBarrier) return text;
  if (facts.variable) text += "_v";
  text += " (" + std::string(name(facts.type));
  text += ", " + std::to_string(signature.count);
  if (reduces(facts.collective)) text += ", " + std::string(name(facts.reduction));
  if (has_root(facts.collective)) text += ", root " + std::to_string(facts.root);
  if (is_scan(facts.collective)) text += words_of_scan(facts, signature.detail);
  return text + ")";
}

std::string title(const Signature& signature, std::uint64_t sequence) {
  std::string text = describe(signature);
  const std::string number = " #" + std::to_string(sequence);
  return text.insert(std::min(text.find(' '), text.size()), number);
}

}  // namespace tutti
