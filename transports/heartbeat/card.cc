// Tested by heartbeat_test.cc.

#include "transports/heartbeat/card.h"

#include "bootstrap/link.h"
#include "bootstrap/wire.h"
#include "transports/heartbeat/datagram.h"

namespace tutti::heartbeat {
namespace {

std::string encode(const Result<Card>& card) {
  Writer writer;
  if (!card.ok()) return writer.u8(0).text(tutti::encode(card.status())).take();
  return writer.u8(1).text(tutti::encode(card->hello)).text(card->key).take();
}

Result<Card> decode(const std::string& bytes) {
  Reader reader(bytes);
  const bool is_card = reader.u8() != 0;
  const std::string_view body = reader.text();
  if (!is_card) return decode_failure(body);
  const std::optional<Hello> hello = decode_hello(body);
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
  const Result<std::vector<std::string>> texts = bootstrap.all_gather(encode(mine), deadline);
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
  const std::string text = mine.ok() ? "" : tutti::encode(mine);
  const Result<std::vector<std::string>> texts = bootstrap.all_gather(text, deadline);
  if (!texts.ok()) return texts.status();
  for (std::size_t rank = 0; rank < texts->size(); ++rank) {
    if ((*texts)[rank].empty()) continue;
    return by_rank(static_cast<int>(rank), decode_failure((*texts)[rank]));
  }
  return {};
}

}  // namespace tutti::heartbeat
