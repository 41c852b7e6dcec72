// Symbolic execution. Cost: a sort per reduce, of as many terms as it combines; in scans, where
// order matters, they are put one after the other.
// Tested by verify_test.cc.

#include "schedule/contents.h"

#include <algorithm>
#include <tuple>

namespace tutti {
namespace {

bool before(const Term& a, const Term& b) {
  return std::tie(a.rank, a.index) < std::tie(b.rank, b.index);
}

// Sorts the terms and adds up equal ones.
void normalize(std::vector<Term>& terms) {
  std::sort(terms.begin(), terms.end(), before);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < terms.size(); ++i) {
    if (before(terms[kept], terms[i])) {
      terms[++kept] = terms[i];
    } else {
      terms[kept].times += terms[i].times;
    }
  }
  terms.resize(std::min(terms.size(), kept + 1));
}

// Reductions that do not commute: from the first rank on, to the last one that counts.
std::vector<Term> up_to(const Schedule& schedule, int rank, int index) {
  const int step = schedule.root == 0 ? 1 : -1;
  const int end = schedule.collective == Collective::kScan ? rank + step : rank;
  std::vector<Term> terms;
  for (int r = schedule.root; r != end; r += step) terms.push_back({r, index});
  return terms;
}

bool is_input_of(const Content& content, int rank) {
  return content.terms.size() == 1 && content.terms[0].rank == rank && content.terms[0].times == 1;
}

std::vector<Term> one_of_each_rank(int ranks, int index) {
  std::vector<Term> terms;
  for (int rank = 0; rank < ranks; ++rank) terms.push_back({rank, index});
  return terms;
}

// The table in schedule.h: what output(index) of `rank` shall hold.
std::vector<Term> expected(const Schedule& schedule, int rank, int index) {
  const int k = schedule.chunks;
  switch (schedule.collective) {
    case Collective::kAllReduce:
    case Collective::kReduce:
      return one_of_each_rank(schedule.ranks, index);
    case Collective::kReduceScatter:
      return one_of_each_rank(schedule.ranks, rank * k + index);
    case Collective::kAllGather:
    case Collective::kGather:
      return {{index / k, index % k}};
    case Collective::kAllToAll:
      return {{index / k, rank * k + index % k}};
    case Collective::kBroadcast:
      return {{schedule.root, index}};
    case Collective::kScatter:
      return {{schedule.root, rank * k + index}};
    case Collective::kSendRecv:
      return {{0, index}};
    case Collective::kScan:
    case Collective::kExclusiveScan:
      return up_to(schedule, rank, index);
    case Collective::kBarrier:
      break;
  }
  return {};
}

std::string name(const Term& term) {
  return dump(input(term.index)) + " of rank " + std::to_string(term.rank);
}

// The first difference between two lists whose order matters.
std::string misplaced(const std::vector<Term>& found, const std::vector<Term>& wanted) {
  std::size_t i = 0;
  for (; i < found.size() && i < wanted.size() && found[i] == wanted[i];) ++i;
  const std::string place = " as operand " + std::to_string(i);
  if (i == found.size()) return "lacks " + name(wanted[i]) + place;
  if (i == wanted.size())
    return "holds " + name(found[i]) + place + ", which does not belong there";
  return "holds " + name(found[i]) + place + ", where " + name(wanted[i]) + " belongs";
}

// The first difference between two sorted lists, as what is wrong with `found`.
std::string difference(const std::vector<Term>& found, const std::vector<Term>& wanted) {
  std::size_t i = 0;
  for (; i < found.size() && i < wanted.size() && found[i] == wanted[i];) ++i;
  if (i == found.size()) return "lacks " + name(wanted[i]);
  if (i == wanted.size() || before(found[i], wanted[i])) {
    return "holds " + name(found[i]) + ", which does not belong there";
  }
  if (before(wanted[i], found[i])) return "lacks " + name(wanted[i]);
  return "holds " + name(found[i]) + " " + std::to_string(found[i].times) + " times";
}

}  // namespace

Contents::Contents(const Schedule& schedule, const Layout& layout, const Trace& trace)
    : schedule_(schedule), layout_(layout), held_(layout.count(), kNone) {
  start();
  for (const Event& event : trace.events) take(event);
}

void Contents::start() {
  for (int rank = 0; rank < schedule_.ranks; ++rank) {
    const int chunks = chunks_of(schedule_, Space::kInput, rank);
    for (int index = 0; index < chunks; ++index) {
      held_[layout_.location(rank, input(index))] = static_cast<int>(values_.size());
      const bool is_whole = schedule_.ranks == 1 || is_scan(schedule_.collective);
      values_.push_back({{{rank, index}}, is_whole});
    }
  }
}

void Contents::take(const Event& event) {
  const std::vector<Step>& steps = schedule_.at(event.rank).steps;
  if (event.step == static_cast<int>(steps.size())) return;
  const Step& step = steps[event.step];
  if (step.sources.empty()) return;
  for (const Chunk& source : step.sources) {
    if (held_[layout_.location(event.rank, source)] != kNone) continue;
    if (!unwritten_.empty()) return;
    unwritten_ = "unwritten: rank " + std::to_string(event.rank) + ", step " +
                 std::to_string(event.step) + " (" + dump(step) + ") reads " + dump(source) +
                 " before anything is written there";
    return;
  }
  held_[layout_.location(event.rank, step.target)] = sum(event.rank, step);
}

// The value of a step's sources combined; of a single one, itself.
int Contents::sum(int rank, const Step& step) {
  if (step.sources.size() == 1) return held_[layout_.location(rank, step.sources[0])];
  std::vector<const Content*> sources;
  for (const Chunk& source : step.sources) {
    sources.push_back(&values_[held_[layout_.location(rank, source)]]);
  }
  values_.push_back(added_up(sources));
  return static_cast<int>(values_.size()) - 1;
}

Content Contents::added_up(const std::vector<const Content*>& sources) const {
  const bool scans = is_scan(schedule_.collective);
  Content total;
  total.in_rank_order =
      scans ? sources[0]->in_rank_order : static_cast<int>(sources.size()) == schedule_.ranks;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::vector<Term>& terms = sources[i]->terms;
    if (!scans) total.in_rank_order &= is_input_of(*sources[i], static_cast<int>(i));
    if (scans && i > 0) total.in_rank_order &= terms.size() == 1;
    total.terms.insert(total.terms.end(), terms.begin(), terms.end());
  }
  if (!scans) normalize(total.terms);
  return total;
}

std::string Contents::check() const {
  if (!unwritten_.empty()) return unwritten_;
  for (int rank = 0; rank < schedule_.ranks; ++rank) {
    const int chunks = chunks_of(schedule_, Space::kOutput, rank);
    for (int index = 0; index < chunks; ++index) {
      if (std::string wrong = check_output(rank, index); !wrong.empty()) return wrong;
    }
  }
  return "";
}

std::string Contents::check_output(int rank, int index) const {
  const std::string where = dump(output(index)) + " of rank " + std::to_string(rank);
  const int held = held_[layout_.location(rank, output(index))];
  if (held == kNone) return "wrong result: " + where + " is never written";
  const std::vector<Term> wanted = expected(schedule_, rank, index);
  if (values_[held].terms == wanted) return "";
  const auto what_is_wrong = is_scan(schedule_.collective) ? misplaced : difference;
  return "wrong result: " + where + " " + what_is_wrong(values_[held].terms, wanted);
}

const Content& Contents::output_of(int rank, int index) const {
  return values_[held_[layout_.location(rank, output(index))]];
}

}  // namespace tutti
