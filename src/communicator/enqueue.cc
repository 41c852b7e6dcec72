// Calls on memory of a device, as the communicator takes them.
//
// Tested by enqueue_test.cc.

#include "communicator/impl.h"
#include "communicator/validate.h"

namespace tutti {
namespace {

Status no_device() {
  return {Code::kNotSupported,
          "the communicator has no device: expected one in Options::device (TUTTI_DEVICE)"};
}

}  // namespace

Status Communicator::Impl::enqueue(std::span<const Call> group, void*) {
  for (const Call& call : group) {
    if (Status status = validate(call, rank(), ranks()); !status.ok()) return status;
  }
  return no_device();
}

Status Communicator::Impl::health() const { return {}; }

Result<Memory> Communicator::Impl::allocate_on_device(std::size_t) { return no_device(); }

Status Communicator::Impl::register_on_device(const void*) { return no_device(); }

}  // namespace tutti
