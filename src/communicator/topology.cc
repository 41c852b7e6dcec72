// One rank of each host looks at it and puts its host's ranks on it; all learn all hosts.
//
// Cost: two exchanges, of some hundred bytes a rank and some ten thousand a host, besides the look.

#include "communicator/topology.h"

#include <sched.h>

#include <cstdio>
#include <memory>

#include "bootstrap/sha256.h"
#include "bootstrap/wire.h"
#include "topology/place_rank.h"
#include "tutti/diagnostics.h"

namespace tutti {
namespace {

// The processors that the calling thread may run on, ascending.
std::vector<int> own_cpus() {
  std::vector<int> cpus;
  for (int most = 1024; most <= 1 << 16; most *= 2) {  // the system refuses sets that are too small
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(
        CPU_ALLOC(most), [](cpu_set_t* one) { CPU_FREE(one); });
    const std::size_t bytes = CPU_ALLOC_SIZE(most);
    if (set == nullptr || sched_getaffinity(0, bytes, set.get()) != 0) continue;
    for (int cpu = 0; cpu < most; ++cpu) {
      if (CPU_ISSET_S(cpu, bytes, set.get())) cpus.push_back(cpu);
    }
    break;
  }
  return cpus;
}

// The texts of all ranks, packed.
Result<std::vector<std::string>> gather(Communicator& comm, const std::string& mine) {
  const std::uint64_t own_size = mine.size();
  std::vector<std::uint64_t> sizes(comm.ranks());
  if (Status status = comm.all_gather(std::span(&own_size, 1), sizes); !status.ok()) return status;
  const std::vector<std::size_t> counts(sizes.begin(), sizes.end());
  std::size_t total = 0;
  for (const std::size_t count : counts) total += count;
  std::string packed(total, '\0');
  Status status = comm.run(all_gather_v({mine.data(), mine.size(), DataType::kUint8},
                                        {packed.data(), packed.size(), DataType::kUint8}, counts));
  if (!status.ok()) return status;
  std::vector<std::string> texts;
  std::size_t at = 0;
  for (const std::size_t count : counts) {
    texts.push_back(packed.substr(at, count));
    at += count;
  }
  return texts;
}

// What every rank has to say, or on all ranks the first failure of any.
Result<std::vector<std::string>> gather_results(Communicator& comm,
                                                const Result<std::string>& mine) {
  const std::string said = mine.ok() ? "+" + *mine : "-" + mine.status().message();
  Result<std::vector<std::string>> all = gather(comm, said);
  if (!all.ok()) return all;
  for (std::size_t r = 0; r < all->size(); ++r) {
    const bool is_good = all->at(r).starts_with('+');
    all->at(r).erase(0, 1);
    if (is_good) continue;
    return {Code::kSystem, all->at(r) + " (on rank " + std::to_string(r) + ")"};
  }
  return all;
}

// What a rank knows of itself.
struct RankFacts {
  std::string host;       // see host_identity()
  std::vector<int> cpus;  // on which it may run
};

Result<std::string> pack_facts(const Options& options) {
  const Result<std::string> host = host_identity(options);
  if (!host.ok()) return host.status();
  Writer writer;
  writer.text(*host);
  for (const int cpu : own_cpus()) writer.u32(static_cast<std::uint32_t>(cpu));
  return writer.take();
}

RankFacts unpack_facts(const std::string& text) {
  Reader reader(text);
  RankFacts facts;
  facts.host = reader.text();
  while (reader.left() > 0) facts.cpus.push_back(static_cast<int>(reader.u32()));
  return facts;
}

// A number, as NCCL reads it: equal for equal identities, and for no others.
std::string hash_of(const std::string& identity) {
  const Digest digest = sha256(identity);
  std::string text = "0x";
  for (int i = 0; i < 8; ++i) {
    char byte[3];
    std::snprintf(byte, sizeof byte, "%02x", digest[i]);
    text += byte;
  }
  return text;
}

// This host with its ranks, packed; "" where a lower rank of it does that.
Result<std::string> pack_host(const std::vector<RankFacts>& facts, int self,
                              const Options& options) {
  for (int r = 0; r < self; ++r) {
    if (facts[r].host == facts[self].host) return std::string();
  }
  Result<TopologyReport> report = detect_topology(options);
  if (!report.ok()) return report.status();
  TopologyHost& host = report->topology.hosts[0];
  host.id = hash_of(facts[self].host);
  for (std::size_t r = 0; r < facts.size(); ++r) {
    if (facts[r].host != facts[self].host) continue;
    Status status = place_rank(host, static_cast<int>(r), facts[r].cpus);
    if (!status.ok()) return status;
  }
  Writer writer;
  writer.text(to_xml(report->topology));
  for (const std::string& note : report->notes) writer.text(note);
  return writer.take();
}

Result<TopologyReport> unpack_host(const std::string& text, int rank) {
  Reader reader(text);
  const std::string file = "topology of rank " + std::to_string(rank);
  Result<TopologyReport> report = parse_topology_xml(reader.text(), file);
  while (report.ok() && reader.left() > 0) report->notes.emplace_back(reader.text());
  return report;
}

// Notes of one host need not name it.
std::vector<std::string> join_notes(const std::vector<TopologyReport>& hosts) {
  std::vector<std::string> all;
  for (const TopologyReport& host : hosts) {
    for (const std::string& note : host.notes) {
      all.push_back(hosts.size() == 1 ? note : host.topology.hosts[0].name + ": " + note);
    }
  }
  return all;
}

}  // namespace

Result<TopologyReport> topology_of(Communicator& comm, const Options& options) {
  const auto packed_facts = gather_results(comm, pack_facts(options));
  if (!packed_facts.ok()) return packed_facts.status();
  std::vector<RankFacts> facts;
  for (const std::string& text : *packed_facts) facts.push_back(unpack_facts(text));

  const auto packed_hosts = gather_results(comm, pack_host(facts, comm.rank(), options));
  if (!packed_hosts.ok()) return packed_hosts.status();
  std::vector<TopologyReport> hosts;
  std::vector<Topology> parts;
  for (int r = 0; r < comm.ranks(); ++r) {
    if (packed_hosts->at(r).empty()) continue;
    Result<TopologyReport> host = unpack_host(packed_hosts->at(r), r);
    if (!host.ok()) return host.status();
    parts.push_back(host->topology);
    hosts.push_back(std::move(*host));
  }
  return TopologyReport{join(parts), join_notes(hosts)};
}

}  // namespace tutti
