// Tested by communicator_test.cc.

#include "communicator/prepare.h"

#include <algorithm>

#include "base/check.h"
#include "communicator/validate.h"

namespace tutti {
namespace {

// Below this, asking every rank where its buffers are costs more than staging does.
constexpr std::size_t kMappedFrom = 16 * 1024;

// Whatever of a call is small, in one word.
std::uint64_t kinds_of(const Call& call, bool may_be_mapped, bool in_annex) {
  return static_cast<std::uint64_t>(call.collective) |
         static_cast<std::uint64_t>(call.op.reduction) << 8 |
         static_cast<std::uint64_t>(call.input.type) << 16 |
         static_cast<std::uint64_t>(call.output.type) << 24 | std::uint64_t{call.sends} << 32 |
         std::uint64_t{may_be_mapped} << 33 | std::uint64_t{in_annex} << 48 |
         static_cast<std::uint64_t>(call.direction) << 34;
}

}  // namespace

bool Preparer::Entry::matches(const Call& other, std::uint64_t other_kinds) const {
  return job != nullptr && kinds == other_kinds && call.input.count == other.input.count &&
         call.output.count == other.output.count && call.root == other.root &&
         call.peer == other.peer && call.op.scale == other.op.scale &&
         call.op.function == other.op.function && call.op.context == other.op.context &&
         call.op.element_bytes == other.op.element_bytes;
}

bool Preparer::Entry::fits(const Call& call) const {
  const auto in = reads ? reinterpret_cast<std::uintptr_t>(call.input.data) : 0;
  const auto out = writes ? reinterpret_cast<std::uintptr_t>(call.output.data) : 0;
  if (((in | out) & misaligned) != 0) return false;
  if ((reads && in == 0) || (writes && out == 0)) return false;
  if (!reads || !writes) return true;
  const bool is_in_place = static_cast<std::ptrdiff_t>(out - in) == in_place_distance;
  const bool overlap = in < out + output_bytes && out < in + input_bytes;
  return is_in_place == in_place && (is_in_place || !overlap);
}

Job* Preparer::recall(const Call& call, bool may_be_mapped) {
  if (call.variable) return nullptr;  // counts per rank are not compared
  const std::uint64_t kinds = kinds_of(call, may_be_mapped, in_annex(call));
  for (Entry& entry : slot_of(call, kinds)) {
    if (!entry.matches(call, kinds) || !entry.fits(call)) continue;
    place(call, entry);
    return entry.job.get();
  }
  return nullptr;
}

Result<Job*> Preparer::prepare(const Call& call, bool may_be_mapped) {
  const Shape shape = shape_of(call, site_.rank, site_.ranks);
  auto job = std::make_unique<Job>();
  if (Status status = fill(call, shape, may_be_mapped, *job); !status.ok()) return status;

  const std::uint64_t kinds = kinds_of(call, may_be_mapped, in_annex(call));
  Slot& slot = slot_of(call, kinds);
  std::swap(slot[0], slot[1]);  // the newer one stays
  Entry& entry = slot[0];
  entry.call = call;
  entry.kinds = call.variable ? ~std::uint64_t{0} : kinds;  // never recalled: see recall()
  entry.reads = reads_input(call, site_.rank);
  entry.writes = writes_output(call, site_.rank, site_.ranks);
  entry.in_place = shape.in_place;
  entry.in_place_distance = in_place_distance(call, site_.rank, site_.ranks);
  entry.input_bytes = call.input.bytes();
  entry.output_bytes = call.output.bytes();
  entry.misaligned = size_of(shape.type) - 1;
  entry.job = std::move(job);
  place(call, entry);
  return entry.job.get();
}

void Preparer::place(const Call& call, const Entry& entry) const {
  Job& job = *entry.job;
  job.input = entry.reads ? static_cast<const std::byte*>(call.input.data) : nullptr;
  job.output = entry.writes ? static_cast<std::byte*>(call.output.data) : nullptr;
  if (job.mapped.plan == nullptr) return;
  job.input_at = entry.reads ? site_.locate(job.input, entry.input_bytes) : 1;
  job.output_at = entry.writes ? site_.locate(job.output, entry.output_bytes) : 1;
}

Status Preparer::fill(const Call& call, const Shape& shape, bool may_be_mapped, Job& job) {
  job.set_signature(shape.signature);
  job.type = shape.type;
  job.in_annex = in_annex(call);
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
                            !job.reducer.scales_inputs() && site_.ranks > 1;
  if (!worth_asking) {
    if (!job.in_annex) flatten(job, site_);
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
  question.type = shape.type;
  question.bytes = shape.bytes;
  question.mapped = mapped;
  question.reachable = !site_.has_unmapped;
  // Only where all ranks know of each other that they are in place.
  question.in_place = shape.in_place && call.collective == Collective::kAllToAll;
  question.variable = call.variable;
  question.reproducible = settings_.options.reproducible;
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
  Result<Choice> choice = chooser_.choose(question);
  if (!choice.ok()) return choice.status();
  const Way& way = choice->way;
  const Algorithm& algorithm = *way.algorithm;

  Variant variant;
  variant.algorithm = algorithm.name;
  const auto plan_of = [&](Flavor flavor) {
    return call.collective == Collective::kSendRecv
               ? plans_.message(call.sends, flavor)
               : plans_.get(algorithm, root_of(call, site_.ranks), flavor);
  };
  variant.plan = plan_of(mapped ? Flavor::kMapped : Flavor::kStaged);
  const int width = lines_for(piece_of(shape, variant.plan->chunks) * shape.element);
  const std::size_t lines = 2 * static_cast<std::size_t>(variant.plan->lines) * width;
  // Lines are written by the processor, which does not see what lies in the annex.
  if (way.flavor == Flavor::kInline && !in_annex(call) && width <= kMostLines &&
      lines <= room_of(*variant.plan).lines) {
    variant.plan = plan_of(Flavor::kInline);
    variant.width = width;
  }
  variant.input_extents = input_extents(call, shape, variant.plan->chunks);
  variant.output_extents = output_extents(call, shape, variant.plan->chunks);
  if (Status status = cut_up(shape, way, variant); !status.ok()) return status;
  // Streaming loses where the lines are in the caches already, as the target of a sum in place is.
  if (shape.in_place) variant.stream = false;
  return variant;
}

Room Preparer::room() const {
  return {site_.layout.scratch_bytes, site_.layout.line_bytes / kLineBytes};
}

Room Preparer::room_of(const Plan& plan) const {
  if (plan.collective != Collective::kSendRecv) return room();
  return {WindowLayout::kInboxBytes - WindowLayout::kInboxLines - WindowLayout::kPage,
          WindowLayout::kInboxLines / kLineBytes};
}

// At least two blocks fit the memory that scratch and signals have.
Status Preparer::cut_up(const Shape& shape, const Way& way, Variant& variant) const {
  const Plan& plan = *variant.plan;
  const Room room = room_of(plan);
  if (const std::size_t least = least_scratch(plan.scratch_chunks, shape.element);
      least > room.scratch_bytes) {
    return too_little_scratch(plan, variant.algorithm, least);
  }
  const Cut cuts = cut({plan.scratch_chunks, plan.lines, variant.width}, room,
                       piece_of(shape, plan.chunks), shape.element, {way.tile_bytes, way.lanes});
  variant.tile = cuts.tile;
  variant.blocks = cuts.blocks;
  variant.lanes = cuts.lanes;
  variant.stream = way.stream;
  return {};
}

Status Preparer::too_little_scratch(const Plan& plan, std::string_view algorithm,
                                    std::size_t least) const {
  return {Code::kNotSupported,
          "scratch_bytes: " + std::to_string(site_.layout.scratch_bytes) + ": expected at least " +
              std::to_string(least) + " for " + std::string(name(plan.collective)) + " by " +
              std::string(algorithm) + " among " + std::to_string(plan.ranks) + " ranks"};
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
