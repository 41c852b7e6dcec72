#include "communicator/message_bootstrap.h"

#include <algorithm>
#include <cstring>

namespace tutti {
namespace {

std::string pack(const std::vector<std::string>& texts) {
  std::string packed;
  for (const std::string& text : texts) {
    const std::uint64_t length = text.size();
    packed.append(reinterpret_cast<const char*>(&length), sizeof length);
    packed += text;
  }
  return packed;
}

std::vector<std::string> unpack(std::string_view packed) {
  std::vector<std::string> texts;
  while (packed.size() >= sizeof(std::uint64_t)) {
    std::uint64_t length;
    std::memcpy(&length, packed.data(), sizeof length);
    packed.remove_prefix(sizeof length);
    texts.emplace_back(packed.substr(0, length));
    packed.remove_prefix(std::min<std::size_t>(length, packed.size()));
  }
  return texts;
}

}  // namespace

MessageBootstrap::MessageBootstrap(Communicator::Impl& parent, std::vector<int> members)
    : parent_(parent), members_(std::move(members)) {
  const auto self = std::find(members_.begin(), members_.end(), parent.rank());
  rank_ = static_cast<int>(self - members_.begin());
}

Status MessageBootstrap::send(const std::string& text, int member) {
  const std::uint64_t length = text.size();
  const Call calls[] = {
      tutti::send({&length, 1, DataType::kUint64}, members_[member]),
      tutti::send({text.data(), text.size(), DataType::kUint8}, members_[member])};
  return parent_.run(calls);
}

Result<std::string> MessageBootstrap::receive(int member) {
  std::uint64_t length = 0;
  const Call header = tutti::receive({&length, 1, DataType::kUint64}, members_[member]);
  if (Status status = parent_.run({&header, 1}); !status.ok()) return status;
  std::string text(length, '\0');
  const Call body = tutti::receive({text.data(), length, DataType::kUint8}, members_[member]);
  if (Status status = parent_.run({&body, 1}); !status.ok()) return status;
  return text;
}

Result<std::vector<std::string>> MessageBootstrap::all_gather(const std::string& mine, Deadline) {
  if (rank_ != 0) {
    if (Status status = send(mine, 0); !status.ok()) return status;
    Result<std::string> packed = receive(0);
    if (!packed.ok()) return packed.status();
    return unpack(*packed);
  }
  std::vector<std::string> all = {mine};
  for (int member = 1; member < ranks(); ++member) {
    Result<std::string> text = receive(member);
    if (!text.ok()) return text.status();
    all.push_back(std::move(*text));
  }
  const std::string packed = pack(all);
  for (int member = 1; member < ranks(); ++member) {
    if (Status status = send(packed, member); !status.ok()) return status;
  }
  return all;
}

}  // namespace tutti
