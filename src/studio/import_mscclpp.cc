// MSCCL++'s execution plans: JSON of GPUs, their thread blocks, and the operations of each.
//
//   copy, put, get              of chunks: inside the GPU, to another one, from another one
//   re, res, rre, rres          reduce own chunks (re), or own and peers' (rre); s: and put
//   signal, wait                one signal of a channel; rlx…: orders, and shows no data
//   pws, pwsf                   put and signal (and flush)
//   ppkt, cpkt, upkt, rppkt     packets, whose readers wait for the data itself: put, make, read,
//   repkt, respkt, recpkt, …      read and put, reduce
//   barrier, sem_acquire, sem_release   between thread blocks of a GPU
//   nop, flush                  nothing: steps of a thread block follow each other here
//
// A channel of one GPU to another is the same as the channel of that number back. What is not
// taken: pipelines (loops whose length depends on the size), operations on NVLink switches (glres,
// gstore).
//
// Tested by import_formats_test.cc.

#include <algorithm>
#include <map>
#include <set>

#include "studio/import.h"
#include "studio/import_collective.h"
#include "studio/json_reading.h"
#include "studio/plan_frame.h"

namespace tutti {
namespace {

// What an operation's numbers mean in one thread block.
struct PlanBlock {
  int gpu = 0;
  std::map<std::string, std::vector<int>> remotes;   // by type of channel: of the GPU's remotes
  std::map<std::string, std::vector<int>> channels;  // likewise, of its channels of that type
};

// A run of chunks.
struct Run {
  Cell first;
  int count = 0;

  Cell at(int i) const { return {first.gpu, first.space, first.index + i}; }
};

class PlanReader {
 public:
  PlanReader(const nlohmann::json& plan, const std::string& file)
      : reading_(file), root_(plan, "", reading_) {}

  Result<BlockProgram> read() {
    frame_ = read_plan_frame(root_, reading_);
    for (const JsonValue& gpu : root_.list("gpus")) {
      if (!reading_.failed()) read_blocks(gpu);
    }
    if (reading_.failed()) return reading_.error();
    return std::move(frame_.program);
  }

 private:
  using Op = const JsonValue&;

  // ---- thread blocks

  void read_blocks(const JsonValue& gpu) {
    const int number = gpu.integer("id", 0, frame_.program.gpus - 1);
    int next = 0;
    for (const JsonValue& block : gpu.list("threadblocks")) {
      const int id = block.integer("id", next, next);
      ++next;
      block_ = {};
      block_.gpu = number;
      for (const JsonValue& channel : block.list("channels")) {
        auto& ids = block_.channels[channel.text("channel_type")];
        std::ranges::copy(channel.integers("channel_ids", 0, 1 << 20), std::back_inserter(ids));
      }
      for (const JsonValue& remote : block.list("remote_buffer_refs")) {
        auto& ids = block_.remotes[remote.text("access_channel_type")];
        std::ranges::copy(remote.integers("remote_buffer_ids", 0, 1 << 20),
                          std::back_inserter(ids));
      }
      meetings_.clear();
      frame_.program.blocks.push_back({number, id, {}});
      step_ = 0;
      for (const JsonValue& op : block.list("ops")) {
        if (!reading_.failed()) read_op(op);
        ++step_;
        if (works().size() > kMostImportedWorks) op.fail("moves more than 4 million chunks");
      }
    }
    if (frame_.program.blocks.size() > kMostImportedBlocks) {
      gpu.fail("threadblocks: expected at most 4096 in all");
    }
  }

  void read_op(Op op) {
    const std::string name = op.text("name");
    if (name == "nop" || name == "flush") return;
    if (name == "signal" || name == "rlxsignal") return signal(op, name == "rlxsignal");
    if (name == "wait" || name == "rlxwait") return wait(op, name == "rlxwait");
    if (name == "barrier") return barrier(op);
    if (name == "sem_release" || name == "sem_acquire") return semaphore(op, name);
    if (name == "put" || name == "ppkt") return put(op, name == "ppkt");
    if (name == "pws" || name == "pwsf") return put(op, false), signal(op, false);
    if (name == "get" || name == "copy") return put(op, false);
    if (name == "cpkt") return put(op, true);
    if (name == "upkt" || name == "rppkt") return read_packets(op, name == "rppkt");
    if (name == "re" || name == "res" || name == "rre" || name == "rres") return reduce(op, false);
    if (name == "repkt" || name == "respkt") return reduce(op, true);
    if (name == "recpkt" || name == "recspkt") return reduce(op, true);
    op.fail("name: \"" + name +
                "\": expected an operation that schedules have (not pipelines, nor "
                "operations on switches)",
            Code::kNotSupported);
  }

  std::vector<BlockWork>& works() { return frame_.program.blocks.back().works; }

  void add(WorkKind kind, int number, bool relaxed = false, bool packet = false) {
    works().push_back(
        {.kind = kind, .step = step_, .relaxed = relaxed, .number = number, .packet = packet});
  }

  // ---- between thread blocks

  // The lanes of an operation's channels, out or in.
  std::vector<int> lanes_of(Op op, const PlanFrame::Channels& ends) {
    const std::string type = op.text("channel_type");
    std::vector<int> found;
    const std::vector<int>& mine = block_.channels[type];
    const auto all = ends.find({block_.gpu, type});
    for (const int id : op.integers("channel_ids", 0, 1 << 20)) {
      const bool known = id < static_cast<int>(mine.size()) && all != ends.end() &&
                         mine[id] < static_cast<int>(all->second.size());
      if (known) {
        found.push_back(all->second[mine[id]]);
      } else {
        op.fail("channel_ids: expected channels of the thread block, of type " + type);
      }
    }
    return found;
  }

  void signal(Op op, bool relaxed) {
    for (const int lane : lanes_of(op, frame_.out)) add(WorkKind::kGive, lane, relaxed);
  }

  void wait(Op op, bool relaxed) {
    for (const int lane : lanes_of(op, frame_.in)) add(WorkKind::kTake, lane, relaxed);
  }

  int event(const std::string& name) {
    const auto [at, is_new] = events_.try_emplace(name, frame_.program.events);
    if (is_new) ++frame_.program.events;
    return at->second;
  }

  void barrier(Op op) {
    const int id = op.integer("barrier_id", 0, 1 << 20);
    const int blocks = op.integer("num_threadblocks", 1, kMostImportedBlocks);
    const std::map<int, int>& members = frame_.barriers[{block_.gpu, id}];
    if (blocks != static_cast<int>(members.size())) {
      return op.fail("num_threadblocks: expected " + std::to_string(members.size()) +
                     ", as many as have barrier " + std::to_string(id));
    }
    const std::string turn = "barrier " + std::to_string(block_.gpu) + " " + std::to_string(id) +
                             " " + std::to_string(meetings_["b" + std::to_string(id)]++) + " ";
    add(WorkKind::kPost, event(turn + std::to_string(frame_.program.blocks.back().id)));
    for (const auto& [member, times] : members) {
      if (member == frame_.program.blocks.back().id) continue;
      add(WorkKind::kPass, event(turn + std::to_string(member)));
    }
  }

  void semaphore(Op op, const std::string& name) {
    for (const int id : op.integers("semaphore_ids", 0, 1 << 20)) {
      const std::vector<int>& free = frame_.semaphores[block_.gpu];
      if (id >= static_cast<int>(free.size())) {
        return op.fail("semaphore_ids: expected one of the GPU's semaphores");
      }
      const bool acquires = name == "sem_acquire";
      const int turn = meetings_[name + std::to_string(id)]++ - (acquires ? free[id] : 0);
      if (turn < 0) continue;
      add(acquires ? WorkKind::kPass : WorkKind::kPost,
          event("semaphore " + std::to_string(block_.gpu) + " " + std::to_string(id) + " " +
                std::to_string(turn)));
    }
  }

  // ---- data

  Run run_of(Op op, const JsonValue& buffer) {
    Run run;
    if (buffer.has("switch_channel_id")) {
      op.fail("works on a switch: expected memory of GPUs", Code::kNotSupported);
      return run;
    }
    if (buffer.has("buffer_id")) {
      const std::vector<int>& mine = block_.remotes[op.text("channel_type")];
      const int id = buffer.integer("buffer_id", 0, static_cast<int>(mine.size()) - 1);
      const auto& remotes = frame_.remotes[block_.gpu];
      if (reading_.failed() || mine[id] >= static_cast<int>(remotes.size())) {
        buffer.fail("buffer_id: expected one of the thread block's remote_buffer_refs");
        return run;
      }
      run.first = {remotes[mine[id]].gpu, remotes[mine[id]].space, 0};
    } else {
      run.first = {block_.gpu, space_of(buffer, buffer.text("type")), 0};
    }
    run.first.index = buffer.integer("index", 0, kMostImportedChunks) * frame_.slices;
    run.count = buffer.integer("size", 1, kMostImportedChunks) * frame_.slices;
    check_bounds(buffer, run);
    return slice(op, run);
  }

  void check_bounds(const JsonValue& buffer, const Run& run) {
    const int there = run.first.space == Space::kScratch
                          ? frame_.scratch[run.first.gpu]
                          : chunks_of(frame_.program.frame(), run.first.space, run.first.gpu);
    if (run.first.index + run.count > there) {
      buffer.fail("expected chunks below " + std::to_string(there / frame_.slices) +
                  ", as many as " + name_of(run.first).substr(0, 1) + " of gpu " +
                  std::to_string(run.first.gpu) + " has");
    }
  }

  // What one thread block of those that share the operation does of it.
  Run slice(Op op, Run run) {
    if (!op.has("tbg_info")) return run;
    const JsonValue group = op.object("tbg_info");
    const int parts = group.integer("tbg_size", 1, frame_.slices);
    const int part = group.integer("tb_id", 0, parts - 1);
    const int count = run.count / parts;
    return {run.at(part * count), count};
  }

  std::vector<Run> runs_of(Op op, const char* which) {
    std::vector<Run> runs;
    for (const JsonValue& buffer : op.list(which)) runs.push_back(run_of(op, buffer));
    if (runs.empty()) op.fail(std::string(which) + ": expected at least one");
    return runs;
  }

  // Sources and targets of an operation, all of one length.
  struct Operands {
    std::vector<Run> sources, targets;
    int count = 0;
  };
  Operands operands(Op op) {
    Operands all{runs_of(op, "src_buff"), runs_of(op, "dst_buff"), 0};
    if (reading_.failed()) return all;
    all.count = all.sources[0].count;
    for (const std::vector<Run>* runs : {&all.sources, &all.targets}) {
      for (const Run& run : *runs) {
        if (run.count != all.count) op.fail("size: expected the same of all buffers");
      }
    }
    return all;
  }

  void move(Op op, std::vector<Cell> sources, const Cell& target, bool packet) {
    const bool late = op.has("channel_type") && op.text("channel_type") == "port";
    works().push_back({.kind = WorkKind::kMove,
                       .step = step_,
                       .sources = std::move(sources),
                       .target = target,
                       .late = late});
    if (!packet) return;
    const std::string name = packet_name(target);
    if (!packets_.insert(name).second) {
      return op.fail("writes packets to " + name_of(target) + " a second time: expected once",
                     Code::kNotSupported);
    }
    add(WorkKind::kPost, event(name), /*relaxed=*/false, /*packet=*/true);
  }

  static std::string packet_name(const Cell& cell) { return "packet " + name_of(cell); }

  void pass_packet(const Cell& cell) {
    add(WorkKind::kPass, event(packet_name(cell)), /*relaxed=*/false, /*packet=*/true);
  }

  // The i-th source to the i-th target.
  void put(Op op, bool packets) {
    const Operands all = operands(op);
    if (reading_.failed()) return;
    if (all.sources.size() != all.targets.size()) {
      return op.fail("dst_buff: expected as many as src_buff");
    }
    for (std::size_t pair = 0; pair < all.sources.size(); ++pair) {
      for (int i = 0; i < all.count; ++i) {
        move(op, {all.sources[pair].at(i)}, all.targets[pair].at(i), packets);
      }
    }
  }

  // One source to all targets.
  void read_packets(Op op, bool packets) {
    const Operands all = operands(op);
    if (reading_.failed()) return;
    for (int i = 0; i < all.count; ++i) {
      pass_packet(all.sources[0].at(i));
      for (const Run& target : all.targets) {
        move(op, {all.sources[0].at(i)}, target.at(i), packets);
      }
    }
  }

  // All sources to the first target, and that to the others. Packets are added before what lies in
  // the GPU's own memory, which comes first in the file.
  void reduce(Op op, bool packets) {
    const Operands all = operands(op);
    if (reading_.failed()) return;
    for (int i = 0; i < all.count; ++i) {
      std::vector<Cell> sources;
      for (const Run& source : all.sources) sources.push_back(source.at(i));
      if (packets) {
        std::rotate(sources.begin(), sources.begin() + 1, sources.end());
        for (std::size_t s = 0; s + 1 < sources.size(); ++s) pass_packet(sources[s]);
      }
      const Cell result = all.targets[0].at(i);
      move(op, sources, result, /*packet=*/false);
      for (std::size_t t = 1; t < all.targets.size(); ++t) {
        move(op, {result}, all.targets[t].at(i), packets);
      }
    }
  }

  JsonReading reading_;
  const JsonValue root_;
  PlanFrame frame_;
  std::map<std::string, int> events_;
  std::set<std::string> packets_;  // written
  PlanBlock block_;
  std::map<std::string, int> meetings_;  // of this thread block, so far
  int step_ = 0;
};

}  // namespace

Result<BlockProgram> parse_mscclpp(std::string_view text, const std::string& file) {
  try {
    const nlohmann::json plan = nlohmann::json::parse(text);
    return PlanReader(plan, file).read();
  } catch (const nlohmann::json::exception& error) {
    return Status(Code::kInvalidArgument, file + ": " + error.what());
  }
}

}  // namespace tutti
