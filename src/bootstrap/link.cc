// A frame is five bytes (length, little-endian, and kind) and its body.
// Tested by bootstrap_test.cc.

#include "bootstrap/link.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bootstrap/wire.h"

namespace tutti {
namespace {

constexpr std::size_t kHeaderBytes = 5;
constexpr std::size_t kGrowthBytes = std::size_t{256} << 10;
constexpr int kLastKind = static_cast<int>(FrameKind::kFailure);

}  // namespace

void Link::send_header(FrameKind kind, std::size_t size) {
  Writer header;
  header.u32(static_cast<std::uint32_t>(size)).u8(static_cast<std::uint8_t>(kind));
  outbox_.push_back({header.take(), {}});
}

void Link::send(FrameKind kind, std::string body) {
  send_header(kind, body.size());
  if (!body.empty()) outbox_.push_back({std::move(body), {}});
}

void Link::send_view(FrameKind kind, std::string_view body) {
  send_header(kind, body.size());
  if (!body.empty()) outbox_.push_back({{}, body});
}

Status Link::lost(const std::string& why) const {
  return Status(Code::kPeerLost, peer_ + " is gone: " + why);
}

Status Link::write_some() {
  while (!outbox_.empty()) {
    Piece& piece = outbox_.front();
    const std::string_view rest = piece.rest();
    const ssize_t sent = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
    if (sent < 0) return lost(std::strerror(errno));
    piece.written += static_cast<std::size_t>(sent);
    if (piece.rest().empty()) outbox_.pop_front();
  }
  return {};
}

// True when `bytes` holds `size` bytes.
Result<bool> Link::fill(std::string& bytes, std::size_t size) {
  while (bytes.size() < size) {
    const std::size_t before = bytes.size();
    bytes.resize(before + std::min(size - before, kGrowthBytes));
    const ssize_t received = recv(fd_.get(), bytes.data() + before, bytes.size() - before, 0);
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(received, 0)));
    if (received == 0) return lost("it closed the connection");
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (received < 0) return lost(std::strerror(errno));
  }
  return true;
}

Status Link::check_header() const {
  Reader header(header_);
  const std::size_t size = header.u32();
  const int kind = header.u8();
  if (size <= frame_limit_ && kind >= 1 && kind <= kLastKind) return {};
  return Status(Code::kSystem, "bytes from " + peer_ + " are no frame: length " +
                                   std::to_string(size) + " (at most " +
                                   std::to_string(frame_limit_) + "), kind " +
                                   std::to_string(kind));
}

Result<std::optional<Frame>> Link::read_frame() {
  const Result<bool> header = fill(header_, kHeaderBytes);
  if (!header.ok()) return header.status();
  if (!*header) return std::optional<Frame>();
  if (Status status = check_header(); !status.ok()) return status;
  Reader reader(header_);
  const Result<bool> body = fill(body_, reader.u32());
  if (!body.ok()) return body.status();
  if (!*body) return std::optional<Frame>();
  Frame frame = {static_cast<FrameKind>(reader.u8()), std::move(body_)};
  header_.clear();
  body_.clear();
  return std::optional<Frame>(std::move(frame));
}

Status Link::write_all(Deadline deadline) {
  while (true) {
    if (Status status = write_some(); !status.ok() || drained()) return status;
    pollfd descriptor = {fd(), POLLOUT, 0};
    if (!wait_for({&descriptor, 1}, deadline)) {
      return Status(Code::kTimeout, peer_ + " does not take what it is sent");
    }
  }
}

std::string encode(const Status& status) {
  Writer writer;
  // A message may quote what users gave; the frame limit must hold all the same.
  const std::string_view message(status.message());
  writer.u8(static_cast<std::uint8_t>(status.code())).text(message.substr(0, 4096));
  return writer.take();
}

Status decode_failure(std::string_view body) {
  Reader reader(body);
  const int code = reader.u8();
  const std::string message(reader.text());
  if (!reader.complete() || code == 0 || code > static_cast<int>(Code::kSystem)) {
    return Status(Code::kSystem, "a peer sent a failure that is garbled");
  }
  return Status(static_cast<Code>(code), message);
}

Result<std::string> await_frame(Link& link, FrameKind kind, Deadline deadline) {
  while (true) {
    Result<std::optional<Frame>> frame = link.read_frame();
    if (!frame.ok()) return frame.status();
    if (frame->has_value()) {
      if ((*frame)->kind == FrameKind::kFailure) return decode_failure((*frame)->body);
      if ((*frame)->kind == kind) return std::move((*frame)->body);
      return Status(Code::kSystem, link.peer() + " sent a frame of kind " +
                                       std::to_string(static_cast<int>((*frame)->kind)) +
                                       ", expected " + std::to_string(static_cast<int>(kind)));
    }
    pollfd descriptor = {link.fd(), POLLIN, 0};
    if (!wait_for({&descriptor, 1}, deadline)) {
      return Status(Code::kTimeout, link.peer() + " has not answered in time");
    }
  }
}

}  // namespace tutti
