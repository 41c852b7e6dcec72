// A worker's life, and what it sends. Tested by transport_test.cc and ucx_test.cc.

#ifdef TUTTI_UCX

#include "transports/ucx/worker.h"

#include <unistd.h>

#include <algorithm>
#include <random>
#include <thread>

#include "base/check.h"

namespace tutti::ucx {
namespace {

// Data of this size and more is spread over the rails.
constexpr std::size_t kSpreadFrom = 16 * 1024;
constexpr std::chrono::milliseconds kFarewell{1000};
constexpr std::chrono::milliseconds kClose{500};

std::uint64_t random_id() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

std::string where_this_is() {
  char name[65] = {};
  gethostname(name, sizeof name - 1);
  return std::string("host ") + name + ", pid " + std::to_string(getpid());
}

std::string describe(const std::vector<std::unique_ptr<Rail>>& rails) {
  std::string text = rails[0]->devices().is_rdma ? "rdma on " : "tcp on ";
  for (std::size_t r = 0; r < rails.size(); ++r) {
    text += (r == 0 ? "" : " and ") + rails[r]->devices().names;
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::open(const std::string& interface,
                                             const std::string& devices, bool rendezvous) {
  Result<Api> api = load_library();
  if (!api.ok()) return api.status();
  std::unique_ptr<Worker> worker(new Worker());
  worker->api_ = *api;
  if (Status status = worker->open_rails(interface, devices); !status.ok()) return status;
  worker->rendezvous_ = rendezvous || worker->rails_[0]->devices().is_rdma;
  worker->start_attendant();
  return worker;
}

Status Worker::open_rails(const std::string& interface, const std::string& devices) {
  const Result<std::vector<Device>> found = find_devices(interface);
  if (!found.ok()) return found.status();
  const Result<std::vector<RailDevices>> chosen = choose_rails(*found, devices);
  if (!chosen.ok()) return chosen.status();
  card_.id = random_id();
  card_.where = where_this_is();
  for (const RailDevices& each : *chosen) {
    Result<std::unique_ptr<Rail>> rail = Rail::open(api_, each);
    if (!rail.ok()) return rail.status();
    rails_.push_back(std::move(*rail));
    if (Status status = set_handlers(*rails_.back()); !status.ok()) return status;
    card_.ways.push_back({rails_.back()->address(), each.network});
  }
  description_ = describe(rails_);
  return {};
}

Status Worker::set_handlers(Rail& rail) {
  handlers_.push_back({this, &rail});
  const std::pair<unsigned, ucp_am_recv_callback_t> handlers[] = {
      {kParcelId, on_parcel}, {kFarewellId, on_farewell}, {kAnswerId, on_answer}};
  for (const auto& [id, callback] : handlers) {
    ucp_am_handler_param_t param = {};
    param.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_CB |
                       UCP_AM_HANDLER_PARAM_FIELD_ARG | UCP_AM_HANDLER_PARAM_FIELD_FLAGS;
    param.id = id;
    param.cb = callback;
    param.arg = &handlers_.back();
    param.flags = UCP_AM_FLAG_WHOLE_MSG;
    const ucs_status_t status = api_.worker_set_am_recv_handler(rail.worker(), &param);
    if (status != UCS_OK) return ucx_error(api_, "cannot receive", status);
  }
  return {};
}

void Worker::start_attendant() {
  Attendant::Work work;
  for (const auto& rail : rails_) work.event_fds.push_back(rail->event_fd());
  work.attended = [this] { return attended_.exchange(false, std::memory_order_relaxed); };
  work.do_and_arm = [this] {
    const std::lock_guard lock(mutex_);
    return move_and_arm();
  };
  attendant_ = std::make_unique<Attendant>(std::move(work));
}

Worker::~Worker() {
  attendant_.reset();
  const std::lock_guard lock(mutex_);
  if (rails_.empty()) return;
  say_farewell();
  for (const auto& [id, peer] : peers_) close(*peer);
  move_until([this] { return closing_.empty(); }, kClose);
  rails_.clear();  // calls back for what is left, which needs the rest of this
}

// Asks every peer for an answer, which comes after all that was sent before: closing a connection
// that still has something unread in it could drop what the peer has not read either.
void Worker::say_farewell() {
  const auto all = [this](auto predicate) {
    return std::all_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
      return entry.second->state != Peer::State::kGood || predicate(*entry.second);
    });
  };
  move_until([&] { return all([](const Peer& peer) { return peer.under_way == 0; }); }, kFarewell);
  ucp_request_param_t param = {};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  param.flags = UCP_AM_SEND_FLAG_REPLY;
  for (const auto& [id, peer] : peers_) {
    for (ucp_ep_h endpoint : peer->endpoints) {
      if (endpoint == nullptr || peer->state != Peer::State::kGood) continue;
      ++peer->answers_due;
      void* request =
          api_.am_send(endpoint, kFarewellId, &card_.id, sizeof card_.id, nullptr, 0, &param);
      if (UCS_PTR_IS_PTR(request)) closing_.push_back(request);
    }
  }
  move_until([&] { return all([](const Peer& peer) { return peer.answers_due == 0; }); },
             kFarewell);
}

template <class Done>
void Worker::move_until(Done done, std::chrono::milliseconds limit) {
  const Clock::time_point end = Clock::now() + limit;
  while (!done() && Clock::now() < end) {
    if (!move()) std::this_thread::yield();
  }
}

std::uint32_t Worker::add_window(std::span<std::byte> window, int ranks) {
  const std::lock_guard lock(mutex_);
  windows_.emplace(next_window_, Inbox(window, ranks));
  return next_window_++;
}

void Worker::add_annex(std::uint32_t number, std::span<std::byte> annex, MemoryKind kind) {
  const std::lock_guard lock(mutex_);
  windows_.at(number).add_annex(annex, kind);
}

// UCX names kinds of memory that it can move, if need be through memory of the host: that network
// devices reach that of GPUs is for a module of the kernel to see to. (DMA-BUF does it too, but
// whether UCX and all drivers have it, nobody tells.)
DirectPuts Worker::direct_puts(MemoryKind kind) const {
  DirectPuts puts;
  for (const auto& rail : rails_) {
    if (rail->moves(kind)) continue;
    puts.possible = {Code::kNotSupported, "UCX moves no " + std::string(name(kind)) +
                                              " memory by " + description_ +
                                              " (tutti doctor says what it can)"};
  }
  if (!rails_[0]->devices().is_rdma) {
    puts.worthwhile = {Code::kNotSupported, description_ + " copies through host memory itself"};
  } else if (kind == MemoryKind::kCuda && access("/sys/module/nvidia_peermem", F_OK) != 0) {
    puts.worthwhile = {Code::kNotSupported, "nvidia_peermem is not loaded"};
  }
  return puts;
}

void Worker::remove_window(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  const auto window = windows_.find(number);
  move_until([&] { return window->second.landings == 0; }, kClose);
  windows_.erase(window);
}

Peer& Worker::connect(const Card& card) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Peer>& peer = peers_[card.id];
  if (peer == nullptr) {
    peer = std::make_unique<Peer>(*this, card);
    if (early_farewells_.erase(card.id) != 0) peer->state = Peer::State::kDeparted;
  }
  return *peer;
}

int Worker::endpoints_made() {
  const std::lock_guard lock(mutex_);
  return endpoints_made_;
}

Parcel* Worker::new_parcel() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    parcels_.push_back(std::make_unique<Parcel>());
    return parcels_.back().get();
  }
  Parcel* parcel = free_.back();
  free_.pop_back();
  return parcel;
}

void Worker::finish(Parcel* parcel) {
  parcel->finish();
  free_.push_back(parcel);
}

// Rails beyond the first carry large data only, where both ends are on one network.
std::size_t Worker::rail_for(Peer& peer, const Parcel& parcel) const {
  if (rails_.size() == 1 || parcel.data().size() < kSpreadFrom) return 0;
  const std::size_t rails = std::min(rails_.size(), peer.card.ways.size());
  for (std::size_t tries = 0; tries < rails; ++tries) {
    const std::size_t rail = peer.turn++ % rails;
    if (rail == 0 || peer.card.ways[rail].network == card_.ways[rail].network) return rail;
  }
  return 0;
}

// Null when it cannot be made; the peer is broken then.
ucp_ep_h Worker::endpoint(Peer& peer, std::size_t rail) {
  ucp_ep_h& endpoint = peer.endpoints[rail];
  if (endpoint != nullptr || peer.state != Peer::State::kGood) return endpoint;
  ucp_ep_params_t params = {};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(peer.card.ways[rail].address.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler = {on_broken, &peer};
  const ucs_status_t status = api_.ep_create(rails_[rail]->worker(), &params, &endpoint);
  if (status == UCS_OK) {
    ++endpoints_made_;
    return endpoint;
  }
  endpoint = nullptr;
  mark_broken(peer, std::string("cannot connect by ") + rails_[rail]->devices().names + ": " +
                        api_.status_string(status));
  return nullptr;
}

void Worker::send(Peer& peer, Parcel* parcel) {
  const std::lock_guard lock(mutex_);
  const std::size_t rail = rail_for(peer, *parcel);
  const ucp_ep_h to = endpoint(peer, rail);
  if (to == nullptr) return finish(parcel);
  ucp_request_param_t param = {};
  param.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_MEMORY_TYPE;
  param.cb.send = on_sent;
  param.user_data = parcel;
  param.memory_type = memory_type_of(parcel->annex().value_or(MemoryKind::kHost));
  // The receiver says where the data belongs before it leaves: devices take it straight there.
  if (parcel->annex().has_value() && rendezvous_) {
    param.op_attr_mask |= UCP_OP_ATTR_FIELD_FLAGS;
    param.flags = UCP_AM_SEND_FLAG_RNDV;
  }
  parcel->peer = &peer;
  std::span<const std::byte> header = parcel->header(), data = parcel->data();
  if (data.empty()) std::swap(header, data);  // one buffer leaves faster than two
  void* request =
      api_.am_send(to, kParcelId, header.data(), header.size(), data.data(), data.size(), &param);
  if (UCS_PTR_IS_PTR(request)) {
    ++peer.under_way;
    return;
  }
  if (UCS_PTR_IS_ERR(request)) mark_broken(peer, api_.status_string(UCS_PTR_STATUS(request)));
  finish(parcel);
}

void Worker::on_sent(void* request, ucs_status_t, void* parcel_pointer) {
  // What failed is in on_broken().
  Parcel* parcel = static_cast<Parcel*>(parcel_pointer);
  Worker& worker = parcel->peer->worker;
  --parcel->peer->under_way;
  worker.finish(parcel);
  worker.api_.request_free(request);
}

void Worker::on_broken(void* peer_pointer, ucp_ep_h, ucs_status_t status) {
  Peer& peer = *static_cast<Peer*>(peer_pointer);
  peer.worker.mark_broken(peer, peer.worker.api_.status_string(status));
}

void Worker::mark_broken(Peer& peer, const std::string& why) {
  if (peer.state == Peer::State::kGood) {
    peer.why = why;
    peer.state.store(Peer::State::kBroken, std::memory_order_release);
  }
  broken_.push_back(&peer);
}

Status Worker::check(Peer& peer) {
  // Pairs with the release in mark_broken(), which wrote the reason before.
  if (peer.state.load(std::memory_order_acquire) != Peer::State::kBroken) return {};
  return {Code::kPeerLost, "connection lost: " + peer.why};
}

bool Worker::progress(Taker* taker, std::uint32_t window) {
  attended_.store(true, std::memory_order_relaxed);
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  taker_ = taker;
  taker_window_ = window;
  const bool moved = move();
  taker_ = nullptr;
  return moved;
}

bool Worker::move() {
  bool moved = false;
  for (const auto& rail : rails_) moved |= rail->progress();
  if (!broken_.empty()) close_broken();
  if (!closing_.empty()) reap_closed();
  return moved;
}

bool Worker::move_and_arm() {
  while (move()) {
  }
  return std::all_of(rails_.begin(), rails_.end(), [](const auto& rail) { return rail->arm(); });
}

void Worker::close(Peer& peer) {
  ucp_request_param_t param = {};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  param.flags = UCP_EP_CLOSE_FLAG_FORCE;
  for (ucp_ep_h& endpoint : peer.endpoints) {
    if (endpoint == nullptr) continue;
    void* request = api_.ep_close(endpoint, &param);
    if (UCS_PTR_IS_PTR(request)) closing_.push_back(request);
    endpoint = nullptr;
  }
}

void Worker::close_broken() {
  std::vector<Peer*> broken;
  broken.swap(broken_);
  for (Peer* peer : broken) close(*peer);
}

void Worker::reap_closed() {
  std::erase_if(closing_, [this](void* request) {
    if (api_.request_check_status(request) == UCS_INPROGRESS) return false;
    api_.request_free(request);
    return true;
  });
}

void Worker::cancel(Peer& peer) {
  const std::lock_guard lock(mutex_);
  mark_broken(peer, "given up");
  close_broken();
  move_until([&] { return peer.under_way == 0; }, kClose);
  TUTTI_CHECK(peer.under_way == 0, "%d parcels to %s stay with UCX", peer.under_way,
              peer.card.where.c_str());
}

}  // namespace tutti::ucx

#endif  // TUTTI_UCX
