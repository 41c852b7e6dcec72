// A communicator's annex: memory of a device beside its window, for calls that are fed. Tested by
// gpudirect_test.cc.

#include "communicator/device_annex.h"
#include "communicator/impl.h"

namespace tutti {

DirectPuts Communicator::Impl::direct_puts(MemoryKind kind) {
  DirectPuts puts;
  executor_->use_transport([&](Transport& transport) { puts = transport.direct_puts(kind); });
  return puts;
}

std::size_t Communicator::Impl::annex_bytes() const {
  const WindowLayout& layout = executor_->site().layout;
  return layout.total - layout.scratch;
}

void Communicator::Impl::add_annex(DeviceAnnex& annex) {
  executor_->add_annex({annex.memory(), executor_->site().layout.scratch, &annex}, annex.kind());
}

std::byte* Communicator::Impl::in_annex(const std::byte* in_window) const {
  const Site& site = executor_->site();
  return site.annex.at(static_cast<std::size_t>(in_window - site.windows[site.rank]));
}

}  // namespace tutti
