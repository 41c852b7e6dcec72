// Tested by heartbeat_test.cc.

#include "transports/heartbeat/heartbeat.h"

#include "bootstrap/datagram_socket.h"
#include "bootstrap/meeting.h"
#include "transports/heartbeat/card.h"
#include "transports/heartbeat/datagram.h"
#include "transports/heartbeat/pulse.h"

namespace tutti {
namespace {

using namespace heartbeat;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLeastTimeout(20);
constexpr milliseconds kMostTimeout = std::chrono::hours(24);

// A rank's socket and what it tells the others.
struct Own {
  Fd socket;
  Card card;
};

Result<Own> open(const HeartbeatOptions& options) {
  Result<std::vector<Address>> addresses = local_addresses(options.interface);
  if (!addresses.ok()) return addresses.status();
  if (addresses->empty()) return Status(Code::kSystem, "this host has no network address");
  // On an interface that was asked for: at one address, and at no other.
  const bool everywhere = options.interface.empty();
  if (!everywhere) addresses->resize(1);
  Result<Fd> socket = open_datagram_socket(everywhere ? nullptr : &addresses->front());
  if (!socket.ok()) return socket.status();
  Own own;
  own.card.hello.door = {most_useful(std::move(*addresses)), port_of(*socket)};
  own.socket = std::move(*socket);
  return own;
}

Result<Own> prepare(const Bootstrap& bootstrap, const HeartbeatOptions& options) {
  if (options.timeout < kLeastTimeout || options.timeout > kMostTimeout) {
    return Status(Code::kInvalidArgument,
                  "the heartbeat's timeout is " + std::to_string(options.timeout.count()) +
                      " ms, expected " + std::to_string(kLeastTimeout.count()) + " ms to a day");
  }
  Result<Own> own = open(options);
  if (!own.ok()) return own;
  own->card.hello.rank = bootstrap.rank();
  own->card.hello.ranks = bootstrap.ranks();
  own->card.hello.who = this_process();
  own->card.hello.patience = options.timeout;
  if (bootstrap.rank() > 0) return own;
  Result<std::string> key = random_bytes(kKeyBytes);
  if (!key.ok()) return key.status();
  own->card.key = std::move(*key);
  return own;
}

Group group_of(int rank, const std::vector<Card>& cards) {
  Group group;
  group.rank = rank;
  for (const Card& card : cards) group.endpoints.push_back(card.hello.door);
  group.key = cards[0].key;
  group.timeout = cards[0].hello.patience;
  return group;
}

std::vector<Identity> identities_of(const std::vector<Card>& cards) {
  std::vector<Identity> identities;
  for (const Card& card : cards) identities.push_back(card.hello.who);
  return identities;
}

Status never_heard(const std::vector<int>& unheard, const std::vector<Card>& cards) {
  if (unheard.empty()) return {};
  const Hello& first = cards[unheard.front()].hello;
  std::string text = "no heartbeat comes from " + describe(first.rank, first.who) +
                     "; it was called at " + first.door.to_string();
  if (unheard.size() > 1) {
    text += "; the same goes for " +
            describe_ranks(std::vector<int>(unheard.begin() + 1, unheard.end()));
  }
  return {Code::kTimeout, text + ". Does a firewall stop UDP?"};
}

// Leaves time to tell everybody.
Deadline time_to_give_up(Deadline deadline) {
  const auto now = steady_clock::now();
  return now + (deadline - now) * 3 / 4;
}

}  // namespace

Result<std::unique_ptr<Heartbeat>> Heartbeat::start(Bootstrap& bootstrap,
                                                    const HeartbeatOptions& options,
                                                    Deadline deadline) {
  Result<Own> own = prepare(bootstrap, options);
  const Result<std::vector<Card>> cards = exchange(
      bootstrap, own.ok() ? Result<Card>(own->card) : Result<Card>(own.status()), deadline);
  if (!cards.ok()) return cards.status();

  auto board = std::make_unique<Board>(identities_of(*cards));
  Result<std::unique_ptr<Pulse>> pulse =
      Pulse::start(group_of(bootstrap.rank(), *cards), std::move(own->socket), *board);
  const Status heard =
      pulse.ok() ? never_heard((*pulse)->wait_until_heard(time_to_give_up(deadline)), *cards)
                 : pulse.status();
  if (Status all = agree(bootstrap, heard, deadline); !all.ok()) return all;
  (*pulse)->begin();
  return std::unique_ptr<Heartbeat>(new Heartbeat(std::move(board), std::move(*pulse)));
}

Heartbeat::Heartbeat(std::unique_ptr<Board> board, std::unique_ptr<Pulse> pulse)
    : board_(std::move(board)), pulse_(std::move(pulse)) {}

Heartbeat::~Heartbeat() = default;

Status Heartbeat::check(int rank) const { return board_->check(rank); }

bool Heartbeat::departed(int rank) const { return board_->departed(rank); }

void Heartbeat::report(int rank, const std::string& why) { pulse_->report(rank, why); }

}  // namespace tutti
