#include "executor/cuda/choose_path.h"

#include <algorithm>

#include "base/check.h"
#include "executor/cuda/buffers.h"
#include "transports/cuda_p2p/team.h"

namespace tutti::cuda {
namespace {

Path usual_path(const PathQuestion& q) {
  if (q.copies) return Path::kCopies;
  if (!reduces(q.collective)) return Path::kMove;
  const bool is_small = q.collective == Collective::kAllReduce && q.bytes <= kPacketBytes;
  if (is_small) return Path::kOneShot;
  const bool by_switch = q.multicast && q.collective == Collective::kAllReduce;
  return by_switch ? Path::kMulticast : Path::kReduce;
}

// The schedule that a kernel of its own stands for (two_shot.h, moves.h).
std::string_view stands_for(Path path, Collective collective, bool in_place) {
  if (path == Path::kOneShot) return "one_shot";
  switch (collective) {
    case Collective::kAllReduce:
      return "two_shot";
    case Collective::kReduceScatter:
      return "all_pairs_pull";
    case Collective::kReduce:
      return "reduce_scatter_gather_pull";
    case Collective::kAllGather:
    case Collective::kBarrier:
      return "all_pairs";
    case Collective::kAllToAll:
      return in_place ? "staged" : "all_pairs";
    case Collective::kBroadcast:
      return "scatter_all_gather";
    case Collective::kGather:
      return "direct";
    case Collective::kScatter:
      return "direct_pull";
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;
  }
  return "";
}

}  // namespace

Path choose_path(const PathQuestion& q) {
  if (q.engine) return Path::kEngine;
  if (q.collective == Collective::kAllReduce) {
    if (q.forced == "one_shot" && q.bytes <= kPacketBytes) return Path::kOneShot;
    if (q.forced == "two_shot") return Path::kReduce;
  }
  return q.forced_known ? Path::kInterpreter : usual_path(q);
}

bool is_for_copies(const CopiesQuestion& q) {
  const bool moves =
      q.collective == Collective::kAllGather || q.collective == Collective::kAllToAll;
  if (!moves || !q.own_devices) return false;
  if (q.from.has_value()) return q.input_bytes >= *q.from;
  return q.one_way && !q.one_process && q.input_bytes >= kCopiesFrom;
}

std::string_view usual_algorithm(Collective collective, bool in_place) {
  switch (collective) {
    case Collective::kAllReduce:
      return "two_shot_pull";
    case Collective::kAllGather:
    case Collective::kReduceScatter:
      return "all_pairs_pull";
    case Collective::kAllToAll:
      return in_place ? "staged" : "all_pairs_pull";
    case Collective::kReduce:
      return "reduce_scatter_gather_pull";
    case Collective::kBroadcast:
    case Collective::kGather:
    case Collective::kScatter:
      return "direct_pull";
    case Collective::kBarrier:
      return "all_pairs";
    case Collective::kSendRecv:
    case Collective::kScan:
    case Collective::kExclusiveScan:
      break;
  }
  TUTTI_CHECK(false, "no algorithm for collective %d", static_cast<int>(collective));
  return "";
}

std::string path_name(Path path, Collective collective, bool in_place, std::string_view algorithm) {
  switch (path) {
    case Path::kOneShot:
    case Path::kReduce:
    case Path::kMove:
      return std::string(stands_for(path, collective, in_place));
    case Path::kMulticast:
      return std::string(stands_for(path, collective, in_place)) + " by multicast";
    case Path::kCopies:
      return std::string(usual_algorithm(collective, in_place)) + " by copies";
    case Path::kInterpreter:
      return std::string(algorithm) + " by interpreter";
    case Path::kEngine:
      return std::string(algorithm) + " by engine";
  }
  return "";
}

int choose_blocks(const BlockQuestion& q) {
  // A block of the usual size makes a packet of each thread, or two packs each of a few loads.
  const std::size_t bytes_of_block =
      q.path == Path::kOneShot ? std::size_t{4} << 10 : std::size_t{32} << 10;
  const std::size_t busy = (q.bytes + bytes_of_block - 1) / bytes_of_block;
  int most = std::min(q.most, kMostBlocks);
  // Kernels that wait for each other on one device must all be there, each of their blocks on a
  // multiprocessor; some are left to whatever else must run meanwhile.
  if (q.ranks_per_device > 1) {
    const int reserve = q.multiprocessors / 16;
    most = std::min(most, (q.multiprocessors - reserve) / q.ranks_per_device);
  }
  return std::max(1, static_cast<int>(std::min<std::size_t>(busy, most > 0 ? most : 1)));
}

}  // namespace tutti::cuda
