#include "studio/plan_frame.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "studio/import_collective.h"

namespace tutti {
namespace {

class FrameReader {
 public:
  FrameReader(const JsonValue& plan, const JsonReading& reading) : plan_(plan), reading_(reading) {}

  PlanFrame read() {
    read_head();
    if (!reading_.failed()) {
      for (const JsonValue& gpu : plan_.list("gpus")) read_gpu(gpu);
    }
    if (!reading_.failed()) check_chunks();
    if (!reading_.failed()) pair_channels();
    if (!reading_.failed()) count_meetings();
    return std::move(frame_);
  }

 private:
  void read_head() {
    frame_.program.name = plan_.text("name");
    const std::string name = plan_.text("collective");
    const auto collective = imported_collective(name);
    if (!collective) {
      return plan_.fail("collective: \"" + name + "\": expected " + kImportedCollectives);
    }
    frame_.program.collective = *collective;
    frame_.program.placement = plan_.flag("inplace") ? Placement::kInPlace : Placement::kSeparate;
    frame_.program.gpus = static_cast<int>(plan_.list("gpus").size());
    if (frame_.program.gpus < 1 || frame_.program.gpus > kMostImportedGpus) {
      plan_.fail("gpus: expected from 1 to " + std::to_string(kMostImportedGpus) + " of them");
    }
    for (const JsonValue& gpu : plan_.list("gpus")) {
      for (const JsonValue& block : gpu.list("threadblocks")) find_slices(block);
    }
  }

  // Operations that several thread blocks share cut their chunks into slices: all chunks are cut.
  void find_slices(const JsonValue& block) {
    constexpr int kMostSlices = 64;
    for (const JsonValue& op : block.list("ops")) {
      if (!op.has("tbg_info")) continue;
      const int parts = op.object("tbg_info").integer("tbg_size", 1, kMostSlices);
      frame_.slices = std::lcm(frame_.slices, parts);
      if (frame_.slices > kMostSlices)
        return op.fail("tbg_size: expected sizes with a small multiple");
    }
  }

  void read_gpu(const JsonValue& gpu) {
    const int number = static_cast<int>(frame_.scratch.size());
    gpu.integer("id", number, number);
    const int scratch = gpu.integer("scratch_chunks", 0, kMostImportedChunks) * frame_.slices;
    frame_.scratch.push_back(scratch);
    frame_.program.scratch_chunks = std::max(frame_.program.scratch_chunks, scratch);
    chunks_.push_back({gpu.integer("input_chunks", 0, kMostImportedChunks),
                       gpu.integer("output_chunks", 0, kMostImportedChunks)});
    std::vector<PlanRemote>& remotes = frame_.remotes.emplace_back();
    for (const JsonValue& remote : gpu.list("remote_buffers")) {
      remotes.push_back({remote.integer("rank", 0, frame_.program.gpus - 1),
                         space_of(remote, remote.text("type"))});
    }
    for (const JsonValue& channel : gpu.list("channels")) {
      const std::string type = channel.text("channel_type");
      if (type == "switch") continue;  // named where it is used
      for (const int peer : channel.integers("connected_to", 0, frame_.program.gpus - 1)) {
        peers_[{number, type}].push_back(peer);
      }
    }
  }

  void check_chunks() {
    const bool whole_input = frame_.program.collective == Collective::kReduceScatter ||
                             frame_.program.collective == Collective::kAllToAll;
    const int parts = whole_input ? frame_.program.gpus : 1;
    const int input = chunks_[0].first;
    if (input < 1 || input % parts != 0) {
      return plan_.fail("gpus[0].input_chunks: expected a multiple of " + std::to_string(parts));
    }
    frame_.program.chunks = input / parts * frame_.slices;
    if (frame_.program.cells() > kMostImportedCells) {
      return plan_.fail("gpus: expected at most 4 million chunks in all");
    }
    const Schedule frame = frame_.program.frame();
    for (int gpu = 0; gpu < frame_.program.gpus; ++gpu) {
      const std::pair expected{chunks_of(frame, Space::kInput, gpu) / frame_.slices,
                               chunks_of(frame, Space::kOutput, gpu) / frame_.slices};
      if (chunks_[gpu] == expected) continue;
      return plan_.fail("gpus[" + std::to_string(gpu) + "]: expected " +
                        std::to_string(expected.first) + " input_chunks and " +
                        std::to_string(expected.second) + " output_chunks");
    }
  }

  // The i-th channel of a type from a to b and the i-th from b to a are the two ends of one.
  void pair_channels() {
    std::map<std::tuple<int, int, std::string, int>, int> lanes;
    for (const auto& [end, peers] : peers_) {
      const auto& [gpu, type] = end;
      std::map<int, int> seen;
      for (const int peer : peers) {
        const int number = seen[peer]++;
        frame_.out[end].push_back(lane(lanes, gpu, peer, type, number));
        frame_.in[end].push_back(lane(lanes, peer, gpu, type, number));
      }
    }
  }

  int lane(std::map<std::tuple<int, int, std::string, int>, int>& lanes, int from, int to,
           const std::string& type, int number) {
    const auto [at, is_new] =
        lanes.try_emplace({from, to, type, number}, frame_.program.lanes.size());
    if (is_new) frame_.program.lanes.push_back({from, to});
    return at->second;
  }

  // Who takes part in each barrier, and how many releases each semaphore gets.
  void count_meetings() {
    const std::vector<JsonValue> gpus = plan_.list("gpus");
    for (std::size_t gpu = 0; gpu < gpus.size(); ++gpu) {
      for (const JsonValue& block : gpus[gpu].list("threadblocks")) {
        const int id = block.integer("id", 0, kMostImportedBlocks);
        for (const JsonValue& op : block.list("ops")) count_meeting(op, static_cast<int>(gpu), id);
      }
      std::vector<int>& first = frame_.semaphores.emplace_back();
      for (const JsonValue& semaphore : gpus[gpu].list("semaphores")) {
        first.push_back(semaphore.integer("init_value", 0, 1 << 20));
      }
    }
  }

  void count_meeting(const JsonValue& op, int gpu, int block) {
    const std::string name = op.text("name");
    if (name == "barrier") {
      ++frame_.barriers[{gpu, op.integer("barrier_id", 0, 1 << 20)}][block];
    } else if (name == "sem_release" || name == "sem_acquire") {
      for (const int id : op.integers("semaphore_ids", 0, 1 << 20)) {
        const auto [at, is_new] = users_.try_emplace({gpu, id, name}, block);
        if (at->second == block) continue;
        op.fail("semaphore " + std::to_string(id) +
                    " is used by several thread blocks in this "
                    "way: expected one that releases it and one that acquires it",
                Code::kNotSupported);
      }
    }
  }

  const JsonValue& plan_;
  const JsonReading& reading_;
  PlanFrame frame_;
  std::vector<std::pair<int, int>> chunks_;                        // by GPU: input, output
  std::map<std::pair<int, std::string>, std::vector<int>> peers_;  // by GPU and type of channel
  std::map<std::tuple<int, int, std::string>, int> users_;         // of semaphores: thread blocks
};

}  // namespace

PlanFrame read_plan_frame(const JsonValue& plan, const JsonReading& reading) {
  return FrameReader(plan, reading).read();
}

Space space_of(const JsonValue& at, const std::string& type) {
  if (type == "i") return Space::kInput;
  if (type == "o") return Space::kOutput;
  if (type != "s") at.fail("type: \"" + type + "\": expected i, o or s");
  return Space::kScratch;
}

}  // namespace tutti
