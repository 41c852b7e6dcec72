// CLI11 splits the line into texts; what the texts mean is decided here, so that every error names
// the option, what it was given and what was expected.
//
// Tested by cli_perf_options_test.cc.

#include "cli/perf_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cctype>
#include <optional>

#include "cli/names.h"

namespace tutti::cli {
namespace {

// The line as text, with the defaults that the help shows.
struct Texts {
  std::string collective = "all_reduce";
  std::string minbytes = "32M";
  std::string maxbytes = "32M";
  std::string stepbytes = "1M";
  std::string stepfactor = "off";
  std::string op = "sum";
  std::string datatype = "float";
  std::string root = "0";
  std::string iters = "20";
  std::string warmup_iters = "1";
  std::string agg_iters = "1";
  std::string batch = "0";
  std::string run_cycles = "1";
  std::string check = "1";
  std::string blocking = "1";
  std::string timeout = "off";
  std::string threads = "0";
  std::string device = "cpu";
  std::string cudagraph = "0";
  std::string memory = "plain";
  std::string local_register = "0";
  std::string unalign = "0";
  std::string algorithm;
  std::string vs;
  std::string average = "3";
  std::string per_iter_timing = "0";
  std::string report_timestamps = "0";
  std::string output_file;
  bool each_algorithm = false;
  bool in_place = false;
  bool out_of_place = false;
  bool min_max_median = false;
  bool no_pin = false;
  bool json = false;
};

// Options of nccl-tests that mean nothing here: only the value that changes nothing is taken.
struct Refused {
  const char* flags;
  const char* only;
  const char* why;
};

constexpr std::array<Refused, 10> kRefused = {{
    {"-t,--nthreads", "1", "ranks are processes (mpirun -n N) or threads (--threads N)"},
    {"-g,--ngpus", "1", "a rank has one device (--device cuda)"},
    {"-p,--parallel_init", "0", "ranks always start in parallel"},
    {"-y,--stream_null", "0", "calls on devices are made on a stream of their own"},
    {"-C,--report_cputime", "0", "time is the CPU's, or with --device cuda the device's"},
    {"-x,--cta_policy", "0", "the library chooses how many thread blocks a call has"},
    {"-D,--device_implementation", "0", "there are no kernels of the caller's"},
    {"-V,--device_cta_count", "0", "the library chooses how many thread blocks a call has"},
    {"-M,--report_memory", "0", "memory use is not reported"},
    {"-K,--per_iter_skip", "0", "warm-up iterations (-w) are never counted"},
}};
using RefusedTexts = std::array<std::string, kRefused.size()>;

void add_sizes(CLI::App& app, Texts& t) {
  app.add_option("collective", t.collective, "a collective's name, or all")->capture_default_str();
  const auto add = [&](const char* flags, std::string& text, const char* help) {
    app.add_option(flags, text, help)->capture_default_str()->group("What");
  };
  add("-b,--minbytes", t.minbytes, "smallest size (suffixes K, M, G)");
  add("-e,--maxbytes", t.maxbytes, "largest size");
  add("-i,--stepbytes", t.stepbytes, "added from one size to the next, unless -f is given");
  add("-f,--stepfactor", t.stepfactor, "multiplied with from one size to the next");
  add("-o,--op", t.op, "reductions, separated by commas, or all");
  add("-d,--datatype", t.datatype, "element types, separated by commas, or all");
  add("-r,--root", t.root, "root of broadcast, reduce, gather and scatter");
  add("--algorithm", t.algorithm, "forces an algorithm by name; all: as --each-algorithm");
  app.add_flag("--each-algorithm", t.each_algorithm, "runs every algorithm that the ranks allow")
      ->group("What");
  add("--vs", t.vs, "the same call in another library beside it: mpi");
}

void add_running(CLI::App& app, Texts& t) {
  const auto add = [&](const char* flags, std::string& text, const char* help) {
    app.add_option(flags, text, help)->capture_default_str()->group("How");
  };
  const auto add_flag = [&](const char* flags, bool& value, const char* help) {
    app.add_flag(flags, value, help)->group("How");
  };
  add("--threads", t.threads, "run so many ranks as threads of this process, without a launcher");
  add("-n,--iters", t.iters, "timed iterations");
  add("-w,--warmup_iters", t.warmup_iters, "iterations before the timed ones");
  add("-m,--agg_iters", t.agg_iters, "calls in one group");
  add("--batch", t.batch,
      "groups timed as one iteration, divided; 1 puts a barrier before each; 0: by size");
  add("-N,--run_cycles", t.run_cycles, "repetitions of everything; 0: until interrupted");
  add("-c,--check", t.check, "checked iterations a size; 0: none");
  add("-z,--blocking", t.blocking, "0: start a batch without waiting, then wait");
  add("-T,--timeout", t.timeout, "seconds until a call fails");
  add("--device", t.device, "what has the buffers: cpu, or cuda for a GPU a rank");
  add("-G,--cudagraph", t.cudagraph, "1: a batch is a CUDA graph, which is replayed");
  add("--memory", t.memory, "buffers: plain, allocate (the library's) or register");
  add("-R,--local_register", t.local_register, "1: as --memory register");
  add("-u,--unalign", t.unalign, "elements that buffers begin after an aligned address");
  add_flag("--in-place", t.in_place, "only in place (default: both)");
  add_flag("--out-of-place", t.out_of_place, "only out of place");
  add_flag("--no-pin", t.no_pin, "leave ranks that the launcher did not bind where they run");
}

void add_reporting(CLI::App& app, Texts& t) {
  const auto add = [&](const char* flags, std::string& text, const char* help) {
    app.add_option(flags, text, help)->capture_default_str()->group("Report");
  };
  add("-a,--average", t.average, "an iteration's time over ranks: 0 rank 0, 1 avg, 2 min, 3 max");
  app.add_flag("--min-max-median", t.min_max_median, "print minimum, median and maximum")
      ->group("Report");
  add("-I,--per_iter_timing", t.per_iter_timing, "1: as --min-max-median");
  add("-S,--report_timestamps", t.report_timestamps, "1: end each line with the time of day");
  add("-J,--output_file", t.output_file, "write JSON there too");
  app.add_flag("--json", t.json, "print JSON instead of the table")->group("Report");
}

void add_refused(CLI::App& app, RefusedTexts& texts) {
  for (std::size_t i = 0; i < kRefused.size(); ++i) {
    texts[i] = kRefused[i].only;
    app.add_option(kRefused[i].flags, texts[i], "")->group("");
  }
}

// CLI11 takes "-5" for an option; "-b -5" must reach us as the value it is.
std::vector<std::string> join_negative_values(std::vector<std::string> arguments) {
  std::vector<std::string> joined;
  for (std::string& argument : arguments) {
    const bool negative = argument.size() > 1 && argument[0] == '-' &&
                          std::isdigit(static_cast<unsigned char>(argument[1])) != 0;
    if (negative && !joined.empty() && joined.back().starts_with("-")) {
      joined.back() += (joined.back().starts_with("--") ? "=" : "") + argument;
    } else {
      joined.push_back(std::move(argument));
    }
  }
  return joined;
}

// Collects values; keeps the first error.
class Reader {
 public:
  void read(int& value, const char* option, const std::string& text, int low, int high) {
    if (const auto parsed = keep(parse_integer(option, text, low, high))) {
      value = static_cast<int>(*parsed);
    }
  }
  void read(bool& value, const char* option, const std::string& text) {
    int number = value;
    read(number, option, text, 0, 1);
    value = number != 0;
  }
  void read(std::size_t& value, const char* option, const std::string& text) {
    if (const auto parsed = keep(parse_bytes(option, text))) value = *parsed;
  }
  void read_number(double& value, const char* option, const std::string& text, double low,
                   double high) {
    if (text == "off") return;
    if (const auto parsed = keep(parse_number(option, text, low, high))) value = *parsed;
  }
  template <class T>
  void read(std::vector<T>& values, Result<std::vector<T>> parsed) {
    if (auto list = keep(std::move(parsed))) values = std::move(*list);
  }
  void expect(bool holds, const std::string& message) {
    if (!holds && status_.ok()) status_ = Status(Code::kInvalidArgument, message);
  }
  Status status() const { return status_; }

 private:
  template <class T>
  std::optional<T> keep(Result<T> result) {
    if (result.ok()) return std::move(*result);
    if (status_.ok()) status_ = result.status();
    return std::nullopt;
  }

  Status status_;
};

void read_sizes(Reader& reader, const Texts& t, SizeRange& sizes) {
  reader.read(sizes.begin, "-b", t.minbytes);
  reader.read(sizes.end, "-e", t.maxbytes);
  reader.read(sizes.step, "-i", t.stepbytes);
  reader.read_number(sizes.factor, "-f", t.stepfactor, 1, 1e6);
  reader.expect(sizes.begin <= sizes.end, fmt::format("-b {}: expected at most the largest size, "
                                                      "-e {}",
                                                      t.minbytes, t.maxbytes));
  reader.expect(sizes.step > 0 || sizes.factor > 1,
                fmt::format("-i {}: expected a size above 0", t.stepbytes));
  if (!reader.status().ok()) return;
  reader.expect(sizes_of(sizes).size() <= kMaxSizes,
                fmt::format("-b {} -e {}: expected at most {} sizes; give a larger -i or -f",
                            t.minbytes, t.maxbytes, kMaxSizes));
}

void read_what(Reader& reader, const Texts& t, PerfOptions& o) {
  reader.read(o.collectives, parse_collectives(t.collective));
  reader.read(o.types, parse_data_types("-d", t.datatype));
  reader.read(o.ops, parse_reductions("-o", t.op));
  reader.read(o.root, "-r", t.root, 0, 1'000'000);
  o.each_algorithm = t.each_algorithm || t.algorithm == "all";
  if (t.algorithm != "all") o.algorithm = t.algorithm;
  reader.expect(
      !o.each_algorithm || o.algorithm.empty(),
      fmt::format("--algorithm {}: expected all, or no --each-algorithm beside it", t.algorithm));
  reader.expect(t.vs.empty() || t.vs == "mpi", fmt::format("--vs {}: expected mpi", t.vs));
  o.vs_mpi = !t.vs.empty();
}

void read_memory(Reader& reader, const Texts& t, PerfOptions& o) {
  bool registered = false;
  reader.read(registered, "-R", t.local_register);
  if (t.memory == "allocate") {
    o.memory = BufferMemory::kAllocate;
  } else if (t.memory == "register" || registered) {
    o.memory = BufferMemory::kRegister;
  }
  reader.expect(t.memory == "plain" || t.memory == "allocate" || t.memory == "register",
                fmt::format("--memory {}: expected plain, allocate or register", t.memory));
}

// What only calls on devices have, and what they lack.
void read_device(Reader& reader, const Texts& t, PerfOptions& o) {
  reader.expect(t.device == "cpu" || t.device == "cuda",
                fmt::format("--device {}: expected cpu or cuda", t.device));
  o.on_gpus = t.device == "cuda";
  reader.read(o.graph, "-G", t.cudagraph);
  reader.expect(o.on_gpus || !o.graph, fmt::format("-G {}: expected 0, for there are CUDA graphs "
                                                   "only with --device cuda",
                                                   t.cudagraph));
  if (!o.on_gpus) return;
  reader.expect(o.blocking, fmt::format("-z {}: expected 1 with --device cuda, whose calls never "
                                        "wait",
                                        t.blocking));
  reader.expect(!o.vs_mpi, fmt::format("--vs {}: expected none with --device cuda", t.vs));
}

void read_how(Reader& reader, const Texts& t, PerfOptions& o) {
  constexpr int kMany = 1'000'000'000;
  reader.read(o.iterations, "-n", t.iters, 1, 100'000'000);
  reader.read(o.warmup, "-w", t.warmup_iters, 0, kMany);
  reader.read(o.aggregate, "-m", t.agg_iters, 1, 4096);
  reader.read(o.batch, "--batch", t.batch, 0, 4096);
  reader.read(o.cycles, "-N", t.run_cycles, 0, kMany);
  reader.read(o.checks, "-c", t.check, 0, kMany);
  reader.read(o.blocking, "-z", t.blocking);
  reader.read_number(o.timeout_s, "-T", t.timeout, 0, 1e6);
  reader.read(o.threads, "--threads", t.threads, 0, 1024);
  reader.read(o.unalign, "-u", t.unalign, 0, 4096);
  reader.expect(!(o.vs_mpi && o.threads > 0),
                fmt::format("--threads {}: expected none with --vs mpi, whose ranks are processes; "
                            "start under mpirun",
                            t.threads));
  o.pin = !t.no_pin;
  o.in_place = t.in_place || !t.out_of_place;
  o.out_of_place = t.out_of_place || !t.in_place;
}

void read_report(Reader& reader, const Texts& t, PerfOptions& o) {
  int how = 0;
  reader.read(how, "-a", t.average, 0, 3);
  o.over_ranks = static_cast<OverRanks>(how);
  reader.read(o.min_median_max, "-I", t.per_iter_timing);
  o.min_median_max = o.min_median_max || t.min_max_median;
  reader.read(o.timestamps, "-S", t.report_timestamps);
  o.json = t.json;
  o.json_file = t.output_file;
}

void read_refused(Reader& reader, const RefusedTexts& texts) {
  for (std::size_t i = 0; i < kRefused.size(); ++i) {
    const Refused& refused = kRefused[i];
    reader.expect(texts[i] == refused.only,
                  fmt::format("{} {}: expected {}, for {}", std::string(refused.flags).substr(0, 2),
                              texts[i], refused.only, refused.why));
  }
}

}  // namespace

Result<PerfRequest> parse_perf(std::vector<std::string> arguments) {
  CLI::App app("Times and checks collectives; options and table as in nccl-tests.\n", "tutti perf");
  Texts texts;
  RefusedTexts refused;
  add_sizes(app, texts);
  add_running(app, texts);
  add_reporting(app, texts);
  add_refused(app, refused);

  arguments = join_negative_values(std::move(arguments));
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return PerfRequest{{}, app.help()};
  } catch (const CLI::ParseError& error) {
    return Status(Code::kInvalidArgument, error.what());
  }

  PerfOptions options;
  Reader reader;
  read_refused(reader, refused);
  read_sizes(reader, texts, options.sizes);
  read_what(reader, texts, options);
  read_memory(reader, texts, options);
  read_how(reader, texts, options);
  read_device(reader, texts, options);
  read_report(reader, texts, options);
  if (!reader.status().ok()) return reader.status();
  return PerfRequest{options, ""};
}

std::string_view name(BufferMemory memory) {
  switch (memory) {
    case BufferMemory::kPlain:
      return "plain";
    case BufferMemory::kAllocate:
      return "allocate";
    case BufferMemory::kRegister:
      return "register";
  }
  return "";
}

}  // namespace tutti::cli
