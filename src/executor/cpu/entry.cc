// Tested by executor_test.cc and failure_executor_test.cc.

#include "executor/cpu/entry.h"

namespace tutti {

std::uint64_t Site::locate(const void* data, std::size_t bytes) const {
  const std::byte* begin = windows[rank] + layout.heap;
  const std::byte* at = static_cast<const std::byte*>(data);
  for (const auto& [memory, in_window] : aliases) {
    const std::byte* first = memory.data();
    if (at >= first && at + bytes <= first + memory.size()) at = in_window + (at - first);
  }
  if (at < begin || at + bytes > begin + layout.heap_bytes) return 0;
  return static_cast<std::uint64_t>(at - windows[rank]) + 1;
}

Entry enter(const Site& site, Arena& arena, const Job& job) {
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
