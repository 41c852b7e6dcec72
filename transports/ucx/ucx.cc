// A communicator's view of the network. Tested by transport_test.cc and ucx_test.cc.

#ifdef TUTTI_UCX

#include "transports/ucx/ucx.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "base/check.h"
#include "bootstrap/exchange.h"
#include "transports/ucx/worker.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

// What this rank sends to another one.
struct Route {
  ucx::Peer* peer = nullptr;
  std::uint32_t window = 0;       // the other's
  std::uint64_t sequence = 0;     // of the next parcel
  ucx::Parcel* parcel = nullptr;  // not sent yet
  ucx::Tickets tickets;
};

// What a rank tells the others.
struct Facts {
  ucx::Card card;
  std::uint32_t window = 0;
  std::uint64_t bytes = 0;
};

std::string pack(const Facts& facts) {
  Writer writer;
  write(writer, facts.card);
  return writer.u32(facts.window).u64(facts.bytes).take();
}

Result<Facts> unpack(std::string_view text) {
  Reader reader(text);
  Facts facts;
  facts.card = ucx::read_card(reader);
  facts.window = reader.u32();
  facts.bytes = reader.u64();
  if (reader.complete() && !facts.card.ways.empty()) return facts;
  return {Code::kMismatch, "its card cannot be read: do all ranks run the same version of Tutti?"};
}

class UcxTransport final : public Transport {
 public:
  UcxTransport(int rank, UcxNetwork worker, std::span<std::byte> window, std::uint32_t number,
               const std::vector<Facts>& facts)
      : rank_(rank),
        worker_(std::move(worker)),
        window_(window),
        number_(number),
        routes_(facts.size()) {
    for (std::size_t r = 0; r < facts.size(); ++r) {
      if (static_cast<int>(r) == rank) continue;
      routes_[r].peer = &worker_->connect(facts[r].card);
      routes_[r].window = facts[r].window;
    }
  }

  // A bounded time for what has not left; then the sources are no longer ours to read.
  ~UcxTransport() override {
    send_waiting();
    const Clock::time_point limit = Clock::now() + std::chrono::milliseconds(500);
    for (int peer = 0; peer < ranks(); ++peer) {
      while (!flushed(peer, puts(peer)) && Clock::now() < limit) {
        if (!worker_->progress(nullptr, number_)) std::this_thread::yield();
      }
      if (!flushed(peer, puts(peer))) cancel(peer);
    }
    worker_->remove_window(number_);
  }

  int rank() const override { return rank_; }
  int ranks() const override { return static_cast<int>(routes_.size()); }
  std::span<std::byte> window() override { return window_; }
  std::byte* map(int peer) override { return peer == rank_ ? window_.data() : nullptr; }

  DirectPuts direct_puts(MemoryKind kind) const override { return worker_->direct_puts(kind); }

  void add_annex(std::span<std::byte> memory, MemoryKind kind) override {
    annex_bytes_ = memory.size();
    annex_kind_ = kind;
    worker_->add_annex(number_, memory, kind);
  }

  Status put(int peer, std::span<const std::byte> source, std::size_t offset) override {
    check_target(peer, offset, source.size());
    Route& route = routes_[peer];
    std::optional<MemoryKind> annex;
    if (offset >= window_.size()) annex = annex_kind_;
    while (!source.empty()) {
      if (route.parcel != nullptr && route.parcel->has_data()) send(route);
      const auto piece = source.first(std::min(source.size(), worker_->most_data()));
      open(peer).set_data(piece, offset, annex);
      source = source.subspan(piece.size());
      offset += piece.size();
    }
    return {};
  }

  Status signal(int peer, std::size_t offset, const Signal& signal) override {
    TUTTI_CHECK(offset % kLineBytes == 0, "offset %zu", offset);
    TUTTI_CHECK(signal.payload.size() <= kInlineBytes, "%zu bytes", signal.payload.size());
    check_target(peer, offset, kLineBytes);
    Route& route = routes_[peer];
    if (route.parcel != nullptr && !route.parcel->has_room_for(signal)) send(route);
    open(peer).add_line(offset, signal);
    // Data goes with its signal; a signal alone waits for company until progress().
    if (route.parcel->has_data()) send(route);
    return {};
  }

  bool progress(Taker* taker) override {
    send_waiting();
    return worker_->progress(taker, number_);
  }

  void send_waiting() override {
    for (const int peer : waiting_) {
      if (routes_[peer].parcel != nullptr) send(routes_[peer]);
    }
    waiting_.clear();
  }

  std::uint64_t puts(int peer) override {
    const Route& route = routes_[peer];
    const bool one_waits = route.parcel != nullptr && route.parcel->has_data();
    return route.tickets.issued() + (one_waits ? 1 : 0);
  }

  bool flushed(int peer, std::uint64_t puts) override {
    return routes_[peer].tickets.done() >= puts;
  }

  void cancel(int peer) override {
    if (peer == rank_) return;
    Route& route = routes_[peer];
    worker_->cancel(*route.peer);
    if (route.parcel != nullptr) send(route);  // into the void
  }

  Status check(int peer) override {
    if (peer == rank_) return {};
    const Status status = worker_->check(*routes_[peer].peer);
    if (status.ok()) return status;
    return {status.code(), "rank " + std::to_string(peer) + " (" + routes_[peer].peer->card.where +
                               "): " + status.message()};
  }

  std::string path(int) const override { return "ucx (" + worker_->description() + ")"; }

 private:
  ucx::Parcel& open(int peer) {
    Route& route = routes_[peer];
    if (route.parcel == nullptr) {
      route.parcel = worker_->new_parcel();
      waiting_.push_back(peer);
    }
    return *route.parcel;
  }

  void send(Route& route) {
    ucx::Parcel* parcel = std::exchange(route.parcel, nullptr);
    parcel->seal(route.window, rank_, route.sequence++, &route.tickets);
    worker_->send(*route.peer, parcel);
  }

  void check_target(int peer, std::size_t offset, std::size_t bytes) const {
    TUTTI_CHECK(peer != rank_ && peer >= 0 && peer < static_cast<int>(routes_.size()),
                "rank %d puts to %d", rank_, peer);
    const bool in_annex = bytes != 0 && offset >= window_.size();
    const std::size_t end = in_annex ? window_.size() + annex_bytes_ : window_.size();
    TUTTI_CHECK(offset <= end && bytes <= end - offset, "%zu bytes at %zu of %zu and %zu", bytes,
                offset, window_.size(), annex_bytes_);
  }

  const int rank_;
  const UcxNetwork worker_;
  const std::span<std::byte> window_;
  const std::uint32_t number_;
  std::size_t annex_bytes_ = 0;
  MemoryKind annex_kind_ = MemoryKind::kHost;
  std::deque<Route> routes_;  // by peer; tickets do not move
  std::vector<int> waiting_;  // peers that a parcel has been opened for
};

// What all ranks said, or the same error on all of them.
Result<std::vector<Facts>> read_all(const std::vector<std::string>& texts, std::size_t bytes) {
  std::vector<Facts> all;
  for (std::size_t r = 0; r < texts.size(); ++r) {
    const std::string who = "rank " + std::to_string(r) + ": ";
    Result<Facts> facts = unpack(texts[r]);
    if (!facts.ok()) return Status(facts.status().code(), who + facts.status().message());
    if (facts->bytes != bytes) {
      return Status(Code::kMismatch, who + "has a window of " + std::to_string(facts->bytes) +
                                         " bytes, expected " + std::to_string(bytes));
    }
    all.push_back(std::move(*facts));
  }
  return all;
}

Result<std::vector<Facts>> exchange_facts(Bootstrap& bootstrap, const Result<std::string>& mine,
                                          std::size_t bytes, Deadline deadline) {
  const auto texts = exchange_or_fail(bootstrap, mine, deadline);
  if (!texts.ok()) return texts.status();
  return read_all(*texts, bytes);
}

}  // namespace

Result<UcxNetwork> open_ucx_network(const UcxOptions& options) {
  Result<std::unique_ptr<ucx::Worker>> worker =
      ucx::Worker::open(options.interface, options.net_devices, options.rendezvous);
  if (!worker.ok()) return worker.status();
  return UcxNetwork(std::move(*worker));
}

std::string describe(const UcxNetwork& network) { return network->description(); }
int endpoints_made(const UcxNetwork& network) { return network->endpoints_made(); }

Result<std::unique_ptr<Transport>> make_ucx_transport(Bootstrap& bootstrap,
                                                      const Result<UcxNetwork>& network,
                                                      std::span<std::byte> window,
                                                      Deadline deadline) {
  Result<std::string> mine = network.status();
  std::uint32_t number = 0;
  if (network.ok()) {
    // Before anybody knows of it.
    number = (*network)->add_window(window, bootstrap.ranks());
    mine = pack(Facts{(*network)->card(), number, window.size()});
  }
  const auto facts = exchange_facts(bootstrap, mine, window.size(), deadline);
  if (facts.ok()) {
    return std::unique_ptr<Transport>(
        std::make_unique<UcxTransport>(bootstrap.rank(), *network, window, number, *facts));
  }
  if (network.ok()) (*network)->remove_window(number);
  return facts.status();
}

}  // namespace tutti

#else  // TUTTI_UCX

#include "bootstrap/exchange.h"
#include "transports/ucx/ucx.h"

namespace tutti {
namespace ucx {
class Worker {};
}  // namespace ucx

Result<UcxNetwork> open_ucx_network(const UcxOptions&) {
  return {Code::kNotSupported,
          "ranks on several hosts need UCX, and this library was built without it "
          "(Debian: libucx-dev)"};
}

std::string describe(const UcxNetwork&) { return ""; }
int endpoints_made(const UcxNetwork&) { return 0; }

Result<std::unique_ptr<Transport>> make_ucx_transport(Bootstrap& bootstrap,
                                                      const Result<UcxNetwork>& network,
                                                      std::span<std::byte>, Deadline deadline) {
  const auto texts = exchange_texts(bootstrap, network.status(), deadline);
  return texts.ok() ? network.status() : texts.status();
}

}  // namespace tutti

#endif  // TUTTI_UCX
