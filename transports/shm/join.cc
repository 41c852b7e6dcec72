// Ranks of one host come to share a mapping. Tested by shm_test.cc.

#include "transports/shm/join.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "bootstrap/exchange.h"
#include "bootstrap/offer.h"
#include "files/handover.h"

namespace tutti::shm {
namespace {

// What a rank tells the others. A value that travels as bytes.
struct Card {
  Host host;
  ProcessId process;
  std::uint32_t user = 0;
  std::uint64_t window_bytes = 0;
  Handover::Invitation invitation;  // rank 0's only
};

// What rank 0 holds until all have joined.
struct Origin {
  Descriptor file;
  std::unique_ptr<Handover> handover;  // below `file`, of which it gives copies
};

// Rank 0's part before the first all-gather: creates the memory, and invites on its card.
Status become_origin(const Layout& layout, std::optional<Origin>& origin, Card& card) {
  Result<Descriptor> file = create_memory(layout);
  if (!file.ok()) return file.status();
  Result<std::unique_ptr<Handover>> handover = Handover::open();
  if (!handover.ok()) return handover.status();
  card.invitation = (*handover)->invitation();
  origin = Origin{std::move(*file), std::move(*handover)};
  return {};
}

Status serve(const Origin& origin) {
  return origin.handover->serve([&file = origin.file](std::uint64_t) { return file.copy(); });
}

Result<Card> make_card(std::size_t window_bytes) {
  const Result<Host> host = this_host();
  if (!host.ok()) return host.status();
  const Result<ProcessId> process = this_process();
  if (!process.ok()) return process.status();
  Card card;
  card.host = *host;
  card.process = *process;
  card.user = geteuid();
  card.window_bytes = window_bytes;
  return card;
}

Status check_agreement(const std::vector<Card>& cards) {
  const Card& first = cards[0];
  for (int rank = 1; rank < static_cast<int>(cards.size()); ++rank) {
    const Card& card = cards[rank];
    Status same_host = check_same_host(0, first.host, rank, card.host);
    if (!same_host.ok()) return same_host;
    if (card.window_bytes != first.window_bytes) {
      return {Code::kMismatch, "rank 0 asks for windows of " + std::to_string(first.window_bytes) +
                                   " bytes, rank " + std::to_string(rank) + " of " +
                                   std::to_string(card.window_bytes)};
    }
    if (card.user != first.user) {
      return {Code::kNotSupported, "rank 0 runs as user " + std::to_string(first.user) + ", rank " +
                                       std::to_string(rank) + " as user " +
                                       std::to_string(card.user) +
                                       ": shared memory is for processes of one user"};
    }
  }
  return {};
}

// The lowest rank of a process.
int leader_of(const std::vector<Card>& cards, const ProcessId& process) {
  const auto of_process = [&](const Card& card) { return card.process == process; };
  return static_cast<int>(std::find_if(cards.begin(), cards.end(), of_process) - cards.begin());
}

int count_of(const std::vector<Card>& cards, const ProcessId& process) {
  return static_cast<int>(std::count_if(cards.begin(), cards.end(),
                                        [&](const Card& card) { return card.process == process; }));
}

Result<std::shared_ptr<const Mapping>> share(Result<std::unique_ptr<Mapping>> mapping) {
  if (!mapping.ok()) return mapping.status();
  return std::shared_ptr<const Mapping>(std::move(*mapping));
}

// A leader's mapping: of the file it made (rank 0) or was given.
Result<std::shared_ptr<const Mapping>> map_as_leader(const std::vector<Card>& cards,
                                                     const std::optional<Origin>& origin,
                                                     const Layout& layout, Deadline deadline) {
  if (origin) {
    const bool alone = count_of(cards, cards[0].process) == static_cast<int>(cards.size());
    if (!alone) {
      if (Status status = serve(*origin); !status.ok()) return status;
    }
    return share(Mapping::map(origin->file, layout));
  }
  const Result<Descriptor> file =
      receive(cards[0].invitation, {.giver = "rank 0", .process = cards[0].process.pid}, deadline);
  if (!file.ok()) return file.status();
  return share(Mapping::map(*file, layout));
}

Result<OfferAddress> make_offer(const Result<std::shared_ptr<const Mapping>>& mapping, int takers) {
  if (!mapping.ok()) return mapping.status();
  return offer(*mapping, takers);
}

// The second all-gather.
Result<std::shared_ptr<const Mapping>> share_mapping(Bootstrap& bootstrap,
                                                     const std::vector<Card>& cards,
                                                     Result<std::shared_ptr<const Mapping>> mapping,
                                                     Deadline deadline) {
  const ProcessId& process = cards[bootstrap.rank()].process;
  const int leader = leader_of(cards, process);
  const bool leads = leader == bootstrap.rank();

  const Result<OfferAddress> mine =
      leads ? make_offer(mapping, count_of(cards, process) - 1) : Result(OfferAddress{});
  const auto offers = exchange(bootstrap, mine, deadline);
  if (!offers.ok()) return offers.status();

  // Taken even when another rank has failed, so that the offer is freed.
  if (!leads && (*offers)[leader].ok()) {
    mapping = take<std::shared_ptr<const Mapping>>(*(*offers)[leader]);
  }
  const auto all = all_values(*offers);
  if (!all.ok()) return all.status();
  return mapping;
}

}  // namespace

Result<Group> join(Bootstrap& bootstrap, std::size_t window_bytes, Deadline deadline) {
  const Result<Layout> layout = Layout::make(bootstrap.ranks(), window_bytes);
  Result<Card> card = layout.ok() ? make_card(window_bytes) : layout.status();
  std::optional<Origin> origin;  // rank 0's; lives until the second all-gather has ended
  if (bootstrap.rank() == 0 && card.ok()) {
    if (Status status = become_origin(*layout, origin, *card); !status.ok()) card = status;
  }
  const auto results = exchange(bootstrap, card, deadline);
  if (!results.ok()) return results.status();
  const auto cards = all_values(*results);
  if (!cards.ok()) return cards.status();
  if (Status status = check_agreement(*cards); !status.ok()) return status;

  Result<std::shared_ptr<const Mapping>> mapping = std::shared_ptr<const Mapping>();
  if (leader_of(*cards, card->process) == bootstrap.rank()) {
    mapping = map_as_leader(*cards, origin, *layout, deadline);
  }
  mapping = share_mapping(bootstrap, *cards, std::move(mapping), deadline);
  if (!mapping.ok()) return mapping.status();

  Group group{std::move(*mapping), {}};
  for (const Card& each : *cards) group.members.push_back({each.host, each.process});
  return group;
}

}  // namespace tutti::shm
