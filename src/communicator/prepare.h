// From a call to a job: choice of algorithm, plan, extents, signature.
//
// What depends only on the call's shape is kept: calling again with other buffers of the same shape
// costs next to nothing.

#pragma once

#include <array>
#include <memory>
#include <optional>

#include "communicator/plans.h"
#include "communicator/shape.h"
#include "executor/cpu/job.h"
#include "tuner/choose.h"

namespace tutti {

struct PrepareSettings {
  Options options;
  Isa isa = Isa::kPortable;
  std::optional<Group> group = {};  // the ranks and their hosts; one host where not said
  Model model = default_model();
  int cores = 0;  // as in Surroundings
  Rules rules = {};
};

class Preparer {
 public:
  Preparer(const Site& site, const PrepareSettings& settings)
      : site_(site),
        settings_(settings),
        group_(settings.group.value_or(Group(site.ranks))),
        plans_(site, group_),
        chooser_({group_, settings.model, settings.cores, room()}, settings.rules) {}

  const Group& group() const { return group_; }
  int cores() const { return settings_.cores; }

  /// The job for a call, if one of the same shape is remembered and nothing is wrong with the
  /// buffers; otherwise nullptr, and prepare() knows more. The job is the preparer's, good until
  /// the next recall() or prepare(). `may_be_mapped`: this communicator has given out memory that
  /// peers can reach.
  Job* recall(const Call& call, bool may_be_mapped);

  /// The job for a call, made and remembered. REQUIRES: validate(call) is OK, and it is not
  /// all_to_all_v.
  Result<Job*> prepare(const Call& call, bool may_be_mapped);

 private:
  // A job, and all of the call it was made for but where the buffers are.
  struct Entry {
    Call call;
    std::uint64_t kinds = 0;  // of the call; see kinds_of()
    bool reads = false;
    bool writes = false;
    bool in_place = false;
    std::ptrdiff_t in_place_distance = 0;
    std::size_t input_bytes = 0;
    std::size_t output_bytes = 0;
    std::uintptr_t misaligned = 0;  // address bits that must be 0
    std::unique_ptr<Job> job;

    bool matches(const Call& other, std::uint64_t kinds) const;
    bool fits(const Call& call) const;
  };

  // Two entries a slot: a shape is often called in place and not, or as send and receive.
  static constexpr std::size_t kSlots = 64;
  using Slot = std::array<Entry, 2>;

  Slot& slot_of(const Call& call, std::uint64_t kinds) {
    return recent_[(kinds ^ kinds >> 17 ^ call.input.count ^ call.output.count << 2) % kSlots];
  }
  void place(const Call& call, const Entry& entry) const;
  // Buffers lie in it or elsewhere, both of them.
  bool in_annex(const Call& call) const {
    return site_.annex.contains(call.input.data) || site_.annex.contains(call.output.data);
  }
  // Memory for the blocks in flight of a plan.
  Room room() const;
  Room room_of(const Plan& plan) const;

  Status fill(const Call& call, const Shape& shape, bool may_be_mapped, Job& job);
  Result<Variant> make_variant(const Call& call, const Shape& shape, bool mapped);
  Question ask(const Call& call, const Shape& shape, bool mapped) const;
  Status cut_up(const Shape& shape, const Way& way, Variant& variant) const;
  Status too_little_scratch(const Plan& plan, std::string_view algorithm, std::size_t least) const;

  const Site& site_;
  const PrepareSettings settings_;
  const Group group_;
  Plans plans_;
  Chooser chooser_;
  std::array<Slot, kSlots> recent_;
};

/// The algorithm that Options::algorithm forces for a collective; "" for none. kInvalidArgument for
/// a text that names no algorithm.
Result<std::string_view> forced_algorithm(std::string_view option, Collective collective);

}  // namespace tutti
