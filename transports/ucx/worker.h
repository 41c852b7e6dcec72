// This process's part of the network: rails, connections, windows, and the thread that serves them
// while nobody else does.
//
// Whoever waits calls progress(), which is the fastest way in; the thread rests meanwhile, and
// takes over some milliseconds after the last call, so that puts complete without any call on this
// rank. One lock guards everything UCX.
//
// Shared by the transports of communicators that were split from one another: connections are made
// once for all of them. Tested by transport_test.cc and ucx_test.cc.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "transports/ucx/attendant.h"
#include "transports/ucx/card.h"
#include "transports/ucx/inbox.h"
#include "transports/ucx/parcel.h"
#include "transports/ucx/peer.h"
#include "transports/ucx/rail.h"

namespace tutti::ucx {

class Worker {
 public:
  /// `interface` and `devices` as Options::interface and net_devices, `rendezvous` as in
  /// UcxOptions.
  static Result<std::unique_ptr<Worker>> open(const std::string& interface,
                                              const std::string& devices, bool rendezvous);
  /// Waits until what was sent has come, or its receiver is lost, or some seconds have passed.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  const Card& card() const { return card_; }
  /// How it reaches others: "tcp on e0 and e1".
  const std::string& description() const { return description_; }

  /// A window that others can put into from now on; its number, which is never given twice.
  std::uint32_t add_window(std::span<std::byte> window, int ranks);
  void add_annex(std::uint32_t number, std::span<std::byte> annex, MemoryKind kind);
  void remove_window(std::uint32_t number);
  /// As Transport's.
  DirectPuts direct_puts(MemoryKind kind) const;

  /// The connection to a worker. Lives as long as this.
  Peer& connect(const Card& card);
  /// Endpoints made so far.
  int endpoints_made();

  /// Empty, and the worker's again once sent.
  Parcel* new_parcel();
  /// Most bytes of data of a parcel.
  std::size_t most_data() const { return rails_[0]->most_data(); }
  /// Sends a sealed parcel. To a peer that is lost, drops it.
  void send(Peer& peer, Parcel* parcel);

  /// True when something moved. From any thread. Data for `window` is offered to the taker, if any.
  bool progress(Taker* taker, std::uint32_t window);

  /// OK, or kPeerLost with UCX's reason. From any thread.
  Status check(Peer& peer);
  /// Closes the connection: when it returns, no parcel to the peer is read any more.
  void cancel(Peer& peer);

 private:
  using Clock = std::chrono::steady_clock;

  struct Handler {
    Worker* worker;
    Rail* rail;
  };
  struct Landing;

  Worker() = default;
  Status open_rails(const std::string& interface, const std::string& devices);
  Status set_handlers(Rail& rail);
  void start_attendant();

  ucp_ep_h endpoint(Peer& peer, std::size_t rail);
  std::size_t rail_for(Peer& peer, const Parcel& parcel) const;
  void finish(Parcel* parcel);
  void mark_broken(Peer& peer, const std::string& why);
  bool move();
  bool move_and_arm();
  void close(Peer& peer);
  void close_broken();
  void reap_closed();
  void say_farewell();
  template <class Done>
  void move_until(Done done, std::chrono::milliseconds limit);

  ucs_status_t take_parcel(std::span<const std::byte> header, std::span<std::byte> data,
                           bool is_here, Rail& rail);
  bool offer(const ParcelHeader& header, std::span<const std::byte> lines,
             std::span<const std::byte> data);
  ucs_status_t land_later(const ParcelHeader& header, std::span<const std::byte> lines, void* data,
                          std::byte* place, MemoryKind kind, Rail& rail);
  void landed_late(const Landing& landing, ucs_status_t status);

  static void on_sent(void* request, ucs_status_t status, void* parcel);
  static void on_broken(void* peer, ucp_ep_h endpoint, ucs_status_t status);
  static void on_landed(void* request, ucs_status_t status, std::size_t bytes, void* landing);
  static ucs_status_t on_parcel(void* handler, const void* header, std::size_t header_bytes,
                                void* data, std::size_t bytes, const ucp_am_recv_param_t* param);
  static ucs_status_t on_farewell(void* handler, const void* header, std::size_t header_bytes,
                                  void* data, std::size_t bytes, const ucp_am_recv_param_t* param);
  static ucs_status_t on_answer(void* handler, const void* header, std::size_t header_bytes,
                                void* data, std::size_t bytes, const ucp_am_recv_param_t* param);

  Api api_;
  bool rendezvous_ = false;  // what goes to annexes does not leave before its place is known
  Card card_;
  std::string description_;

  std::mutex mutex_;  // of all below
  std::vector<std::unique_ptr<Rail>> rails_;
  std::deque<Handler> handlers_;                          // per rail; UCX keeps their addresses
  std::map<std::uint64_t, std::unique_ptr<Peer>> peers_;  // by the worker's id
  std::set<std::uint64_t> early_farewells_;               // of workers not connected to yet
  std::map<std::uint32_t, Inbox> windows_;
  std::uint32_t next_window_ = 1;
  int endpoints_made_ = 0;
  std::vector<std::unique_ptr<Parcel>> parcels_;
  std::vector<Parcel*> free_;
  std::vector<Peer*> broken_;   // whose endpoints are to be closed
  std::vector<void*> closing_;  // requests
  Taker* taker_ = nullptr;      // of data for taker_window_, during progress()
  std::uint32_t taker_window_ = 0;

  std::atomic<bool> attended_{false};
  std::unique_ptr<Attendant> attendant_;  // last: it uses all of the above
};

}  // namespace tutti::ucx
