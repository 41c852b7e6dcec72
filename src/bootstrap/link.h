// A connection to a rank or to the root that carries frames: a kind and a body.
//
// Never blocks: send() queues, write_some() and read_frame() do what the socket lets them do. A
// frame longer than the limit is refused before any memory is set aside for it, and memory grows
// with the bytes that arrive, not with the length that is claimed.
// Tested by bootstrap_test.cc.

#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "bootstrap/socket.h"

namespace tutti {

enum class FrameKind : std::uint8_t {
  kHello = 1,  // rank to root: who I am
  kPlace,      // root to rank: who your parent is
  kJoin,       // rank to its parent: who I am
  kReady,      // rank to root: I have my parent and my children
  kGo,         // root to rank: everybody has
  kEntries,    // child to parent: what ranks gave to an all_gather
  kResult,     // parent to child: what all ranks gave
  kFailure,    // either way: a Status that ends the start or the bootstrap
};

struct Frame {
  FrameKind kind = FrameKind::kFailure;
  std::string body;
};

inline constexpr std::size_t kControlFrameBytes = std::size_t{64} << 10;
inline constexpr std::size_t kGatherFrameBytes = std::size_t{1} << 30;

class Link {
 public:
  /// `peer` names the other side in messages: "rank 3 (host b, pid 812)".
  Link(Fd fd, std::string peer, std::size_t frame_limit = kControlFrameBytes)
      : fd_(std::move(fd)), peer_(std::move(peer)), frame_limit_(frame_limit) {}

  int fd() const { return fd_.get(); }
  const std::string& peer() const { return peer_; }
  void rename(std::string peer) { peer_ = std::move(peer); }
  void set_frame_limit(std::size_t bytes) { frame_limit_ = bytes; }

  void send(FrameKind kind, std::string body);
  /// As send(), of bytes that stay where they are until drained().
  void send_view(FrameKind kind, std::string_view body);
  bool drained() const { return outbox_.empty(); }

  /// Writes what the socket takes. kPeerLost names the peer.
  Status write_some();
  /// The next frame, or nothing if it is not all there yet. kPeerLost when the peer has closed the
  /// connection; kSystem for bytes that are no frame.
  Result<std::optional<Frame>> read_frame();

  /// Writes everything, as far as the deadline allows.
  Status write_all(Deadline deadline);

 private:
  struct Piece {
    std::string owned;
    std::string_view view;
    std::size_t written = 0;

    std::string_view rest() const { return (owned.empty() ? view : owned).substr(written); }
  };

  void send_header(FrameKind kind, std::size_t size);
  Status lost(const std::string& why) const;
  Result<bool> fill(std::string& bytes, std::size_t size);
  Status check_header() const;

  Fd fd_;
  std::string peer_;
  std::size_t frame_limit_;
  std::deque<Piece> outbox_;
  std::string header_;
  std::string body_;
};

/// A Status as the body of a kFailure frame, and back.
std::string encode(const Status& status);
Status decode_failure(std::string_view body);

/// Waits for the next frame, which must be of this kind. A kFailure frame becomes its Status.
Result<std::string> await_frame(Link& link, FrameKind kind, Deadline deadline);

}  // namespace tutti
