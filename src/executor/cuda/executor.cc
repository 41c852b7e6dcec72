#include "executor/cuda/executor.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "executor/cuda/call_word.h"
#include "executor/cuda/check_call.h"
#include "executor/cuda/choose_path.h"
#include "executor/cuda/copies.h"
#include "executor/cuda/device_plans.h"
#include "executor/cuda/engine.h"
#include "executor/cuda/interpreter.h"
#include "executor/cuda/kernels.h"
#include "executor/cuda/multicast.h"
#include "executor/cuda/multicast_kernels.h"
#include "executor/cuda/pieces.h"
#include "executor/cuda/plan_kernels.h"
#include "executor/cuda/trouble_watch.h"

namespace tutti {

using namespace cuda;  // NOLINT: this file is the seam between the two

namespace {

Status check_settings(const CudaExecutor::Settings& settings, int ranks) {
  const auto invalid = [](const std::string& text) { return Status(Code::kInvalidArgument, text); };
  if (ranks > kMostRanks) {
    return {Code::kNotSupported, std::to_string(ranks) + " ranks of a host: expected at most " +
                                     std::to_string(kMostRanks)};
  }
  if (settings.blocks < 1 || settings.blocks > kMostBlocks) {
    return invalid("blocks " + std::to_string(settings.blocks) + ": expected 1 to " +
                   std::to_string(kMostBlocks));
  }
  if (settings.threads < 32 || settings.threads > kMostThreads || settings.threads % 32 != 0) {
    return invalid("threads " + std::to_string(settings.threads) +
                   ": expected a multiple of 32 up to " + std::to_string(kMostThreads));
  }
  if (settings.call_timeout.count() <= 0) {
    return invalid("call_timeout of " + std::to_string(settings.call_timeout.count()) +
                   " ms: expected more than 0");
  }
  return {};
}

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kEnding{5};      // for streams, after the last deadline in a kernel
constexpr std::chrono::seconds kBrokenLook{1};  // between looks whether the device still works

bool is_broken(Device& device) {
  const Result<Stream> stream = device.make_stream();
  if (stream.ok()) device.end_stream(*stream);
  return !stream.ok();
}

// A call on its way to the stream.
struct Issue {
  const DeviceCall& call;
  const CheckedCall& checked;
  Stream stream;
  Path path = Path::kReduce;
  const DevicePlan* plan = nullptr;  // of the interpreter and the engine
  Arithmetic arithmetic = {};
  std::uint32_t number = 0;
  std::uint64_t word = 0;  // call_word.h
  bool in_place = false;   // not where buffers go through scratch
};

// Whether it leaves outputs as they are meant, wherever they are. Otherwise they are in scratch.
bool brings_out(Path path) { return path == Path::kEngine || path == Path::kCopies; }

// Where a piece's buffers are, for this rank and for its peers.
struct Site {
  const std::byte* input = nullptr;
  std::byte* output = nullptr;
  Places places;
  Staging staging;  // none: what is at `rest`, all of the scratch
};

}  // namespace

struct CudaExecutor::State {
  Device& device;
  Boards& boards;
  const Settings settings;
  const bool by_engine;
  const std::optional<MulticastMemory> multicast;
  Team team;
  std::unique_ptr<TroubleWatch> watch;
  std::unique_ptr<Engine> engine;  // before the plans are given back, and the watch
  std::optional<DevicePlans> plans;

  // Calls end in the order of their issue: the last that a stream is to tell the end of, and that
  // stream, which may be no more.
  std::uint32_t last_told = 0;
  Stream last_stream = nullptr;

  mutable std::mutex mutex;
  std::string last_path;

  State(Device& device, Boards& boards, const Settings& settings)
      : device(device),
        boards(boards),
        settings(settings),
        by_engine(settings.engine || boards.kernels_take_turns()),
        multicast(boards.multicast()),
        team(boards.team()) {}

  Status open();
  Status enqueue(const DeviceCall& call, Stream stream);
  Status issue(Issue& issue);
  Status wait_for_last(Stream stream);
  void tell_end(const Issue& issue);
  bool finish() const;
  Status issue_pieces(const Issue& issue);
  Status issue_piece(const Issue& issue, const Piece& piece, const Site& site);
  FastCall fast_call(const Issue& issue, const Piece& piece, const Site& site) const;
  Status launch_fast(const Issue& issue, const Piece& piece, const Site& site);
  Status launch_multicast(const Issue& issue);
  bool is_for_copies(const Issue& issue) const;
  Status run_copies(const Issue& issue, const Piece& piece);
  Status meet(const Issue& issue);
  Status launch_plan(const Issue& issue, const Piece& piece, const Site& site);
  Status run_engine(const Issue& issue, const Piece& piece, const Site& site);

  bool is_staged(const Issue& issue) const;
  Demand demand_of(const Issue& issue) const;
  Result<Site> whole_site(const Issue& issue) const;
  Site staged_site(const Issue& issue, const Piece& piece) const;
  int blocks_for(const Issue& issue, std::size_t count) const;
  void note(std::string path) {
    const std::lock_guard lock(mutex);
    last_path = std::move(path);
  }
};

Status CudaExecutor::State::open() {
  if (Status s = check_settings(settings, team.ranks); !s.ok()) return s;
  Result<std::unique_ptr<TroubleWatch>> made =
      TroubleWatch::make(device, team.rank, settings.call_timeout, settings.numbers);
  if (!made.ok()) return made.status();
  watch = std::move(*made);
  team.trouble = watch->on_device();
  team.patience_ns =
      static_cast<std::uint64_t>(std::chrono::nanoseconds(settings.call_timeout).count());
  if (by_engine) {
    Result<std::unique_ptr<Engine>> engine_made = Engine::create(device, boards);
    if (!engine_made.ok()) return engine_made.status();
    engine = std::move(*engine_made);
    watch->watch(*engine);
  }
  if (!by_engine && settings.algorithm.empty()) return {};  // kernels of their own do it all
  if (!settings.find_schedule) {
    return {Code::kInvalidArgument, "find_schedule: expected one, for plans to be made"};
  }
  Result<DevicePlans> plans_made =
      DevicePlans::make(device, {.rank = team.rank,
                                 .ranks = team.ranks,
                                 .algorithm = settings.algorithm,
                                 .usual_too = by_engine,
                                 .find_schedule = settings.find_schedule});
  if (!plans_made.ok()) return plans_made.status();
  plans.emplace(std::move(*plans_made));
  return {};
}

Status CudaExecutor::State::enqueue(const DeviceCall& call, Stream stream) {
  if (Status s = watch->look(); !s.ok()) return s;
  const Result<CheckedCall> checked = check_call(device, call, team.rank, team.ranks);
  if (!checked.ok()) return checked.status();
  const Result<Device::StreamState> state = device.look_at(stream);
  if (!state.ok()) {
    return {state.status().code(),
            std::string(name(call.collective)) + ": stream: " + state.status().message()};
  }
  if (by_engine && state->capturing) {
    return {Code::kNotSupported,
            std::string(name(call.collective)) +
                ": the stream is being captured, and the steps of a call are numbered: a graph "
                "would repeat the numbers. Kernels can be captured: processes that share a device "
                "need MPS for them"};
  }
  Issue issue{.call = call, .checked = *checked, .stream = stream};
  if (call.count == 0 && call.collective != Collective::kBarrier) {
    note("nothing");
    return {};
  }
  // A graph would wait for it, and tell it, again and again.
  if (state->capturing) return this->issue(issue);
  if (Status s = wait_for_last(stream); !s.ok()) return s;
  Status status = this->issue(issue);
  if (issue.number != 0) tell_end(issue);
  return status;
}

// As if all calls were on one stream.
Status CudaExecutor::State::wait_for_last(Stream stream) {
  if (stream == last_stream || last_told == 0 || !device.facts().waits_on_memory) return {};
  return device.wait_until(stream, watch->ended_on_device(), last_told);
}

// A stream that cannot is not waited for: its device is broken, or its driver has no such thing.
void CudaExecutor::State::tell_end(const Issue& issue) {
  const Status told = device.set(issue.stream, watch->ended_on_device(), issue.number);
  if (!told.ok()) return;
  last_told = issue.number;
  last_stream = issue.stream;
}

bool CudaExecutor::State::finish() const {
  const Clock::time_point limit = Clock::now() + settings.call_timeout + kEnding;
  Clock::time_point next_look = Clock::now() + kBrokenLook;
  while (watch->ended() != last_told) {
    // After a failure, a look lets streams of the engine go on, by many stores.
    const bool failed = !watch->look().ok();
    const Clock::time_point now = Clock::now();
    if (now > limit) return false;
    if (now > next_look) {
      if (is_broken(device)) return true;
      next_look = now + kBrokenLook;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(failed ? 2000 : 50));
  }
  return true;
}

Status CudaExecutor::State::issue(Issue& issue) {
  const DeviceCall& call = issue.call;
  issue.in_place = issue.checked.in_place && boards.one_process() && !by_engine;
  if (plans.has_value()) {
    issue.plan = plans->find(call.collective, call.root, issue.in_place);
  }
  if (reduces(call.collective)) issue.arithmetic = arithmetic_of(call.type, call.op, team.ranks);
  issue.path =
      choose_path({.collective = call.collective,
                   .bytes = issue.checked.part_bytes(call),
                   .forced = settings.algorithm,
                   .forced_known = issue.plan != nullptr,
                   .engine = by_engine,
                   .multicast = multicast.has_value() && is_for_switch(call.type, issue.arithmetic),
                   .copies = is_for_copies(issue)});
  issue.word = word_of(call, issue.in_place);
  issue.number = watch->begin(issue.word);
  note(path_name(issue.path, call.collective, issue.in_place,
                 issue.plan == nullptr ? "" : issue.plan->algorithm));
  if (issue.path == Path::kMulticast) return launch_multicast(issue);
  if (is_staged(issue)) return issue_pieces(issue);
  const Result<Site> site = whole_site(issue);
  if (!site.ok()) return site.status();
  return issue_piece(issue, {0, call.count}, *site);
}

// Whether buffers go through scratch: a rank cannot know whether its peers' can be reached.
bool CudaExecutor::State::is_staged(const Issue& issue) const {
  if (issue.path == Path::kOneShot || issue.call.collective == Collective::kBarrier) return false;
  return brings_out(issue.path) || !boards.one_process();
}

Demand CudaExecutor::State::demand_of(const Issue& issue) const {
  Demand demand{.most = issue.checked.most, .element = issue.checked.element};
  if (issue.path == Path::kCopies) demand.most.output = 0;
  if (issue.path != Path::kInterpreter && issue.path != Path::kEngine) return demand;
  demand.chunks = issue.plan->plan.chunks;
  demand.scratch_chunks = issue.plan->plan.scratch_chunks;
  return demand;
}

Status CudaExecutor::State::issue_pieces(const Issue& issue) {
  const DeviceCall& call = issue.call;
  const std::size_t longest = longest_piece(demand_of(issue), boards.scratch_bytes());
  if (longest == 0) {
    return {Code::kNotSupported, std::string(name(call.collective)) + ": not one element fits " +
                                     std::to_string(boards.scratch_bytes()) +
                                     " bytes of scratch: expected more"};
  }
  const std::size_t element = issue.checked.element;
  // Not written to: copy_in() reads it.
  const Buffer input{const_cast<std::byte*>(call.input), issue.checked.parts.input, call.count};
  const Buffer output{call.output, issue.checked.parts.output, call.count};
  for (std::size_t first = 0; first < call.count; first += longest) {
    const Piece piece{first, std::min(longest, call.count - first)};
    const Site site = staged_site(issue, piece);
    std::byte* staged = boards.scratch() + site.staging.input;
    if (site.input == staged) {
      if (Status s = copy_in(device, issue.stream, input, piece, staged, element); !s.ok()) {
        return s;
      }
    }
    if (Status s = issue_piece(issue, piece, site); !s.ok()) return s;
    if (brings_out(issue.path)) continue;
    if (site.output != boards.scratch() + site.staging.output) continue;
    if (Status s = copy_out(device, issue.stream, site.output, piece, output, element); !s.ok()) {
      return s;
    }
  }
  return {};
}

Result<Site> CudaExecutor::State::whole_site(const Issue& issue) const {
  const DeviceCall& call = issue.call;
  const std::size_t part = issue.checked.part_bytes(call);
  Site site{.input = call.input, .output = call.output, .places = {}, .staging = {}};
  if (!boards.one_process()) return site;  // one_shot, barrier: nobody looks for the buffers
  const auto place = [&](const std::byte* data, int parts) {
    return parts == 0 ? Place{0} : boards.place_of(data, static_cast<std::size_t>(parts) * part);
  };
  const std::optional<Place> in = place(call.input, issue.checked.parts.input);
  const std::optional<Place> out = place(call.output, issue.checked.parts.output);
  if (!in.has_value() || !out.has_value()) {
    return {Code::kNotSupported,
            std::string(name(call.collective)) + ": " + (in.has_value() ? "output" : "input") +
                ": other devices of this process do not reach the memory by its address (of a "
                "pool, or an expandable segment): expected cudaMalloc, or a registered buffer"};
  }
  site.places = {*in, *out};
  return site;
}

// In scratch; or, of a single part and for kernels, which are told where, at its own place.
Site CudaExecutor::State::staged_site(const Issue& issue, const Piece& piece) const {
  const DeviceCall& call = issue.call;
  const std::size_t element = issue.checked.element;
  const auto in_board = [&](std::size_t at) {
    return kOwnBoard << kPlaceShift | (scratch_offset(team.ranks) + at);
  };
  Site site;
  site.staging = staging_of(demand_of(issue), piece.count);
  site.input = boards.scratch() + site.staging.input;
  site.output = boards.scratch() + site.staging.output;
  site.places = {in_board(site.staging.input), in_board(site.staging.output)};
  if (brings_out(issue.path)) return site;
  const std::size_t first = piece.first * element, bytes = piece.count * element;
  if (issue.checked.most.input == 1 && issue.checked.parts.input == 1) {
    const auto place = boards.place_of(call.input + first, bytes);
    if (place.has_value()) site.input = call.input + first, site.places.input = *place;
  }
  if (issue.checked.most.output == 1 && issue.checked.parts.output == 1) {
    const auto place = boards.place_of(call.output + first, bytes);
    if (place.has_value()) site.output = call.output + first, site.places.output = *place;
  }
  return site;
}

Status CudaExecutor::State::issue_piece(const Issue& issue, const Piece& piece, const Site& site) {
  switch (issue.path) {
    case Path::kOneShot:
    case Path::kReduce:
    case Path::kMove:
      return launch_fast(issue, piece, site);
    case Path::kMulticast:
      return launch_multicast(issue);
    case Path::kCopies:
      return run_copies(issue, piece);
    case Path::kInterpreter:
      return launch_plan(issue, piece, site);
    case Path::kEngine:
      return run_engine(issue, piece, site);
  }
  return {};
}

int CudaExecutor::State::blocks_for(const Issue& issue, std::size_t count) const {
  const int parts = std::max({issue.checked.most.input, issue.checked.most.output, 1});
  return choose_blocks({.path = issue.path,
                        .bytes = static_cast<std::size_t>(parts) * count * issue.checked.element,
                        .most = settings.blocks,
                        .multiprocessors = device.facts().multiprocessors,
                        .ranks_per_device = boards.ranks_per_device()});
}

FastCall CudaExecutor::State::fast_call(const Issue& issue, const Piece& piece,
                                        const Site& site) const {
  const DeviceCall& call = issue.call;
  FastCall fast;
  fast.team = team;
  fast.team.call = issue.number;
  fast.team.word = issue.word;
  fast.input = site.input;
  fast.output = site.output;
  fast.places = site.places;
  fast.count = piece.count;
  fast.collective = call.collective;
  fast.root = call.root;
  fast.element_bytes = static_cast<std::int32_t>(issue.checked.element);
  fast.in_place = issue.in_place;
  fast.arithmetic = issue.arithmetic;
  return fast;
}

Status CudaExecutor::State::launch_fast(const Issue& issue, const Piece& piece, const Site& site) {
  const FastCall fast = fast_call(issue, piece, site);
  const FastKernel kernel = issue.path == Path::kOneShot  ? FastKernel::kOneShot
                            : issue.path == Path::kReduce ? FastKernel::kReduce
                                                          : FastKernel::kMove;
  return device.launch(issue.stream,
                       {.kernel = kernel_name(kernel, issue.call.type, issue.arithmetic),
                        .blocks = blocks_for(issue, piece.count),
                        .threads = settings.threads,
                        .arguments = std::as_bytes(std::span(&fast, 1))});
}

// Whole: the kernel takes it through the switch's memory in windows.
Status CudaExecutor::State::launch_multicast(const Issue& issue) {
  const DeviceCall& call = issue.call;
  const Site site{.input = call.input, .output = call.output, .places = {}, .staging = {}};
  const MulticastCall through{.call = fast_call(issue, {0, call.count}, site),
                              .own = multicast->own,
                              .all = multicast->all,
                              .bytes = multicast->bytes};
  return device.launch(issue.stream, {.kernel = multicast_name(call.type),
                                      .blocks = blocks_for(issue, call.count),
                                      .threads = settings.threads,
                                      .arguments = std::as_bytes(std::span(&through, 1))});
}

bool CudaExecutor::State::is_for_copies(const Issue& issue) const {
  const auto parts = static_cast<std::size_t>(issue.checked.parts.input);
  return cuda::is_for_copies({.collective = issue.call.collective,
                              .input_bytes = parts * issue.checked.part_bytes(issue.call),
                              .from = settings.copies_from,
                              .own_devices = boards.ranks_per_device() == 1,
                              .one_process = boards.one_process(),
                              .one_way = team.ranks == 2 || multicast.has_value()});
}

Status CudaExecutor::State::run_copies(const Issue& issue, const Piece& piece) {
  const DeviceCall& call = issue.call;
  if (Status s = meet(issue); !s.ok()) return s;
  const CopiedCall copied{.collective = call.collective,
                          .piece = piece,
                          .output = {call.output, issue.checked.parts.output, call.count},
                          .in_place = issue.checked.in_place,
                          .element = issue.checked.element};
  if (Status s = read_from_peers(device, team, copied, issue.stream); !s.ok()) return s;
  return meet(issue);
}

// A barrier that says which call it is of.
Status CudaExecutor::State::meet(const Issue& issue) {
  constexpr int kThreads = 32;
  static_assert(kThreads >= kMostRanks);
  FastCall barrier = fast_call(issue, {}, {});
  barrier.collective = Collective::kBarrier;
  return device.launch(issue.stream, {.kernel = kernel_name(FastKernel::kMove, issue.call.type, {}),
                                      .blocks = 1,
                                      .threads = kThreads,
                                      .arguments = std::as_bytes(std::span(&barrier, 1))});
}

Status CudaExecutor::State::launch_plan(const Issue& issue, const Piece& piece, const Site& site) {
  const int blocks = blocks_for(issue, piece.count);
  const Result<Slicing> slicing =
      slice(issue.plan->plan, piece.count, issue.checked.element,
            {.blocks = blocks, .scratch_bytes = boards.scratch_bytes() - site.staging.rest});
  if (!slicing.ok()) return slicing.status();
  InterpretedCall interpreted;
  interpreted.team = team;
  interpreted.team.call = issue.number;
  interpreted.team.word = issue.word;
  interpreted.plan = issue.plan->flat;
  interpreted.slicing = *slicing;
  interpreted.input = site.input;
  interpreted.output = site.output;
  interpreted.places = site.places;
  interpreted.scratch = scratch_offset(team.ranks) + site.staging.rest;
  interpreted.arithmetic = issue.arithmetic;
  interpreted.arithmetic.divisor = 1;
  interpreted.divisor = issue.arithmetic.divisor;
  return launch_interpreter(device, interpreted, issue.call.type,
                            {.blocks = blocks, .threads = settings.threads}, issue.stream);
}

Status CudaExecutor::State::run_engine(const Issue& issue, const Piece& piece, const Site& site) {
  const EngineCall call{.plan = &issue.plan->plan,
                        .staging = site.staging,
                        .piece = piece,
                        .output = {issue.call.output, issue.checked.parts.output, issue.call.count},
                        .type = issue.call.type,
                        .arithmetic = issue.arithmetic};
  Team caller = team;
  caller.call = issue.number;
  caller.word = issue.word;
  return engine->run(call, caller, issue.stream);
}

CudaExecutor::CudaExecutor(std::unique_ptr<State> state) : state_(std::move(state)) {}
CudaExecutor::~CudaExecutor() {
  if (!finish()) static_cast<void>(state_.release());
}

bool CudaExecutor::finish() { return state_->finish(); }

Result<std::unique_ptr<CudaExecutor>> CudaExecutor::create(Device& device, Boards& boards,
                                                           const Settings& settings) {
  auto state = std::make_unique<State>(device, boards, settings);
  if (Status s = state->open(); !s.ok()) return s;
  return std::unique_ptr<CudaExecutor>(new CudaExecutor(std::move(state)));
}

Status CudaExecutor::enqueue(const DeviceCall& call, Stream stream) {
  return state_->enqueue(call, stream);
}

Status CudaExecutor::health() const { return state_->watch->look(); }

void CudaExecutor::abort(const std::string& reason) { state_->watch->abort(reason); }

std::string CudaExecutor::last_path() const {
  const std::lock_guard lock(state_->mutex);
  return state_->last_path;
}

}  // namespace tutti
