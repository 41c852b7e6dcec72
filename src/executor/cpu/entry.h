// Entering a call: its number, its digest, and the record that lets peers see it.

#pragma once

#include <span>
#include <vector>

#include "executor/cpu/annex.h"
#include "executor/cpu/job.h"

namespace tutti {

/// Memory of this rank's window that has another address as well.
struct Alias {
  std::span<std::byte> memory;
  std::byte* in_window = nullptr;
};

/// What a task sees of its communicator's memory. Lives as long as the executor.
struct Site {
  Transport* transport = nullptr;
  WindowLayout layout;
  int rank = 0;
  int ranks = 1;
  std::vector<std::byte*> windows;  // per rank; null where not mapped
  bool has_unmapped = false;
  std::vector<Alias> aliases;
  Annex annex;

  Control& control() const { return *reinterpret_cast<Control*>(windows[rank]); }
  Control* control_of(int peer) const { return reinterpret_cast<Control*>(windows[peer]); }
  /// Whether [data, data + bytes) lies in this rank's window, under any address; the offset plus 1
  /// if so, else 0.
  std::uint64_t locate(const void* data, std::size_t bytes) const;
};

/// A call under way, as far as its peers and its errors are concerned.
struct Entry {
  Signature signature;
  std::uint64_t sequence = 0;
  std::uint64_t chain = 0;
  std::uint64_t meeting = 0;  // which of Control::meetings, where the job has a mapped variant
  bool is_message = false;
  int suspect = kSelf;  // the rank waited for, or whose signal was of another call
};

inline std::atomic<std::uint64_t>& word_at(std::byte* window, std::size_t offset) {
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(window + offset);
}

inline Line& line_at(std::byte* window, std::size_t offset) {
  return *reinterpret_cast<Line*>(window + offset);
}

/// Enters the next call of the arena. From here on peers can see what it is.
inline Entry enter(const Site& site, Arena& arena, const Job& job) {
  Entry entry;
  entry.signature = job.signature;
  entry.sequence = ++arena.sequence;
  entry.chain = arena.chain = mix(arena.chain, job.signature_digest);
  entry.is_message = job.is_message();
  if (entry.is_message) return entry;

  Control& control = site.control();
  Record& record = control.records[entry.sequence % kRecords];
  // A reader that sees a word of the new call sees this too, and knows the record is in motion.
  record.sequence.store(0, std::memory_order_relaxed);
  record.chain.store(entry.chain, std::memory_order_release);
  record.what.store(job.signature.what, std::memory_order_release);
  record.count.store(job.signature.count, std::memory_order_release);
  record.detail.store(job.signature.detail, std::memory_order_release);
  record.waiting_since_ns.store(0, std::memory_order_relaxed);
  record.sequence.store(entry.sequence, std::memory_order_release);
  control.sequence.store(entry.sequence, std::memory_order_release);
  if (job.mapped.plan == nullptr) return entry;

  entry.meeting = arena.meetings++ % 2;
  BufferRecord& meeting = control.meetings[entry.meeting];
  meeting.chain.store(entry.chain, std::memory_order_relaxed);
  meeting.input.store(job.input_at, std::memory_order_relaxed);
  meeting.output.store(job.output_at, std::memory_order_relaxed);
  meeting.sequence.store(entry.sequence, std::memory_order_release);
  return entry;
}

}  // namespace tutti
