// Tested by bootstrap_test.cc.

#include "bootstrap/handshake.h"

#include <algorithm>
#include <cerrno>
#include <thread>

#include "bootstrap/sha256.h"
#include "bootstrap/wire.h"

namespace tutti {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::string_view kMagic = "TUTTI/1\n";
constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kProofBytes = sizeof(Digest);
constexpr std::size_t kOpeningBytes = kMagic.size() + kJobBytes + kNonceBytes;
constexpr std::size_t kAnswerBytes = kMagic.size() + 1 + kNonceBytes + kProofBytes;
constexpr std::uint8_t kWelcome = 0;
constexpr std::uint8_t kOtherJob = 1;

Digest proof(std::string_view side, const Meeting& meeting, std::string_view nonces) {
  return hmac_sha256(meeting.secret, Writer().text(side).raw(meeting.job).raw(nonces).bytes());
}

bool proves(std::string_view given, const Digest& expected) {
  Digest digest{};
  std::copy_n(given.begin(), std::min(given.size(), digest.size()), digest.begin());
  return given.size() == digest.size() && equal_in_constant_time(digest, expected);
}

// What one address said.
struct Attempt {
  enum class Answer {
    kWelcome,
    kNo,  // nobody listens there, or something that is not Tutti
    kOtherMeeting,
    kNobody,       // this address cannot be reached from here at all
    kPerhapsLater  // silent, or cut off
  };
  Answer answer = Answer::kPerhapsLater;
  Fd fd;
  std::string why;
};

Attempt later(std::string why) { return {Attempt::Answer::kPerhapsLater, Fd(), std::move(why)}; }
Attempt other_meeting(std::string why) {
  return {Attempt::Answer::kOtherMeeting, Fd(), std::move(why)};
}

Attempt shake_hands(Fd fd, const Meeting& meeting, Deadline deadline) {
  const Result<std::string> nonce = random_bytes(kNonceBytes);
  if (!nonce.ok()) return later(nonce.status().message());
  const std::string opening = Writer().raw(kMagic).raw(meeting.job).raw(*nonce).take();
  if (Status sent = send_exactly(fd, opening, deadline); !sent.ok()) return later(sent.message());
  const Result<std::string> answer = receive_exactly(fd, kAnswerBytes, deadline);
  if (!answer.ok()) return later(answer.status().message());

  Reader reader(*answer);
  if (reader.raw(kMagic.size()) != kMagic) {
    return {Attempt::Answer::kNo, Fd(), "what listens there is not Tutti"};
  }
  if (reader.u8() != kWelcome) {
    return other_meeting(
        "a different job meets there; this id is of another, perhaps earlier, start");
  }
  const std::string nonces = *nonce + std::string(reader.raw(kNonceBytes));
  if (!proves(reader.raw(kProofBytes), proof("door", meeting, nonces))) {
    return other_meeting("what listens there does not know this job's secret");
  }
  const Digest ours = proof("guest", meeting, nonces);
  if (Status sent = send_exactly(fd, as_text(ours), deadline); !sent.ok()) {
    return later(sent.message());
  }
  return {Attempt::Answer::kWelcome, std::move(fd), ""};
}

Attempt try_address(const Address& address, std::uint16_t port, const Meeting& meeting, int round,
                    Deadline deadline) {
  const int longer = 1 << std::min(round, 3);
  const auto now = steady_clock::now();
  Result<Fd> fd = connect_to(address, port, std::min(deadline, now + seconds(longer)));
  if (fd.ok()) {
    // A root that is busy with hundreds of ranks may need a while.
    return shake_hands(std::move(*fd), meeting, std::min(deadline, now + seconds(5 * longer)));
  }
  Attempt attempt = later(fd.status().message());
  if (fd.status().code() == Code::kPeerLost) attempt.answer = Attempt::Answer::kNo;
  if (fd.status().code() == Code::kNotSupported) attempt.answer = Attempt::Answer::kNobody;
  return attempt;
}

// One attempt at each address.
struct Round {
  Fd fd;
  bool no = false;  // at least one address answered so; likewise the others
  bool other_meeting = false;
  bool perhaps_later = false;
  std::string reasons;
};

Round try_all(const Endpoint& door, const Meeting& meeting, int number, Deadline deadline) {
  Round round;
  for (const Address& address : door.addresses) {
    Attempt attempt = try_address(address, door.port, meeting, number, deadline);
    round.fd = std::move(attempt.fd);
    if (attempt.answer == Attempt::Answer::kWelcome) break;
    round.no |= attempt.answer == Attempt::Answer::kNo;
    round.other_meeting |= attempt.answer == Attempt::Answer::kOtherMeeting;
    round.perhaps_later |= attempt.answer == Attempt::Answer::kPerhapsLater;
    round.reasons += (round.reasons.empty() ? "" : "; ") +
                     Endpoint{{address}, door.port}.to_string() + ": " + attempt.why;
  }
  return round;
}

}  // namespace

Stranger::Progress Stranger::answer_opening(const Meeting& meeting) {
  Reader reader(received_);
  if (reader.raw(kMagic.size()) != kMagic) return Progress::kRejected;
  const bool same_job = reader.raw(kJobBytes) == meeting.job;
  const Result<std::string> nonce = random_bytes(kNonceBytes);
  if (!nonce.ok()) return Progress::kRejected;
  nonces_ = std::string(reader.raw(kNonceBytes)) + *nonce;
  // To a stranger of another job we say so, and prove nothing.
  const Digest ours = same_job ? proof("door", meeting, nonces_) : Digest{};
  const std::string answer = Writer()
                                 .raw(kMagic)
                                 .u8(same_job ? kWelcome : kOtherJob)
                                 .raw(*nonce)
                                 .raw(as_text(ours))
                                 .take();
  // A fresh connection takes so few bytes at once, or is not worth waiting for.
  const bool sent = send_exactly(fd_, answer, steady_clock::now()).ok();
  received_.clear();
  return sent && same_job ? Progress::kWaiting : Progress::kRejected;
}

// True when everything expected now has come; an error when the connection has ended.
Result<bool> Stranger::receive(std::size_t expected) {
  while (received_.size() < expected) {
    char bytes[kOpeningBytes];
    const ssize_t count = recv(fd(), bytes, std::min(sizeof bytes, expected - received_.size()), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (count <= 0) return Status(Code::kPeerLost, "the stranger has left");
    received_.append(bytes, static_cast<std::size_t>(count));
  }
  return true;
}

Stranger::Progress Stranger::advance(const Meeting& meeting) {
  if (nonces_.empty()) {
    const Result<bool> whole = receive(kOpeningBytes);
    if (!whole.ok()) return Progress::kRejected;
    if (!*whole) return Progress::kWaiting;
    if (answer_opening(meeting) == Progress::kRejected) return Progress::kRejected;
  }
  const Result<bool> whole = receive(kProofBytes);
  if (!whole.ok()) return Progress::kRejected;
  if (!*whole) return Progress::kWaiting;
  const bool known = proves(received_, proof("guest", meeting, nonces_));
  return known ? Progress::kAdmitted : Progress::kRejected;
}

Result<Fd> enter(const Endpoint& door, const Meeting& meeting, bool retry_refusals,
                 Deadline deadline) {
  milliseconds pause(20);
  for (int number = 0;; ++number) {
    Round round = try_all(door, meeting, number, deadline);
    if (round.fd.is_open()) return std::move(round.fd);
    if (!round.perhaps_later && !retry_refusals) {
      if (round.other_meeting) return Status(Code::kInvalidArgument, round.reasons);
      if (round.no) return Status(Code::kPeerLost, round.reasons);
    }
    if (steady_clock::now() + pause >= deadline) return Status(Code::kTimeout, round.reasons);
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, milliseconds(500));
  }
}

}  // namespace tutti
