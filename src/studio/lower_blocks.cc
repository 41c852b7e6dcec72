#include "studio/lower_blocks.h"

#include <algorithm>
#include <map>
#include <optional>

#include "schedule/layout.h"

namespace tutti {
namespace {

// What a piece of memory is called in the schedule: by its input until something was written to it.
class Names {
 public:
  Names(const Schedule& frame, Placement placement)
      : layout_(frame, placement),
        inputs_(layout_.count()),
        others_(layout_.count()),
        written_(layout_.count()),
        next_scratch_(frame.ranks, frame.scratch_chunks) {
    for (int rank = 0; rank < frame.ranks; ++rank) {
      note(frame, rank, Space::kInput, inputs_);
      note(frame, rank, Space::kOutput, others_);
      note(frame, rank, Space::kScratch, others_);
    }
  }

  Chunk to_read(const Cell& cell) const {
    const int location = this->location(cell);
    return written_[location] ? *others_[location] : *inputs_[location];
  }

  Chunk to_write(const Cell& cell) {
    const int location = this->location(cell);
    written_[location] = true;
    if (!others_[location]) others_[location] = new_scratch(cell.gpu);
    return *others_[location];
  }

  Chunk new_scratch(int rank) { return scratch(next_scratch_[rank]++); }
  int most_scratch() const { return *std::ranges::max_element(next_scratch_); }

  /// Output that is still what the same memory was as input, to be copied where it is not the same.
  void finish(int rank, Program& program) const {
    for (int at = layout_.first(rank); at < layout_.end(rank); ++at) {
      const bool kept = inputs_[at] && others_[at] && !written_[at];
      if (kept) program.copy(*inputs_[at], *others_[at]);
    }
  }

 private:
  void note(const Schedule& frame, int rank, Space space,
            std::vector<std::optional<Chunk>>& names) const {
    for (int i = 0; i < chunks_of(frame, space, rank); ++i) {
      names[layout_.location(rank, {space, i})] = Chunk{space, i};
    }
  }
  int location(const Cell& cell) const {
    return layout_.location(cell.gpu, {cell.space, cell.index});
  }

  const Layout layout_;
  std::vector<std::optional<Chunk>> inputs_;  // by location
  std::vector<std::optional<Chunk>> others_;  // output, scratch
  std::vector<bool> written_;
  std::vector<int> next_scratch_;  // by rank
};

class Lowering {
 public:
  Lowering(const BlockProgram& program, const std::vector<Turn>& order, bool copied)
      : program_(program),
        order_(order),
        copied_(copied),
        schedule_(program.frame()),
        names_(schedule_, program.placement),
        teller_(order.size(), -1),
        puts_(order.size()) {}

  Result<Schedule> run() {
    if (const Status status = find_tellers(); !status.ok()) return status;
    for (std::size_t turn = 0; turn < order_.size(); ++turn) take(static_cast<int>(turn));
    for (int rank = 0; rank < program_.gpus; ++rank) names_.finish(rank, schedule_.at(rank));
    schedule_.scratch_chunks = names_.most_scratch();
    return schedule_;
  }

 private:
  const Block& block_at(int turn) const { return program_.blocks[order_[turn].block]; }
  const BlockWork& work_at(int turn) const { return block_at(turn).works[order_[turn].work]; }

  // Which give or post tells of each put: its own post for a packet, else the next give to that GPU
  // that says anything of writes.
  Status find_tellers() {
    std::map<std::pair<int, int>, std::vector<int>> untold;  // by GPUs: turns of puts
    for (std::size_t at = 0; at < order_.size(); ++at) {
      const int turn = static_cast<int>(at);
      const BlockWork& work = work_at(turn);
      const int gpu = block_at(turn).gpu;
      if (work.kind == WorkKind::kMove && work.target.gpu != gpu) {
        untold[{gpu, work.target.gpu}].push_back(turn);
      } else if (work.kind == WorkKind::kPost && work.packet) {
        tell_own(turn, untold);
      } else if (work.kind == WorkKind::kGive && !work.relaxed) {
        const SignalLane& lane = program_.lanes[work.number];
        for (const int put : std::exchange(untold[{lane.from, lane.to}], {})) tell(put, turn);
      }
    }
    for (const auto& [gpus, puts] : untold) {
      if (puts.empty()) continue;
      return {Code::kInvalidArgument, place_of(block_at(puts[0]), work_at(puts[0])) +
                                          " writes to gpu " + std::to_string(gpus.second) +
                                          " and never signals it"};
    }
    return {};
  }

  void tell(int put, int teller) {
    teller_[put] = teller;
    ++puts_[teller];
  }

  // A packet's move is the one just before its post, in the same step of the same thread block.
  void tell_own(int turn, std::map<std::pair<int, int>, std::vector<int>>& untold) {
    const int move = turn - 1;
    const int gpu = block_at(turn).gpu, to = work_at(move).target.gpu;
    if (to == gpu) return;
    std::erase(untold[{gpu, to}], move);
    tell(move, turn);
  }

  void take(int turn) {
    const BlockWork& work = work_at(turn);
    const int gpu = block_at(turn).gpu;
    Program& program = schedule_.at(gpu);
    switch (work.kind) {
      case WorkKind::kMove:
        return move(turn, work, gpu, program);
      case WorkKind::kGive:
        if (puts_[turn] == 0) program.signal(program_.lanes[work.number].to, channel_of(turn));
        return;
      case WorkKind::kPost:
        return;
      case WorkKind::kTake:
        return wait(order_[turn].partner, program);
      case WorkKind::kPass:
        return pass(order_[turn].partner, gpu, program);
    }
  }

  void wait(int given, Program& program) {
    const int from = block_at(given).gpu;
    for (int i = 0; i < std::max(puts_[given], 1); ++i) program.wait(from, channel_of(given));
  }

  // Packets are waited for once; other events are of the GPU itself, where the order is enough.
  void pass(int post, int gpu, Program& program) {
    if (puts_[post] == 0 || block_at(post).gpu == gpu) return;
    if (std::exchange(puts_[post], 0) > 0) program.wait(block_at(post).gpu, channel_of(post));
  }

  // A lane's signals share a channel, in which they are taken in order; packets are taken in any,
  // and have one each.
  int channel_of(int turn) {
    const BlockWork& work = work_at(turn);
    const bool lane = work.kind == WorkKind::kGive;
    const int from = block_at(turn).gpu;
    const int to = lane ? program_.lanes[work.number].to : work_at(turn - 1).target.gpu;
    const auto [at, is_new] = channels_.try_emplace({lane, work.number}, 0);
    if (is_new) at->second = channel_counts_[{from, to}]++;
    return at->second;
  }

  Chunk read(const Cell& cell, int gpu) const {
    const Chunk chunk = names_.to_read(cell);
    return cell.gpu == gpu ? chunk : of(cell.gpu, chunk);
  }

  void move(int turn, const BlockWork& work, int gpu, Program& program) {
    std::vector<Chunk> sources;
    for (const Cell& source : work.sources) sources.push_back(read(source, gpu));
    if (work.target.gpu == gpu) return combine(sources, names_.to_write(work.target), program);

    const bool own = sources.size() == 1 && sources[0].rank == kSelf;
    Chunk sent = sources[0];
    if (!own || (copied_ && !work.late)) {
      sent = names_.new_scratch(gpu);
      combine(sources, sent, program);
    }
    program.put(sent, work.target.gpu, names_.to_write(work.target), channel_of(teller_[turn]));
  }

  static void combine(const std::vector<Chunk>& sources, Chunk target, Program& program) {
    if (sources.size() == 1) {
      program.copy(sources[0], target);
    } else {
      program.reduce(sources, target);
    }
  }

  const BlockProgram& program_;
  const std::vector<Turn>& order_;
  const bool copied_;
  Schedule schedule_;
  Names names_;
  std::vector<int> teller_;  // by turn of a put: that of the give or post that tells of it
  std::vector<int> puts_;    // by turn of a give or post: those it tells of
  std::map<std::pair<bool, int>, int> channels_;       // lanes and packets
  std::map<std::pair<int, int>, int> channel_counts_;  // by GPUs
};

}  // namespace

Result<Schedule> lower_blocks(const BlockProgram& program, const std::vector<Turn>& order,
                              bool copied) {
  return Lowering(program, order, copied).run();
}

}  // namespace tutti
