// MSCCL's XML: <algo> of <gpu>s of <tb>s of <step>s.
//
// A thread block (tb) sends to one GPU and receives from one, over a channel; what it sends waits
// in a queue until it is received. Here every chunk sent has scratch of its own on the receiver, so
// that a send is a move there and a signal, as a queue without end has it (MSCCL's holds a few
// chunks: an algorithm that stops because its queues are full is not found out).
//
//   s     send                          cpy   copy
//   r     receive                       re    reduce: target = target + source
//   rcs   receive, store and send on    nop   only waits
//   rrc   receive, add source, store
//   rrs   receive, add source, send on
//   rrcs  receive, add source, store and send on
//
// A step with depid and deps first waits until that step of that thread block has been; only steps
// with hasdep="1" tell of it, the first from `deps` on. Tested by import_formats_test.cc.

#include <algorithm>
#include <array>
#include <map>
#include <pugixml.hpp>

#include "studio/import.h"
#include "studio/import_collective.h"
#include "topology/xml_attributes.h"
#include "topology/xml_reading.h"

namespace tutti {
namespace {

struct StepKindOf {
  std::string_view name;
  bool receives, reads, stores, sends;  // reads: its source; stores: to its target
};

constexpr std::array<StepKindOf, 9> kKinds = {{
    {"nop", false, false, false, false},
    {"s", false, true, false, true},
    {"r", true, false, true, false},
    {"rcs", true, false, true, true},
    {"rrc", true, true, true, false},
    {"rrs", true, true, false, true},
    {"rrcs", true, true, true, true},
    {"cpy", false, true, true, false},
    {"re", false, true, true, false},
}};

struct FileStep {
  pugi::xml_node node;
  const StepKindOf* kind = nullptr;
  Cell source = {}, target = {};  // the first of `count`
  int count = 0;
  int dep_block = -1, dep_step = -1;
  bool tells = false;
};

struct FileBlock {
  pugi::xml_node node;
  int gpu = 0, id = 0, send = -1, receive = -1, channel = 0;
  std::vector<FileStep> steps = {};
};

class MscclReader {
 public:
  MscclReader(std::string_view text, const std::string& file) : reading_(text, file) {}

  Result<BlockProgram> read(pugi::xml_node algo) {
    read_algo(algo);
    if (!reading_.failed()) read_gpus(algo);
    if (!reading_.failed()) find_lanes();
    if (!reading_.failed()) find_tellers();
    if (!reading_.failed()) write_blocks();
    if (!reading_.failed()) compare_counts();
    if (reading_.failed()) return reading_.error();
    return std::move(program_);
  }

 private:
  using LaneKey = std::tuple<int, int, int>;  // from, to, channel

  // Chunks that passed through a lane so far, on one side.
  struct Side {
    std::vector<int> counts;  // of chunks, by message
    int chunks = 0;
  };

  void read_algo(pugi::xml_node algo) {
    XmlAttributes attributes(algo, reading_);
    if (std::string_view(algo.name()) != "algo") {
      return reading_.fail(algo, sentence({"<", algo.name(), ">: expected <algo>, of MSCCL"}));
    }
    program_.name = attributes.needed_text("name", "the algorithm's name");
    const std::string coll = attributes.needed_text("coll", kImportedCollectives);
    const auto collective = imported_collective(coll);
    if (!collective) {
      return reading_.fail(algo,
                           sentence({"coll=\"", coll, "\": expected ", kImportedCollectives}));
    }
    program_.collective = *collective;
    program_.gpus = static_cast<int>(attributes.needed_integer("ngpus", {1, kMostImportedGpus}));
    program_.placement = attributes.flag("inplace") ? Placement::kInPlace : Placement::kSeparate;
    const long all = attributes.needed_integer("nchunksperloop", {1, kMostImportedChunks});
    if (reading_.failed()) return;
    const int parts = *collective == Collective::kAllReduce ? 1 : program_.gpus;
    if (all % parts != 0) {
      return reading_.fail(
          algo, sentence({"nchunksperloop=\"", std::to_string(all), "\": expected a multiple of ",
                          std::to_string(parts), ", the chunks of all GPUs' parts"}));
    }
    program_.chunks = static_cast<int>(all / parts);
    if (program_.cells() > kMostImportedCells) {
      reading_.fail(algo, "nchunksperloop: expected at most 4 million chunks of all GPUs");
    }
  }

  void read_gpus(pugi::xml_node algo) {
    int next = 0;
    for (const pugi::xml_node gpu : algo.children()) {
      if (gpu.type() != pugi::node_element) continue;
      XmlAttributes attributes(gpu, reading_);
      if (attributes.needed_integer("id") != next) {
        return reading_.fail(gpu, sentence({"id: expected ", std::to_string(next)}));
      }
      const int scratch =
          static_cast<int>(attributes.integer("s_chunks", 0, {0, kMostImportedChunks}));
      scratch_.push_back(scratch);
      program_.scratch_chunks = std::max(program_.scratch_chunks, scratch);
      read_blocks(gpu, next++);
      if (reading_.failed()) return;
    }
    if (next == program_.gpus) return;
    reading_.fail(algo, sentence({"ngpus: expected ", std::to_string(next),
                                  ", as there are <gpu> elements"}));
  }

  void read_blocks(pugi::xml_node gpu, int number) {
    int next = 0;
    for (const pugi::xml_node tb : gpu.children()) {
      if (tb.type() != pugi::node_element) continue;
      XmlAttributes attributes(tb, reading_);
      FileBlock block{.node = tb, .gpu = number, .id = next++};
      if (attributes.needed_integer("id") != block.id) {
        return reading_.fail(tb, sentence({"id: expected ", std::to_string(block.id)}));
      }
      const IntegerRange peers{-1, program_.gpus - 1};
      block.send = static_cast<int>(attributes.integer("send", -1, peers));
      block.receive = static_cast<int>(attributes.integer("recv", -1, peers));
      block.channel = static_cast<int>(attributes.integer("chan", 0, kNotNegative));
      for (const pugi::xml_node step : tb.children()) {
        if (step.type() == pugi::node_element) read_step(step, block);
      }
      number_of_[{number, block.id}] = blocks_.size();
      blocks_.push_back(std::move(block));
      if (blocks_.size() > kMostImportedBlocks) {
        reading_.fail(tb, "too many thread blocks: expected at most 4096 in all");
      }
      if (reading_.failed()) return;
    }
  }

  void read_step(pugi::xml_node node, FileBlock& block) {
    XmlAttributes attributes(node, reading_);
    FileStep step{.node = node};
    const auto expected = static_cast<long>(block.steps.size());
    if (attributes.needed_integer("s") != expected) {
      return reading_.fail(node, sentence({"s: expected ", std::to_string(expected)}));
    }
    const std::string type = attributes.needed_text("type", "what the step does");
    const auto kind = std::ranges::find(kKinds, type, &StepKindOf::name);
    if (kind == kKinds.end()) {
      return reading_.fail(node, sentence({"type=\"", type,
                                           "\": expected one of s, r, rcs, rrc, "
                                           "rrs, rrcs, cpy, re, nop"}));
    }
    step.kind = &*kind;
    step.count = static_cast<int>(attributes.integer("cnt", 1, {0, kMostImportedChunks}));
    if (kind->reads) step.source = read_cell(attributes, node, block.gpu, "src", step.count);
    if (kind->stores) step.target = read_cell(attributes, node, block.gpu, "dst", step.count);
    step.dep_block = static_cast<int>(attributes.integer("depid", -1));
    step.dep_step = static_cast<int>(attributes.integer("deps", -1));
    step.tells = attributes.flag("hasdep");
    if (kind->sends && block.send < 0) reading_.fail(node, "sends: expected send= of its <tb>");
    if (kind->receives && block.receive < 0) {
      reading_.fail(node, "receives: expected recv= of its <tb>");
    }
    block.steps.push_back(step);
  }

  Cell read_cell(XmlAttributes& attributes, pugi::xml_node node, int gpu, const std::string& which,
                 int count) {
    const std::string buffer = attributes.needed_text((which + "buf").c_str(), "i, o or s");
    const auto index = static_cast<int>(
        attributes.needed_integer((which + "off").c_str(), {0, kMostImportedChunks}));
    if (buffer != "i" && buffer != "o" && buffer != "s") {
      reading_.fail(node, sentence({which, "buf=\"", buffer, "\": expected i, o or s"}));
    }
    const Space space = buffer == "i"   ? Space::kInput
                        : buffer == "o" ? Space::kOutput
                                        : Space::kScratch;
    const int there =
        space == Space::kScratch ? scratch_[gpu] : chunks_of(program_.frame(), space, gpu);
    if (index + count > there) {
      reading_.fail(node, sentence({which, "off=\"", std::to_string(index), "\" cnt=\"",
                                    std::to_string(count), "\": expected at most the ",
                                    std::to_string(there), " chunks of ", buffer}));
    }
    return {gpu, space, index};
  }

  // A lane is sent to, and received from, by one thread block each.
  void find_lanes() {
    std::map<LaneKey, const FileBlock*> senders, receivers;
    for (const FileBlock& block : blocks_) {
      const auto claim = [&](auto& owners, int from, int to, const char* what) {
        if (!owners.try_emplace({from, to, block.channel}, &block).second) {
          reading_.fail(block.node, sentence({"another <tb> of the gpu ", what, " on channel ",
                                              std::to_string(block.channel), " too"}));
        }
        if (lanes_.try_emplace({from, to, block.channel}, program_.lanes.size()).second) {
          program_.lanes.push_back({from, to});
        }
      };
      if (block.send == block.gpu || block.receive == block.gpu) {
        reading_.fail(block.node, "its own gpu as peer: expected another one, or -1");
      }
      if (block.send >= 0) claim(senders, block.gpu, block.send, "sends there");
      if (block.receive >= 0) claim(receivers, block.receive, block.gpu, "receives from there");
    }
    sent_.resize(program_.lanes.size());
    received_.resize(program_.lanes.size());
    slots_.resize(program_.lanes.size());
    next_slot_.assign(program_.gpus, program_.scratch_chunks);
  }

  void find_tellers() {
    for (const FileBlock& block : blocks_) {
      for (std::size_t step = 0; step < block.steps.size(); ++step) {
        if (block.steps[step].tells)
          events_[{number_of_[{block.gpu, block.id}], step}] = program_.events++;
      }
    }
  }

  void write_blocks() {
    for (const FileBlock& block : blocks_) {
      Block& made = program_.blocks.emplace_back(Block{block.gpu, block.id, {}});
      for (std::size_t i = 0; i < block.steps.size() && !reading_.failed(); ++i) {
        step_ = static_cast<int>(i);
        write_step(block, block.steps[i], made.works);
        if (made.works.size() > kMostImportedWorks) {
          reading_.fail(block.node, "moves more than 4 million chunks: expected fewer");
        }
        const auto event = events_.find({program_.blocks.size() - 1, i});
        if (event != events_.end()) add(made.works, WorkKind::kPost, event->second);
      }
    }
    program_.scratch_chunks = *std::ranges::max_element(next_slot_);
  }

  void write_step(const FileBlock& block, const FileStep& step, std::vector<BlockWork>& works) {
    wait_for(block, step, works);
    const StepKindOf& kind = *step.kind;
    const int from = kind.receives ? lanes_[{block.receive, block.gpu, block.channel}] : -1;
    const int to = kind.sends ? lanes_[{block.gpu, block.send, block.channel}] : -1;
    if (kind.receives) add(works, WorkKind::kTake, from);
    for (int i = 0; i < step.count; ++i) {
      std::vector<Cell> sources;
      if (kind.name == "re") sources.push_back(after(step.target, i));
      if (kind.reads) sources.push_back(after(step.source, i));
      if (kind.receives) sources.push_back(slot(received_[from], from));
      if (kind.stores) {
        move(works, sources, after(step.target, i));
        sources = {after(step.target, i)};
      }
      if (kind.sends) move(works, sources, slot(sent_[to], to));
    }
    if (kind.receives) received_[from].counts.push_back(step.count);
    if (kind.sends) sent_[to].counts.push_back(step.count);
    if (kind.sends) add(works, WorkKind::kGive, to);
  }

  void wait_for(const FileBlock& block, const FileStep& step, std::vector<BlockWork>& works) {
    if (step.dep_block < 0 || step.dep_block == block.id) return;
    const auto other = number_of_.find({block.gpu, step.dep_block});
    if (other == number_of_.end()) {
      return reading_.fail(step.node, "depid: expected a <tb> of the same gpu, or -1");
    }
    const auto event =
        events_.lower_bound({other->second, static_cast<std::size_t>(std::max(step.dep_step, 0))});
    if (event == events_.end() || event->first.first != other->second) {
      return reading_.fail(step.node, sentence({"deps: expected a step with hasdep=\"1\" in <tb> ",
                                                std::to_string(step.dep_block),
                                                " from there on; nothing tells of that one"}));
    }
    add(works, WorkKind::kPass, event->second);
  }

  static Cell after(Cell first, int i) { return {first.gpu, first.space, first.index + i}; }

  // Scratch of the receiver for the next chunk of a lane, the same on both sides.
  Cell slot(Side& side, int lane) {
    const int receiver = program_.lanes[lane].to;
    if (side.chunks == static_cast<int>(slots_[lane].size())) {
      slots_[lane].push_back(next_slot_[receiver]++);
    }
    return {receiver, Space::kScratch, slots_[lane][side.chunks++]};
  }

  void add(std::vector<BlockWork>& works, WorkKind kind, int number) {
    works.push_back({.kind = kind, .step = step_, .number = number});
  }

  void move(std::vector<BlockWork>& works, const std::vector<Cell>& sources, const Cell& target) {
    works.push_back({.kind = WorkKind::kMove, .step = step_, .sources = sources, .target = target});
  }

  void compare_counts() {
    for (const auto& [key, lane] : lanes_) {
      const std::vector<int>&sent = sent_[lane].counts, &received = received_[lane].counts;
      for (std::size_t i = 0; i < std::min(sent.size(), received.size()); ++i) {
        if (sent[i] == received[i]) continue;
        return reading_.fail(
            blocks_[0].node,
            sentence({"message ", std::to_string(i), " from gpu ", std::to_string(std::get<0>(key)),
                      " to gpu ", std::to_string(std::get<1>(key)), " on channel ",
                      std::to_string(std::get<2>(key)), " is sent with cnt=\"",
                      std::to_string(sent[i]), "\" and received with cnt=\"",
                      std::to_string(received[i]), "\""}));
      }
    }
  }

  XmlReading reading_;
  BlockProgram program_;
  std::vector<int> scratch_;  // by GPU, as the file says
  std::vector<FileBlock> blocks_;
  std::map<std::pair<int, int>, std::size_t> number_of_;  // of thread blocks, by GPU and id
  std::map<LaneKey, int> lanes_;
  std::vector<Side> sent_, received_;                          // by lane
  std::vector<std::vector<int>> slots_;                        // by lane
  std::vector<int> next_slot_;                                 // by GPU
  std::map<std::pair<std::size_t, std::size_t>, int> events_;  // by thread block and step
  int step_ = 0;
};

}  // namespace

Result<BlockProgram> parse_msccl(std::string_view text, const std::string& file) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(text.data(), text.size());
  if (!parsed) {
    return Status(Code::kInvalidArgument,
                  XmlReading(text, file)
                      .at(parsed.offset, std::string(parsed.description()) + ": expected XML"));
  }
  return MscclReader(text, file).read(document.document_element());
}

}  // namespace tutti
