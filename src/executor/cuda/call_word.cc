#include "executor/cuda/call_word.h"

#include <bit>

#include "executor/cuda/buffers.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda {
namespace {

constexpr int kType = 40, kCollective = 44, kReduction = 48, kRoot = 52, kInPlace = 56,
              kDigest = 57;
static_assert(kDataTypes <= 16 && kCollectives <= 16 && kReductions <= 16 && kMostRanks <= 16);

std::uint64_t digest_of(double factor) {
  return mix(std::bit_cast<std::uint64_t>(factor), 0) >> kDigest;
}

template <class T>
T field(std::uint64_t word, int first) {
  return static_cast<T>(word >> first & 0xF);
}

std::string called(const Caller& caller, std::uint32_t call) {
  return "rank " + std::to_string(caller.rank) + " called " +
         title(signature_of(caller.word), call);
}

}  // namespace

std::uint64_t word_of(const DeviceCall& call, bool in_place) {
  const auto bits = [](auto value, int first) {
    return static_cast<std::uint64_t>(value) << first;
  };
  std::uint64_t word = bits(call.collective, kCollective);
  if (call.collective == Collective::kBarrier) return word;
  word |= call.count | bits(call.type, kType);
  if (reduces(call.collective)) word |= bits(call.op.reduction, kReduction);
  if (reduces(call.collective) && call.op.reduction == Reduction::kPreMulSum) {
    word |= digest_of(call.op.scale) << kDigest;
  }
  if (has_root(call.collective)) word |= bits(call.root, kRoot);
  if (call.collective == Collective::kAllToAll) word |= bits(in_place, kInPlace);
  return word;
}

Signature signature_of(std::uint64_t word) {
  return {pack({field<Collective>(word, kCollective), field<DataType>(word, kType),
                field<Reduction>(word, kReduction), /*variable=*/false, field<int>(word, kRoot)}),
          word & ((std::uint64_t{1} << kType) - 1), /*detail=*/0};
}

std::string difference(const Caller& theirs, const Caller& ours, std::uint32_t call) {
  std::string text = called(theirs, call) + ", " + called(ours, call);
  const std::uint64_t apart = theirs.word ^ ours.word;
  if (apart >> kDigest != 0) text += " with another scale";
  if ((apart >> kInPlace & 1) != 0) {
    const bool ours_is = (ours.word >> kInPlace & 1) != 0;
    text +=
        ours_is ? ": the latter in place, the former not" : ": the former in place, the latter not";
  }
  return text;
}

}  // namespace tutti::cuda
