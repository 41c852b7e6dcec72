// Tested by heartbeat_test.cc.

#include "transports/heartbeat/card.h"

#include "bootstrap/exchange.h"
#include "bootstrap/wire.h"
#include "transports/heartbeat/datagram.h"

namespace tutti::heartbeat {
namespace {

std::string encode(const Card& card) {
  return Writer().text(tutti::encode(card.hello)).text(card.key).take();
}

Result<Card> decode(const std::string& bytes) {
  Reader reader(bytes);
  const std::optional<Hello> hello = decode_hello(reader.text());
  const std::string key(reader.text());
  if (!hello || !reader.complete()) {
    return Status(Code::kMismatch, "its card is garbled: do all ranks run the same version?");
  }
  return Card{*hello, key};
}

Status by_rank(int rank, const Status& status) {
  return {status.code(), "rank " + std::to_string(rank) + ": " + status.message()};
}

std::string milliseconds_of(const Card& card) {
  return std::to_string(card.hello.patience.count()) + " ms";
}

Status check_agreement(const std::vector<Card>& cards) {
  if (cards[0].key.size() != kKeyBytes) return {Code::kMismatch, "rank 0 sent no usable key"};
  for (std::size_t rank = 1; rank < cards.size(); ++rank) {
    if (cards[rank].hello.patience == cards[0].hello.patience) continue;
    return {Code::kMismatch, "rank 0 counts ranks as lost after " + milliseconds_of(cards[0]) +
                                 " of silence, rank " + std::to_string(rank) + " after " +
                                 milliseconds_of(cards[rank])};
  }
  return {};
}

}  // namespace

Result<std::vector<Card>> exchange(Bootstrap& bootstrap, const Result<Card>& mine,
                                   Deadline deadline) {
  const Result<std::vector<std::string>> texts = exchange_or_fail(
      bootstrap, mine.ok() ? Result<std::string>(encode(*mine)) : mine.status(), deadline);
  if (!texts.ok()) return texts.status();
  std::vector<Card> cards;
  for (const std::string& text : *texts) {
    Result<Card> card = decode(text);
    if (!card.ok()) return by_rank(static_cast<int>(cards.size()), card.status());
    cards.push_back(std::move(*card));
  }
  if (Status status = check_agreement(cards); !status.ok()) return status;
  return cards;
}

Status agree(Bootstrap& bootstrap, const Status& mine, Deadline deadline) {
  return exchange_or_fail(bootstrap, mine.ok() ? Result<std::string>("") : mine, deadline).status();
}

}  // namespace tutti::heartbeat
