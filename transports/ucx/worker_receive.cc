// What a worker takes in. All of it runs inside progress. Tested by transport_test.cc, ucx_test.cc.

#ifdef TUTTI_UCX

#include <cstring>
#include <optional>

#include "transports/ucx/worker.h"

namespace tutti::ucx {

// A parcel whose data is still on its way to its place.
struct Worker::Landing {
  Worker& worker;
  ParcelHeader header;
  std::vector<std::byte> lines;
};

ucs_status_t Worker::on_parcel(void* handler_pointer, const void* header, std::size_t header_bytes,
                               void* data, std::size_t bytes, const ucp_am_recv_param_t* param) {
  const Handler& handler = *static_cast<Handler*>(handler_pointer);
  const bool is_here = (param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) == 0;
  if (header_bytes == 0 && is_here) {  // a parcel without data, sent as if it were data
    return handler.worker->take_parcel({static_cast<const std::byte*>(data), bytes}, {}, is_here,
                                       *handler.rail);
  }
  return handler.worker->take_parcel({static_cast<const std::byte*>(header), header_bytes},
                                     {static_cast<std::byte*>(data), bytes}, is_here,
                                     *handler.rail);
}

// A parcel for a window that is gone, or that makes no sense, is dropped.
ucs_status_t Worker::take_parcel(std::span<const std::byte> bytes, std::span<std::byte> data,
                                 bool is_here, Rail& rail) {
  ParcelHeader header;
  if (bytes.size() < sizeof header) return UCS_OK;
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::span<const std::byte> lines = bytes.subspan(sizeof header);
  const auto window = windows_.find(header.window);
  if (window == windows_.end() || header.bytes != data.size()) return UCS_OK;
  std::byte* const place = window->second.place_of(header);
  if (place == nullptr) return UCS_OK;
  const std::optional<MemoryKind> annex = window->second.annex_of(header);
  if (!is_here) {
    ++window->second.landings;
    return land_later(header, lines, data.data(), place, annex.value_or(MemoryKind::kHost), rail);
  }
  if (annex == MemoryKind::kCuda) return UCS_OK;  // it comes by rendezvous: see send()
  const bool is_offered = taker_ != nullptr && header.window == taker_window_ && !data.empty() &&
                          window->second.is_next(header);
  const bool is_taken = is_offered && offer(header, lines, data);
  if (!is_taken && !data.empty()) std::memcpy(place, data.data(), data.size());
  (void)window->second.landed(header, lines);
  return UCS_OK;
}

// The signal that goes with data is the last of its parcel.
bool Worker::offer(const ParcelHeader& header, std::span<const std::byte> lines,
                   std::span<const std::byte> data) {
  std::optional<LineAt> last;
  while (const std::optional<LineAt> line = take_line(lines)) last = line;
  return last && taker_->take(header.offset, data, last->offset, last->signal);
}

ucs_status_t Worker::land_later(const ParcelHeader& header, std::span<const std::byte> lines,
                                void* data, std::byte* place, MemoryKind kind, Rail& rail) {
  auto landing = std::make_unique<Landing>(
      Landing{*this, header, std::vector<std::byte>(lines.begin(), lines.end())});
  ucp_request_param_t param = {};
  param.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE;
  param.cb.recv_am = on_landed;
  param.user_data = landing.get();
  param.memory_type = memory_type_of(kind);
  void* request = api_.am_recv_data(rail.worker(), data, place, header.bytes, &param);
  if (UCS_PTR_IS_PTR(request)) {
    landing.release();  // on_landed() takes it
  } else {
    landed_late(*landing, UCS_PTR_STATUS(request));
  }
  return UCS_INPROGRESS;  // UCX has the data's descriptor again, whatever came of it
}

void Worker::on_landed(void* request, ucs_status_t status, std::size_t, void* landing_pointer) {
  const std::unique_ptr<Landing> landing(static_cast<Landing*>(landing_pointer));
  landing->worker.landed_late(*landing, status);
  landing->worker.api_.request_free(request);
}

// What did not come is the sender's loss, which check() tells of.
void Worker::landed_late(const Landing& landing, ucs_status_t status) {
  const auto window = windows_.find(landing.header.window);
  if (window == windows_.end()) return;
  --window->second.landings;
  if (status == UCS_OK) (void)window->second.landed(landing.header, landing.lines);
}

ucs_status_t Worker::on_farewell(void* handler_pointer, const void* header,
                                 std::size_t header_bytes, void*, std::size_t,
                                 const ucp_am_recv_param_t* param) {
  Worker& worker = *static_cast<Handler*>(handler_pointer)->worker;
  std::uint64_t id = 0;
  if (header_bytes != sizeof id) return UCS_OK;
  std::memcpy(&id, header, sizeof id);
  const auto peer = worker.peers_.find(id);
  // From here on its end is no loss.
  if (peer == worker.peers_.end()) {
    worker.early_farewells_.insert(id);
  } else if (peer->second->state == Peer::State::kGood) {
    peer->second->state = Peer::State::kDeparted;
  }
  if ((param->recv_attr & UCP_AM_RECV_ATTR_FIELD_REPLY_EP) == 0) return UCS_OK;
  const ucp_request_param_t none = {};
  void* request = worker.api_.am_send(param->reply_ep, kAnswerId, &worker.card_.id,
                                      sizeof worker.card_.id, nullptr, 0, &none);
  if (UCS_PTR_IS_PTR(request)) worker.closing_.push_back(request);
  return UCS_OK;
}

ucs_status_t Worker::on_answer(void* handler_pointer, const void* header, std::size_t header_bytes,
                               void*, std::size_t, const ucp_am_recv_param_t*) {
  Worker& worker = *static_cast<Handler*>(handler_pointer)->worker;
  std::uint64_t id = 0;
  if (header_bytes != sizeof id) return UCS_OK;
  std::memcpy(&id, header, sizeof id);
  const auto peer = worker.peers_.find(id);
  if (peer != worker.peers_.end()) --peer->second->answers_due;
  return UCS_OK;
}

}  // namespace tutti::ucx

#endif  // TUTTI_UCX
