// From a call to a job: choice of algorithm, plan, extents, signature.
//
// What depends only on the call's shape is kept: calling again with other buffers of the same shape
// costs next to nothing.

#pragma once

#include <array>
#include <memory>

#include "communicator/plans.h"
#include "communicator/shape.h"
#include "executor/cpu/job.h"
#include "tuner/choose.h"

namespace tutti {

struct PrepareSettings {
  Options options;
  Isa isa = Isa::kPortable;
  bool oversubscribed = false;
};

class Preparer {
 public:
  Preparer(const Site& site, const PrepareSettings& settings)
      : site_(site), settings_(settings), plans_(site) {}

  /// The job for a call; the preparer's, good until the next prepare(). `may_be_mapped`: this
  /// communicator has given out memory that peers can reach. `longest_pair`: see shape_of().
  /// REQUIRES: validate(call) is OK.
  Result<Job*> prepare(const Call& call, bool may_be_mapped, std::size_t longest_pair = 0);

 private:
  struct Key {
    Signature signature;
    ReduceFunction function = nullptr;
    void* context = nullptr;
    double scale = 1.0;
    bool in_place = false;
    bool may_be_mapped = false;
    bool sends = false;
    int peer = kSelf;

    bool operator==(const Key&) const = default;
  };
  struct Entry {
    Key key;
    std::unique_ptr<Job> job;
  };

  Key key_of(const Call& call, const Shape& shape, bool may_be_mapped) const;
  Status fill(const Call& call, const Shape& shape, bool may_be_mapped, Job& job);
  Result<Variant> make_variant(const Call& call, const Shape& shape, bool mapped);
  Question ask(const Call& call, const Shape& shape, bool mapped) const;
  void cut(const Shape& shape, const Choice& choice, Variant& variant) const;

  const Site& site_;
  const PrepareSettings settings_;
  Plans plans_;
  std::array<Entry, 32> recent_;  // direct-mapped by signature
};

/// The algorithm that Options::algorithm forces for a collective; "" for none. kInvalidArgument for
/// a text that names no algorithm.
Result<std::string_view> forced_algorithm(std::string_view option, Collective collective);

}  // namespace tutti
