// Tested by communicator_test.cc.

#include "communicator/prepare.h"

#include <algorithm>

#include "base/check.h"
#include "communicator/validate.h"

namespace tutti {
namespace {

// Below this, asking every rank where its buffers are costs more than staging does.
constexpr std::size_t kMappedFrom = 16 * 1024;

}  // namespace

Result<Job*> Preparer::prepare(const Call& call, bool may_be_mapped, std::size_t longest_pair) {
  const Shape shape = shape_of(call, site_.rank, site_.ranks, longest_pair);
  const Key key = key_of(call, shape, may_be_mapped);
  const std::uint64_t slot =
      mix(mix(key.signature.what, key.signature.count), 2 * key.peer + key.sends);
  Entry& entry = recent_[slot % recent_.size()];
  // Counts per rank live in the job's extents, which the signature holds only a digest of.
  const bool known = entry.job != nullptr && entry.key == key && !call.variable;
  if (!known) {
    entry = {key, std::make_unique<Job>()};
    if (Status status = fill(call, shape, may_be_mapped, *entry.job); !status.ok()) {
      entry.job.reset();
      return status;
    }
  }
  Job& job = *entry.job;
  const bool in = reads_input(call, site_.rank), out = writes_output(call, site_.rank);
  job.input = in ? static_cast<const std::byte*>(call.input.data) : nullptr;
  job.output = out ? static_cast<std::byte*>(call.output.data) : nullptr;
  if (job.mapped.plan != nullptr) {
    job.input_at = in ? site_.locate(job.input, call.input.bytes()) : 1;
    job.output_at = out ? site_.locate(job.output, call.output.bytes()) : 1;
  }
  return &job;
}

Preparer::Key Preparer::key_of(const Call& call, const Shape& shape, bool may_be_mapped) const {
  Key key;
  key.signature = shape.signature;
  key.in_place = shape.in_place;
  key.may_be_mapped = may_be_mapped;
  if (reduces(call.collective)) {
    key.function = call.op.function;
    key.context = call.op.context;
    key.scale = call.op.scale;
  }
  if (call.collective == Collective::kSendRecv) {
    key.sends = call.sends;
    key.peer = call.peer;
  }
  return key;
}

Status Preparer::fill(const Call& call, const Shape& shape, bool may_be_mapped, Job& job) {
  job.set_signature(shape.signature);
  job.type = shape.type;
  job.reducer = Reducer::copier(shape.type, settings_.isa);
  if (reduces(call.collective)) {
    Result<Reducer> reducer = Reducer::make(shape.type, call.op, site_.ranks, settings_.isa);
    if (!reducer.ok()) return reducer.status();
    job.reducer = std::move(*reducer);
  }
  if (call.collective == Collective::kSendRecv) {
    job.pair = {call.sends ? site_.rank : call.peer, call.sends ? call.peer : site_.rank};
  }
  Result<Variant> staged = make_variant(call, shape, /*mapped=*/false);
  if (!staged.ok()) return staged.status();
  job.staged = std::move(*staged);

  const bool worth_asking = may_be_mapped && !site_.has_unmapped && shape.bytes >= kMappedFrom &&
                            call.collective != Collective::kSendRecv &&
                            !(call.variable && call.collective == Collective::kAllToAll) &&
                            !job.reducer.scales_inputs() && site_.ranks > 1;
  if (!worth_asking) {
    job.flat = flatten(job, site_);
    return {};
  }
  Result<Variant> mapped = make_variant(call, shape, /*mapped=*/true);
  if (!mapped.ok()) return mapped.status();
  job.mapped = std::move(*mapped);
  return {};
}

Question Preparer::ask(const Call& call, const Shape& shape, bool mapped) const {
  Question question;
  question.collective = call.collective;
  question.ranks = call.collective == Collective::kSendRecv ? 2 : site_.ranks;
  question.bytes = shape.bytes;
  question.mapped = mapped;
  question.reachable = !site_.has_unmapped;
  // Only where all ranks know of each other that they are in place.
  question.in_place = shape.in_place && call.collective == Collective::kAllToAll;
  question.variable = call.variable;
  question.reproducible = settings_.options.reproducible;
  question.oversubscribed = settings_.oversubscribed;
  question.forced_tile_bytes = settings_.options.tile_bytes;
  question.forced_lanes = settings_.options.lanes;
  return question;
}

Result<Variant> Preparer::make_variant(const Call& call, const Shape& shape, bool mapped) {
  Question question = ask(call, shape, mapped);
  Result<std::string_view> forced = forced_algorithm(settings_.options.algorithm, call.collective);
  if (!forced.ok()) return forced.status();
  // Messages have one algorithm that takes any buffers.
  if (call.collective != Collective::kSendRecv) question.forced = *forced;
  Result<Choice> choice = choose(question);
  if (!choice.ok()) return choice.status();
  const Algorithm& algorithm = *choice->algorithm;

  Variant variant;
  variant.algorithm = algorithm.name;
  const auto plan_of = [&](Flavor flavor) {
    return call.collective == Collective::kSendRecv
               ? plans_.message(call.sends, flavor)
               : plans_.get(algorithm, has_root(call.collective) ? call.root : 0, flavor);
  };
  variant.plan = plan_of(mapped ? Flavor::kMapped : Flavor::kStaged);
  const std::size_t piece = piece_of(shape, variant.plan->chunks) * size_of(shape.type);
  if (!algorithm.pull && !mapped && piece <= kInlineBytes) variant.plan = plan_of(Flavor::kInline);
  variant.input_extents = input_extents(call, shape, variant.plan->chunks);
  variant.output_extents = output_extents(call, shape, variant.plan->chunks);
  cut(shape, *choice, variant);
  // Streaming loses where the lines are in the caches already, as the target of a sum in place is.
  if (shape.in_place) variant.stream = false;
  return variant;
}

// Tiles, blocks and lanes, within the memory that scratch and signals have.
void Preparer::cut(const Shape& shape, const Choice& choice, Variant& variant) const {
  const Plan& plan = *variant.plan;
  const bool message = plan.collective == Collective::kSendRecv;
  const std::size_t element = size_of(shape.type);
  const std::size_t scratch = message ? WindowLayout::kInboxBytes - WindowLayout::kInboxLines - 4096
                                      : site_.layout.scratch_bytes;
  const std::size_t lines =
      (message ? WindowLayout::kInboxLines : site_.layout.line_bytes) / kLineBytes;
  int lanes = std::clamp(choice.lanes, 1, kMaxLanes);
  while (lanes > 1 && static_cast<std::size_t>(plan.lines) * (lanes + 1) > lines) --lanes;
  const std::size_t piece = std::max<std::size_t>(piece_of(shape, plan.chunks), 1);
  const std::size_t whole = piece * element;
  // A call that fits one block needs room for one, not for lanes.
  std::size_t tile =
      whole <= choice.tile_bytes ? fit_tile(whole + 63, plan.scratch_chunks, 2, scratch) : 0;
  if (tile < whole) tile = fit_tile(choice.tile_bytes, plan.scratch_chunks, lanes, scratch);
  TUTTI_CHECK(static_cast<std::size_t>(plan.lines) <= lines && tile >= element,
              "%d lines, %d scratch chunks", plan.lines, plan.scratch_chunks);
  variant.tile = std::min(piece, tile / element);
  variant.blocks = std::max<std::size_t>(1, (piece + variant.tile - 1) / variant.tile);
  variant.lanes = static_cast<int>(std::min<std::size_t>(lanes, variant.blocks));
  variant.stream = choice.stream;
}

Result<std::string_view> forced_algorithm(std::string_view option, Collective collective) {
  bool known = option.empty();
  std::string_view found;
  const std::string_view whole = option;
  while (!option.empty()) {
    const std::size_t comma = option.find(',');
    const std::string_view item = option.substr(0, comma);
    option = comma == std::string_view::npos ? "" : option.substr(comma + 1);
    const std::size_t colon = item.find(':');
    if (colon != std::string_view::npos) {
      const std::optional<Collective> named = parse_collective(item.substr(0, colon));
      if (!named || find_algorithm(*named, item.substr(colon + 1)) == nullptr) {
        return {Code::kInvalidArgument, "algorithm: \"" + std::string(item) +
                                            "\" names no algorithm: see docs/algorithms.md"};
      }
      known = true;
      if (*named == collective) found = item.substr(colon + 1);
      continue;
    }
    if (const Algorithm* algorithm = find_algorithm(collective, item)) found = algorithm->name;
    known |= std::any_of(catalog().begin(), catalog().end(),
                         [&](const Algorithm& a) { return a.name == item; });
  }
  if (known) return found;
  return {Code::kInvalidArgument,
          "algorithm: \"" + std::string(whole) + "\" names no algorithm: see docs/algorithms.md"};
}

}  // namespace tutti
