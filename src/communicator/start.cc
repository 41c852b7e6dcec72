// How communicators begin: ranks meet, agree on what must be equal, and map each other's windows.
//
// Tested by communicator_test.cc and start_test.cc.

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <sstream>

#include "bootstrap/tcp_bootstrap.h"
#include "bootstrap/thread_bootstrap.h"
#include "bootstrap/wire.h"
#include "communicator/environment.h"
#include "communicator/files.h"
#include "communicator/impl.h"
#include "tutti/diagnostics.h"
#include "tutti/tuning.h"

namespace tutti {

namespace {

// 1 TiB for all ranks together is little address space and more than any machine's memory.
constexpr std::size_t kMostHeap = std::size_t{1} << 40;

std::size_t heap_bytes(const Options& options, int ranks) {
  if (options.heap_bytes != 0) return options.heap_bytes;
  const std::size_t memory = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
                             static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return std::min(memory, kMostHeap / ranks) / WindowLayout::kPage * WindowLayout::kPage;
}

std::string agreed_settings(const Options& options) {
  std::ostringstream text;
  text << "reproducible " << options.reproducible << ", algorithm \"" << options.algorithm
       << "\", tile_bytes " << options.tile_bytes << ", lanes " << options.lanes
       << ", scratch_bytes " << options.scratch_bytes << ", peer_timeout "
       << options.peer_timeout.count() << " ms, " << (options.device < 0 ? "no device" : "a device")
       << ", nvls " << options.nvls << ", gpudirect "
       << (!options.gpudirect   ? "where it can"
           : *options.gpudirect ? "1"
                                : "0");
  return text.str();
}

Result<Isa> isa_of(const Options& options) {
  const Isa best = detect_isa();
  if (options.isa.empty()) return best;
  if (options.isa == "portable") return Isa::kPortable;
  if (options.isa == "avx2") return std::min(best, Isa::kAvx2);
  if (options.isa == "avx512") return std::min(best, Isa::kAvx512);
  return {Code::kInvalidArgument,
          "isa: \"" + options.isa + "\": expected portable, avx2 or avx512"};
}

std::string invalid_option(const Options& options) {
  if (options.lanes < 0 || options.lanes > kMostLanes) {
    return "lanes: " + std::to_string(options.lanes) + ": expected 0 to 16";
  }
  if (options.scratch_bytes < (std::size_t{64} << 10) ||
      options.scratch_bytes > (std::size_t{1} << 34)) {
    return "scratch_bytes: " + std::to_string(options.scratch_bytes) + ": expected 64K to 16G";
  }
  if (options.tile_bytes != 0 && options.tile_bytes < 64) {
    return "tile_bytes: " + std::to_string(options.tile_bytes) + ": expected at least 64";
  }
  if (options.heap_bytes > (std::size_t{1} << 42)) {
    return "heap_bytes: " + std::to_string(options.heap_bytes) + ": expected at most 4T";
  }
  if (options.device_blocks < 1 || options.device_blocks > 64) {
    return "device_blocks: " + std::to_string(options.device_blocks) + ": expected 1 to 64";
  }
  if (options.device_threads < 32 || options.device_threads > 512 ||
      options.device_threads % 32 != 0) {
    return "device_threads: " + std::to_string(options.device_threads) +
           ": expected a multiple of 32, 32 to 512";
  }
  if (options.device < -1) {
    return "device: " + std::to_string(options.device) + ": expected -1 for none, or its number";
  }
  if (Status status = forced_algorithm(options.algorithm, Collective::kBarrier).status();
      !status.ok()) {
    return status.message();
  }
  if (Status status = isa_of(options).status(); !status.ok()) return status.message();
  if (options.start_timeout.count() <= 0 || options.call_timeout.count() <= 0) {
    return "timeouts: expected more than 0 ms";
  }
  if (options.peer_timeout < std::chrono::milliseconds(20)) {
    return "peer_timeout: " + std::to_string(options.peer_timeout.count()) +
           " ms: expected at least 20 ms";
  }
  return "";
}

// What a rank tells the others before there is any transport.
struct Facts {
  std::size_t heap_bytes = 0;
  cpu_set_t cores;          // on which it may run
  std::string host;         // see host_identity()
  std::string rules;        // must be equal
  std::string calibration;  // rank 0's counts: the others' are not sent
  std::string settings;     // must be equal; or, after "!", what is wrong with them
};

// Rules and calibration are files. What is wrong with them, or "".
std::string read_files(const Options& options, bool is_first, Facts& facts) {
  if (!options.rules.empty()) {
    Result<std::string> text = read_file(options.rules, "rules");
    const Status status = text.ok() ? Rules::parse(*text).status() : text.status();
    if (!status.ok()) return options.rules + ": " + status.message();
    facts.rules = std::move(*text);
  }
  if (!is_first) return "";
  Result<Calibration> calibration = load_calibration(options);
  if (!calibration.ok()) return calibration.status().message();
  facts.calibration = std::move(calibration->text);
  return "";
}

Facts own_facts(const Options& options, int rank, int ranks) {
  Facts facts;
  facts.heap_bytes = heap_bytes(options, ranks);
  CPU_ZERO(&facts.cores);
  if (sched_getaffinity(0, sizeof facts.cores, &facts.cores) != 0) CPU_SET(0, &facts.cores);
  std::string complaint = invalid_option(options);
  if (!complaint.empty()) complaint = "option " + complaint;
  if (complaint.empty()) complaint = read_files(options, rank == 0, facts);
  const Result<std::string> host = host_identity(options);
  if (host.ok()) facts.host = *host;
  if (!host.ok()) complaint = host.status().message();
  facts.settings = complaint.empty() ? agreed_settings(options) : "!" + complaint;
  return facts;
}

// First of all, so that any two versions can tell that they are two.
constexpr std::string_view kVersion = "tutti " TUTTI_VERSION;

std::string pack(const Facts& facts) {
  Writer writer;
  writer.text(kVersion).u64(facts.heap_bytes);
  writer.raw({reinterpret_cast<const char*>(&facts.cores), sizeof facts.cores});
  writer.text(facts.host).text(facts.settings);
  return writer.text(facts.rules).text(facts.calibration).take();
}

Result<Facts> unpack(const std::string& text, int rank) {
  Reader reader(text);
  Facts facts;
  const std::string version(reader.text());
  if (version != kVersion) {
    const std::string theirs = version.starts_with("tutti ") ? version : "something else";
    return {Code::kMismatch, "rank " + std::to_string(rank) + " runs " + theirs + "; expected " +
                                 std::string(kVersion) + " on all ranks"};
  }
  facts.heap_bytes = reader.u64();
  const std::string_view cores = reader.raw(sizeof facts.cores);
  facts.host = reader.text();
  facts.settings = reader.text();
  facts.rules = reader.text();
  facts.calibration = reader.text();
  if (!reader.complete()) {
    return {Code::kMismatch, "rank " + std::to_string(rank) + " runs another build of " +
                                 std::string(kVersion) + ", whose start cannot be read"};
  }
  std::memcpy(&facts.cores, cores.data(), sizeof facts.cores);
  return facts;
}

Result<std::vector<Facts>> exchange(Bootstrap& bootstrap, const Facts& mine, Deadline deadline) {
  Result<std::vector<std::string>> texts = bootstrap.all_gather(pack(mine), deadline);
  if (!texts.ok()) return texts.status();
  std::vector<Facts> all;
  for (int r = 0; r < bootstrap.ranks(); ++r) {
    Result<Facts> theirs = unpack(texts->at(r), r);
    if (!theirs.ok()) return theirs.status();
    if (theirs->settings.starts_with('!')) {
      const std::string where = r == bootstrap.rank() ? "" : " (on rank " + std::to_string(r) + ")";
      return {Code::kInvalidArgument, theirs->settings.substr(1) + where};
    }
    all.push_back(std::move(*theirs));
    if (all[r].rules != all[0].rules) {
      return {Code::kMismatch, "rules differ: rank 0 and rank " + std::to_string(r) +
                                   " have read different ones; expected the same on all ranks"};
    }
    if (all[r].settings == all[0].settings) continue;
    return {Code::kMismatch, "options differ: rank 0 has " + all[0].settings + "; rank " +
                                 std::to_string(r) + " has " + all[r].settings};
  }
  return all;
}

// Rank 0 has read it, so that it can be parsed.
Model agreed_model(const Facts& first) {
  return first.calibration.empty() ? default_model() : *parse_model(first.calibration);
}

Group group_of(const std::vector<Facts>& facts) {
  std::vector<std::string> hosts;
  std::vector<int> host_of;
  for (const Facts& theirs : facts) {
    const auto known = std::find(hosts.begin(), hosts.end(), theirs.host);
    host_of.push_back(static_cast<int>(known - hosts.begin()));
    if (known == hosts.end()) hosts.push_back(theirs.host);
  }
  return Group::on_hosts(host_of);
}

// Hosts may be one machine: containers, or namespaces for tests.
std::string_view machine_of(const Facts& facts) {
  return std::string_view(facts.host).substr(0, facts.host.find('/'));
}

// The ranks on a machine, and the cores they have together.
struct Crew {
  int ranks = 0;
  int cores = 0;
  std::set<std::string_view> hosts;
};

Crew crew_of(const std::vector<Facts>& facts, std::string_view machine) {
  cpu_set_t any;
  CPU_ZERO(&any);
  Crew crew;
  for (const Facts& theirs : facts) {
    if (machine_of(theirs) != machine) continue;
    CPU_OR(&any, &any, &theirs.cores);
    crew.hosts.insert(theirs.host);
    ++crew.ranks;
  }
  crew.cores = CPU_COUNT(&any);
  return crew;
}

bool share_cores(const Crew& crew) { return crew.cores < crew.ranks; }

// Cores of a host, for the tuner: where ranks have the fewest. 0: all have one of their own.
int scarcest_cores(const std::vector<Facts>& facts) {
  std::set<std::string_view> machines;
  for (const Facts& theirs : facts) machines.insert(machine_of(theirs));
  int least = 0;
  for (const std::string_view machine : machines) {
    const Crew crew = crew_of(facts, machine);
    if (!share_cores(crew)) continue;
    const int of_host = std::max(1, crew.cores / static_cast<int>(crew.hosts.size()));
    least = least == 0 ? of_host : std::min(least, of_host);
  }
  return least;
}

}  // namespace

Result<std::unique_ptr<Communicator::Impl>> Communicator::Impl::create(
    Bootstrap& bootstrap, const Options& options, const SharedNetwork& parent,
    const OpenDevice& open_device, Deadline deadline) {
  Result<std::vector<Facts>> facts =
      exchange(bootstrap, own_facts(options, bootstrap.rank(), bootstrap.ranks()), deadline);
  if (!facts.ok()) return facts.status();
  std::size_t heap = facts->at(0).heap_bytes;
  for (const Facts& theirs : *facts) heap = std::min(heap, theirs.heap_bytes);

  const WindowLayout layout(bootstrap.ranks(), options.scratch_bytes, heap);
  const Group group = group_of(*facts);
  Result<Connection> connection =
      connect(bootstrap, group, layout.total, options, parent, deadline);
  if (!connection.ok()) return connection.status();
  const PrepareSettings settings{.options = options,
                                 .isa = *isa_of(options),  // own_facts() has checked it
                                 .group = group,
                                 .model = agreed_model(facts->at(0)),
                                 .cores = scarcest_cores(*facts),
                                 .rules = *Rules::parse(facts->at(0).rules)};
  const Crew crew = crew_of(*facts, machine_of(facts->at(bootstrap.rank())));
  connection->network.shares_cores = parent.shares_cores || share_cores(crew);
  std::unique_ptr<Impl> impl(new Impl(std::move(*connection), layout, settings));
  if (options.device >= 0) {
    Status status = impl->add_device(bootstrap, open_device, deadline);
    if (!status.ok()) return status;
  }
  return impl;
}

Result<Communicator> Communicator::from_environment() {
  Result<Options> options = Options::from_environment();
  if (!options.ok()) return options.status();
  return from_environment(*options);
}

Result<Communicator> Communicator::from_environment(const Options& options) {
  const Deadline deadline = std::chrono::steady_clock::now() + options.start_timeout;
  Result<LauncherFacts> facts = detect_launcher(process_environment());
  if (!facts.ok()) return facts.status();
  Result<Launched> launched = connect_launched(
      *facts, deadline, {.interface = options.interface, .start_timeout = options.start_timeout});
  if (!launched.ok()) return launched.status();
  Result<std::unique_ptr<Impl>> impl =
      Impl::create(*launched->bootstrap, options, {}, open_of_driver(), deadline);
  if (!impl.ok()) return impl.status();
  return Communicator(std::move(*impl));
}

Result<Communicator> Communicator::create(const UniqueId& id, int rank, int ranks,
                                          const Options& options) {
  return Impl::meet(id, rank, ranks, options, open_of_driver());
}

Result<Communicator> Communicator::Impl::meet(const UniqueId& id, int rank, int ranks,
                                              const Options& options,
                                              const OpenDevice& open_device) {
  const Deadline deadline = std::chrono::steady_clock::now() + options.start_timeout;
  Result<std::unique_ptr<Bootstrap>> bootstrap =
      connect_bootstrap(id, rank, ranks, deadline,
                        {.interface = options.interface, .start_timeout = options.start_timeout});
  if (!bootstrap.ok()) return bootstrap.status();
  Result<std::unique_ptr<Impl>> impl =
      Impl::create(**bootstrap, options, {}, open_device, deadline);
  if (!impl.ok()) return impl.status();
  return Communicator(std::move(*impl));
}

Result<std::vector<Communicator>> Communicator::threads(int ranks, const Options& options) {
  if (ranks < 1 || ranks > 4096) {
    return {Code::kInvalidArgument, "ranks: " + std::to_string(ranks) + ": expected 1 to 4096"};
  }
  const Deadline deadline = std::chrono::steady_clock::now() + options.start_timeout;
  std::vector<std::unique_ptr<Bootstrap>> bootstraps = make_thread_bootstraps(ranks);
  std::vector<Result<std::unique_ptr<Impl>>> impls;
  for (int r = 0; r < ranks; ++r) impls.emplace_back(Status(Code::kSystem, "not made"));
  std::vector<std::thread> makers;
  for (int r = 0; r < ranks; ++r) {
    makers.emplace_back([&, r] {
      impls[r] = Impl::create(*bootstraps[r], options, {}, open_of_driver(), deadline);
    });
  }
  for (std::thread& maker : makers) maker.join();
  std::vector<Communicator> communicators;
  for (Result<std::unique_ptr<Impl>>& impl : impls) {
    if (!impl.ok()) return impl.status();
    communicators.push_back(Communicator(std::move(*impl)));
  }
  return communicators;
}

}  // namespace tutti
