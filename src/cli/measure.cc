#include "cli/measure.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace tutti::cli {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kRoundBytes = std::size_t{64} << 10;
constexpr std::size_t kLargestRound = 64;
constexpr int kPoison = 0xEE;

// Bytes from one call's memory to the next's.
std::size_t stride(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

class Measuring {
 public:
  Measuring(Session& session, const PerfOptions& options, const Experiment& experiment,
            Tables& tables)
      : session_(session),
        options_(options),
        experiment_(experiment),
        tables_(tables),
        calls_(
            static_cast<std::size_t>(calls_in_round(options, size_in_bytes(experiment.problem)))),
        findings_(experiment.entrants.size()),
        times_(experiment.entrants.size()),
        wrong_(experiment.entrants.size()) {}

  Status run(const std::function<void(double)>& progress) {
    Status status = prepare();
    if (status.ok()) status = warm_up();
    for (int i = 0; i < options_.iterations && status.ok(); ++i) {
      status = time_all(i);
      progress(static_cast<double>(i + 1) / options_.iterations);
    }
    for (int i = 0; i < options_.checks && status.ok(); ++i) status = check_all();
    if (status.ok()) status = gather();
    if (!status.ok()) abort(status);
    return status;
  }

  std::vector<Finding> findings() && { return std::move(findings_); }

 private:
  const Problem& problem() const { return experiment_.problem; }
  const Entrant& entrant(std::size_t e) const { return experiment_.entrants[e]; }
  bool takes_part(std::size_t e) const { return findings_[e].why.empty(); }
  bool in_place() const { return experiment_.placement == Placement::kInPlace; }

  // The memory of one call: the whole that holds input and output in place, otherwise the area's.
  std::byte* input_of(std::size_t e, std::size_t call) const {
    const Buffers& buffers = *entrant(e).buffers;
    const std::size_t width = size_of(problem().type);
    std::byte* base = in_place() ? buffers.output().data() : buffers.input().data();
    const std::size_t within = in_place() ? in_place_input(problem(), session_.rank()) : 0;
    return base + offset(call) + within * width;
  }
  std::byte* output_of(std::size_t e, std::size_t call) const {
    const std::size_t width = size_of(problem().type);
    const std::size_t within = in_place() ? in_place_output(problem(), session_.rank()) : 0;
    return entrant(e).buffers->output().data() + offset(call) + within * width;
  }
  std::size_t offset(std::size_t call) const {
    return call * stride(size_in_bytes(problem())) +
           static_cast<std::size_t>(options_.unalign) * size_of(problem().type);
  }

  Status prepare() {
    for (std::size_t e = 0; e < findings_.size(); ++e) {
      Round round{problem(), experiment_.placement, {}, options_.aggregate, options_.blocking};
      for (std::size_t call = 0; call < calls_; ++call) {
        round.slots.push_back({input_of(e, call), output_of(e, call)});
      }
      note_unsupported(e, entrant(e).contender->prepare(round));
    }
    return {};
  }

  // True when the library has no such call: not an error, it is left out.
  bool note_unsupported(std::size_t e, const Status& status) {
    if (status.code() != Code::kNotSupported && status.code() != Code::kInvalidArgument) {
      return false;
    }
    findings_[e].why = status.message().empty() ? "not supported" : status.message();
    return true;
  }

  // Once even for -w 0: only running tells whether a library can.
  Status warm_up() {
    for (int i = 0; i < std::max(1, options_.warmup); ++i) {
      for (std::size_t e = 0; e < findings_.size(); ++e) {
        if (!takes_part(e)) continue;
        double time_us = 0;
        const Status status = run_once(e, time_us);
        if (!status.ok() && !note_unsupported(e, status)) return status;
      }
    }
    return {};
  }

  Status time_all(int iteration) {
    for (std::size_t turn = 0; turn < findings_.size(); ++turn) {
      const std::size_t e = (turn + static_cast<std::size_t>(iteration)) % findings_.size();
      if (!takes_part(e)) continue;
      double time_us = 0;
      if (const Status status = run_once(e, time_us); !status.ok()) return status;
      times_[e].push_back(time_us);
      // Before anybody else's turn, whose barrier may be on the same communicator.
      findings_[e].explanation = entrant(e).contender->explain();
    }
    return {};
  }

  Status check_all() {
    for (std::size_t e = 0; e < findings_.size(); ++e) {
      if (!takes_part(e)) continue;
      double time_us = 0;
      if (const Status status = run_once(e, time_us); !status.ok()) return status;
      if (!entrant(e).contender->checkable()) continue;
      if (const Status status = entrant(e).buffers->pull(used_bytes()); !status.ok()) {
        return status;
      }
      wrong_[e] += count_wrong_of(e);
    }
    return {};
  }

  Status run_once(std::size_t e, double& time_us) {
    if (const Status status = write_buffers(e); !status.ok()) return status;
    if (const Status status = session_.control().barrier(); !status.ok()) return status;
    const auto start = std::chrono::steady_clock::now();
    const Status status = entrant(e).contender->run();
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
    time_us =
        entrant(e).contender->device_time_us().value_or(time.count()) / static_cast<double>(calls_);
    return status;
  }

  // Other values in every round and in every call of it, so that no result of before passes.
  std::size_t first_of(std::size_t call) const { return round_ * 1009 + call * 101; }

  Status write_buffers(std::size_t e) {
    const Buffers& buffers = *entrant(e).buffers;
    ++round_;
    const std::size_t bytes = size_in_bytes(problem());
    const std::size_t width = size_of(problem().type);
    for (std::size_t call = 0; call < calls_ && bytes > 0; ++call) {
      std::memset(buffers.here(buffers.output().data() + offset(call)), kPoison, bytes);
      const std::span input(buffers.here(input_of(e, call)), input_elements(problem()) * width);
      fill(input, tables_.of(session_.rank()), first_of(call), problem().type);
    }
    return buffers.push(used_bytes());
  }

  // Of each area, by a round.
  std::size_t used_bytes() const { return offset(calls_); }

  // Of what the last round of an entrant left.
  std::uint64_t count_wrong_of(std::size_t e) {
    const std::size_t bytes = output_elements(problem()) * size_of(problem().type);
    std::uint64_t wrong = 0;
    for (std::size_t call = 0; call < calls_; ++call) {
      const std::span output(entrant(e).buffers->here(output_of(e, call)), bytes);
      wrong += count_wrong(output, problem(), session_.rank(), first_of(call), tables_);
    }
    return wrong;
  }

  // Times and errors of all ranks, for every entrant that took part.
  Status gather() {
    for (std::size_t e = 0; e < findings_.size(); ++e) {
      if (!takes_part(e)) continue;
      const auto times = session_.all_gather(times_[e]);
      if (!times.ok()) return times.status();
      const auto wrong = session_.all_gather(std::vector<std::uint64_t>{wrong_[e]});
      if (!wrong.ok()) return wrong.status();
      Outcome outcome;
      outcome.time = summarize(over_ranks(*times, session_.ranks(), options_.over_ranks));
      if (options_.checks > 0) {
        outcome.errors = 0;
        for (const std::uint64_t count : *wrong) *outcome.errors += count;
      }
      findings_[e].outcome = outcome;
    }
    return {};
  }

  void abort(const Status& status) {
    for (const Entrant& entrant : experiment_.entrants) entrant.contender->abort(status.message());
    session_.control().abort(status.message());
  }

  Session& session_;
  const PerfOptions& options_;
  const Experiment& experiment_;
  Tables& tables_;
  const std::size_t calls_;
  std::size_t round_ = 0;
  std::vector<Finding> findings_;
  std::vector<std::vector<double>> times_;  // µs a call, of this rank
  std::vector<std::uint64_t> wrong_;        // elements, of this rank
};

}  // namespace

int calls_in_round(const PerfOptions& options, std::size_t bytes) {
  if (options.batch > 0) return options.batch * options.aggregate;
  const std::size_t fitting = kRoundBytes / std::max<std::size_t>(bytes, 1);
  const auto calls = static_cast<int>(std::clamp<std::size_t>(fitting, 1, kLargestRound));
  return std::max(1, calls / options.aggregate) * options.aggregate;
}

std::size_t area_bytes(const PerfOptions& options, std::size_t bytes) {
  // Small sizes have large rounds; none of those needs more than this.
  const std::size_t small = kRoundBytes + kLargestRound * kAlignment;
  const auto calls = static_cast<std::size_t>(calls_in_round(options, bytes));
  const std::size_t shift = static_cast<std::size_t>(options.unalign) * sizeof(double);
  return std::max(small, calls * stride(bytes)) + shift;
}

Result<std::vector<Finding>> measure(Session& session, const PerfOptions& options,
                                     const Experiment& experiment, Tables& tables,
                                     const std::function<void(double)>& progress) {
  Measuring measuring(session, options, experiment, tables);
  const Status status = measuring.run(progress);
  if (!status.ok()) return status;
  return std::move(measuring).findings();
}

}  // namespace tutti::cli
