// What ranks tell each other: values.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tutti::heartbeat {

enum class Fate : std::uint8_t {
  kAlive,     // as far as anybody knows; never news
  kDeparted,  // it said goodbye
  kLost,      // for good, even if it is heard again
};

/// What became of a rank, and who says so.
struct News {
  int rank = 0;
  Fate fate = Fate::kAlive;
  int by = 0;
  std::string why;  // of a loss: "nothing heard from it for 2.0 s"; at most kMaxWhyBytes

  bool operator==(const News&) const = default;
};

inline constexpr std::size_t kMaxWhyBytes = 120;

enum class Kind : std::uint8_t {
  kBeat = 1,  // the sender lives
  kQuestion,  // so it does, and it wants to be answered at once
  kAnswer,    // to a question; is never answered itself, or two ranks would go on for ever
};

struct Message {
  int from = 0;
  Kind kind = Kind::kBeat;
  std::vector<News> news;

  bool operator==(const Message&) const = default;
};

}  // namespace tutti::heartbeat
