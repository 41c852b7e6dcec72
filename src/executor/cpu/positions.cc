// Tested by failure_test.cc.

#include "executor/cpu/positions.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace tutti {
namespace {

std::string since(std::int64_t ns) {
  if (ns == 0) return "";
  const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  char text[48];
  std::snprintf(text, sizeof text, " since %.1f s", static_cast<double>(now - ns) * 1e-9);
  return text;
}

// "it is in all_gather #1041 since 12.3 s", "it has ended all_gather #1041", "… has called
// nothing".
std::string position(const Site& site, int rank) {
  const Control* control = site.control_of(rank);
  const std::uint64_t newest = control->sequence.load(std::memory_order_acquire);
  if (newest == 0) return "it has called nothing yet";
  const std::optional<Announced> call = announced(site, rank, newest);
  const std::string what =
      call ? title(call->signature, newest) : "call #" + std::to_string(newest);
  if (control->finished.load(std::memory_order_relaxed) >= newest) return "it has ended " + what;
  return "it is in " + what + (call ? since(call->waiting_since_ns) : "");
}

std::string who(const Site& site, int rank) {
  const std::int64_t pid = site.control_of(rank)->pid.load(std::memory_order_relaxed);
  return "rank " + std::to_string(rank) + " (pid " + std::to_string(pid) + ")";
}

}  // namespace

std::optional<Announced> announced(const Site& site, int rank, std::uint64_t sequence) {
  const Control* control = site.control_of(rank);
  if (control == nullptr) return std::nullopt;
  const Record& record = control->records[sequence % kRecords];
  if (record.sequence.load(std::memory_order_acquire) != sequence) return std::nullopt;
  Announced call;
  call.signature.what = record.what.load(std::memory_order_acquire);
  call.signature.count = record.count.load(std::memory_order_acquire);
  call.signature.detail = record.detail.load(std::memory_order_acquire);
  call.chain = record.chain.load(std::memory_order_acquire);
  call.waiting_since_ns = record.waiting_since_ns.load(std::memory_order_relaxed);
  // Overwritten while being read: what was read is a mixture.
  if (record.sequence.load(std::memory_order_relaxed) != sequence) return std::nullopt;
  return call;
}

std::string first_difference(const Site& site, int rank, std::uint64_t sequence) {
  std::string found;
  for (std::uint64_t s = sequence; s > 0 && s + kRecords > sequence; --s) {
    const std::optional<Announced> theirs = announced(site, rank, s);
    const std::optional<Announced> ours = announced(site, site.rank, s);
    if (!theirs || !ours || theirs->signature == ours->signature) continue;
    found = "rank " + std::to_string(rank) + " called " + title(theirs->signature, s) + ", rank " +
            std::to_string(site.rank) + " called " + title(ours->signature, s);
    if (describe(theirs->signature) == describe(ours->signature)) {
      found += " with other counts per rank or another scale";
    }
  }
  return found;
}

std::string missing_ranks(const Site& site, std::uint64_t sequence) {
  std::string text;
  int missing = 0;
  for (int rank = 0; rank < site.ranks; ++rank) {
    const Control* control = site.control_of(rank);
    if (control == nullptr || control->sequence.load(std::memory_order_acquire) >= sequence)
      continue;
    if (++missing > 4) continue;  // a sentence, not a page
    if (!text.empty()) text += "; ";
    text += who(site, rank) + " has not entered; " + position(site, rank);
  }
  if (missing > 4) text += "; and " + std::to_string(missing - 4) + " more";
  return text;
}

}  // namespace tutti
