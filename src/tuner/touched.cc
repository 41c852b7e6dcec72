#include "tuner/touched.h"

#include <algorithm>

#include "schedule/stage.h"

namespace tutti {
namespace {

// Bytes of a chunk.
std::size_t piece_of(const Question& question, const Plan& plan) {
  const int parts = has_parts(question.collective) ? plan.ranks : 1;
  const auto pieces = static_cast<std::size_t>(parts) * plan.chunks;
  return std::max<std::size_t>(1, (question.bytes + pieces - 1) / pieces);
}

int width_of(const Question& question, const Way& way, const Plan& plan) {
  return way.flavor == Flavor::kInline ? lines_for(piece_of(question, plan)) : 1;
}

Cut cut_of(const Question& question, const Way& way, const Plan& plan, const Room& room) {
  return cut({plan.scratch_chunks, plan.lines, width_of(question, way, plan)}, room,
             piece_of(question, plan), /*element=*/1, {way.tile_bytes, way.lanes});
}

}  // namespace

Touched::Touched(const Surroundings& surroundings)
    : chooser_(surroundings, {}),
      calls_(surroundings.room),
      messages_({kMessageBytes, kMessageLines}),
      pages_(surroundings.group.ranks),
      written_(surroundings.group.ranks) {}

void Touched::set(Pages& pages, std::size_t page) {
  if (pages.size() <= page) pages.resize(page + 1);
  pages[page] = true;
}

void Touched::touch(const Touch& touch) {
  if (touch.bytes == 0) return;
  Pages& mapped = pages_[touch.rank][touch.owner].*touch.part;
  Pages& written = written_[touch.owner].*touch.part;
  const std::size_t end = (touch.begin + touch.bytes - 1) / kPage + 1;
  for (std::size_t page = touch.begin / kPage; page < end; ++page) {
    if (page < mapped.size() && mapped[page]) continue;
    set(mapped, page);
    if (touch.writes) {
      set(written, page);
      continue;
    }
    const std::size_t first = page / kAround * kAround;
    const std::size_t last = std::min(written.size(), first + kAround);
    for (std::size_t near = first; near < last; ++near) {
      if (written[near]) set(mapped, near);
    }
  }
}

void Touched::add_block(const Plan& plan, const Block& block, bool writes) {
  const auto look = [&](int owner, Pages Window::*part, std::size_t begin, std::size_t bytes) {
    touch({.rank = plan.rank,
           .owner = owner == kSelf ? plan.rank : owner,
           .part = block.is_message ? &Window::inbox : part,
           .begin = begin,
           .bytes = bytes,
           .writes = writes});
  };
  for (const Instruction& instruction : plan.instructions) {
    if (instruction.action == (writes ? Action::kSignal : Action::kWait)) {
      look(writes ? instruction.peer : kSelf, &Window::lines,
           block.lines + instruction.line * block.line, block.line);
    }
    for (const Chunk& chunk : writes ? instruction.targets : instruction.sources) {
      if (chunk.space != Space::kScratch || plan.inline_payload) continue;
      look(chunk.rank, &Window::scratch, block.scratch + chunk.index * block.chunk, block.chunk);
    }
  }
}

// As communicators make them for buffers that peers cannot reach.
const std::vector<Plan>& Touched::plans_of(const Way& way) {
  const auto [at, is_new] = plans_.try_emplace({way.algorithm, way.flavor});
  if (!is_new) return at->second;
  const bool is_message = way.algorithm->collective == Collective::kSendRecv;
  const Group group = is_message ? Group(2) : chooser_.group();
  Schedule schedule = way.algorithm->make(group, /*root=*/0);
  if (way.flavor == Flavor::kStaged) schedule = stage(schedule);
  for (int rank = 0; rank < group.ranks; ++rank) {
    const auto is_near = [](int) { return true; };
    at->second.push_back(lower(schedule, rank, way.flavor == Flavor::kInline, is_near));
  }
  return at->second;
}

void Touched::add(const Question& question) {
  const Result<Choice> choice = chooser_.choose(question);
  if (!choice.ok()) return;  // nor can it be made
  const Way& way = choice->way;
  const std::vector<Plan>& plans = plans_of(way);
  const Plan& plan = plans.front();
  const bool is_message = question.collective == Collective::kSendRecv;
  Rings& rings = is_message ? messages_ : calls_;
  const auto width = static_cast<std::size_t>(width_of(question, way, plan));
  const Cut cuts = cut_of(question, way, plan, rings.room);
  Block block{.lines = 0,
              .scratch = 0,
              .line = width * kLineBytes,
              .chunk = (cuts.tile + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment,
              .is_message = is_message};
  for (std::size_t n = 0; n < cuts.blocks; ++n) {
    block.lines = rings.lines.take(++rings.block, plan.lines * block.line).offset;
    const std::size_t scratch = plan.inline_payload ? 0 : plan.scratch_chunks * block.chunk;
    block.scratch = rings.scratch.take(rings.block, scratch).offset;
    if (is_message) block.scratch += kMessageLines * kLineBytes;
    for (const bool writes : {true, false}) {
      for (const Plan& one : plans) add_block(one, block, writes);
    }
  }
}

double Touched::bytes() const {
  std::size_t most = 0;
  for (const Windows& windows : pages_) {
    std::size_t pages = 0;
    for (const auto& [owner, window] : windows) {
      pages += 1;  // what its owner says of itself
      for (const Pages* some : {&window.lines, &window.scratch, &window.inbox}) {
        pages += static_cast<std::size_t>(std::count(some->begin(), some->end(), true));
      }
    }
    most = std::max(most, pages);
  }
  return static_cast<double>(most * kPage);
}

}  // namespace tutti
