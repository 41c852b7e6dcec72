// Tested by network_test.cc.

#include "simulator/max_min.h"

#include <algorithm>
#include <limits>

namespace tutti {
namespace {

constexpr double kUnknown = -1;
constexpr double kNoLevel = std::numeric_limits<double>::infinity();
// Rates that differ by less are the same; the rest is rounding.
constexpr double kSame = 1e-10;
// After so many rounds, neighbours are taken in unseen: chains of bottlenecks may be long.
constexpr int kRounds = 4;

bool is_more(double a, double b) { return a > b * (1 + kSame); }

}  // namespace

MaxMin::MaxMin(const Links& links) : links_(links.count()) {
  for (int link = 0; link < links.count(); ++link) links_[link].capacity = links.capacity(link);
}

std::uint32_t MaxMin::add(const Route& route) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(flows_.size()));
    flows_.emplace_back();
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  Flow& flow = flows_[number] = {.route = route};
  for (int i = 0; i < route.count; ++i) {
    std::vector<std::uint32_t>& list = links_[route.links[i]].flows;
    flow.places[i] = static_cast<std::uint32_t>(list.size());
    list.push_back(number);
  }
  change(route);
  return number;
}

void MaxMin::remove(std::uint32_t number) {
  const Flow& flow = flows_[number];
  for (int i = 0; i < flow.route.count; ++i) {
    const int link = flow.route.links[i];
    std::vector<std::uint32_t>& list = links_[link].flows;
    const std::uint32_t last = list[flow.places[i]] = list.back();
    list.pop_back();
    const auto links = flows_[last].route.all();
    flows_[last].places[std::find(links.begin(), links.end(), link) - links.begin()] =
        flow.places[i];
  }
  change(flow.route);
  free_.push_back(number);
}

void MaxMin::change(const Route& route) {
  changed_.insert(changed_.end(), route.all().begin(), route.all().end());
}

std::span<const std::uint32_t> MaxMin::settle() {
  taken_in_.clear();
  touched_.clear();
  for (const int link : changed_) {
    for (const std::uint32_t flow : links_[link].flows) take_in(flow);
  }
  changed_.clear();
  fill();
  for (int round = 1; take_in_spoilt(); ++round) {
    if (round >= kRounds) take_in_neighbours();
    fill();
  }
  keep_what_was_found();
  return taken_in_;
}

void MaxMin::take_in(std::uint32_t number) {
  Flow& flow = flows_[number];
  if (flow.is_taken_in) return;
  flow.is_taken_in = true;
  taken_in_.push_back(number);
  for (const int link : flow.route.all()) {
    if (!links_[link].is_touched) touched_.push_back(link);
    links_[link].is_touched = true;
  }
}

void MaxMin::take_in_neighbours() {
  for (std::size_t i = 0, touched = touched_.size(); i < touched; ++i) {
    for (const std::uint32_t flow : links_[touched_[i]].flows) take_in(flow);
  }
}

// Raises all rates that are to be found alike; where a link is full, its flows keep theirs.
void MaxMin::fill() {
  levels_.clear();
  for (const std::uint32_t flow : taken_in_) flows_[flow].found = kUnknown;
  for (const int link : touched_) {
    open(links_[link]);
    if (links_[link].load > 0) levels_.push_back({links_[link].room / links_[link].load, link});
  }
  std::make_heap(levels_.begin(), levels_.end());
  while (!levels_.empty()) {
    std::pop_heap(levels_.begin(), levels_.end());
    Level& lowest = levels_.back();
    const Link& link = links_[lowest.link];
    const double now = link.load == 0 ? 0 : link.room / link.load;
    if (link.load > 0 && now > lowest.rate) {  // others on it have got less meanwhile
      lowest.rate = now;
      std::push_heap(levels_.begin(), levels_.end());
      continue;
    }
    if (link.load > 0) fix_flows_of(lowest.link, std::max(now, 0.0));
    levels_.pop_back();
  }
}

void MaxMin::open(Link& link) {
  link.room = link.capacity;
  link.level = kNoLevel;
  link.load = 0;
  for (const std::uint32_t number : link.flows) {
    if (flows_[number].is_taken_in) {
      ++link.load;
    } else {
      link.room -= flows_[number].rate;
    }
  }
}

void MaxMin::fix_flows_of(int full, double rate) {
  links_[full].level = rate;
  for (const std::uint32_t number : links_[full].flows) {
    Flow& flow = flows_[number];
    if (!flow.is_taken_in || flow.found != kUnknown) continue;
    flow.found = rate;
    flow.bottleneck = full;
    for (const int link : flow.route.all()) {
      links_[link].room -= rate;
      --links_[link].load;
    }
  }
}

// Takes in flows to which what was found is not fair, or that are too fast for it to be.
bool MaxMin::take_in_spoilt() {
  const std::size_t before = taken_in_.size(), touched = touched_.size();
  for (std::size_t i = 0; i < touched; ++i) {
    const int link = touched_[i];
    double fastest = 0;
    for (const std::uint32_t flow : links_[link].flows) {
      if (flows_[flow].is_taken_in) fastest = std::max(fastest, flows_[flow].found);
    }
    for (const std::uint32_t flow : links_[link].flows) {
      if (!flows_[flow].is_taken_in && is_spoilt(flows_[flow], link, fastest)) take_in(flow);
    }
  }
  return taken_in_.size() > before;
}

bool MaxMin::is_spoilt(const Flow& flow, int number, double fastest) const {
  const Link& link = links_[number];
  if (is_more(flow.rate, link.level)) return true;
  if (flow.bottleneck != number) return false;
  return link.room > kSame * link.capacity || is_more(fastest, flow.rate);
}

void MaxMin::keep_what_was_found() {
  for (const std::uint32_t number : taken_in_) flows_[number].is_taken_in = false;
  for (const int link : touched_) links_[link].is_touched = false;
  std::erase_if(taken_in_, [this](std::uint32_t number) {
    Flow& flow = flows_[number];
    const bool is_same = !is_more(flow.found, flow.rate) && !is_more(flow.rate, flow.found);
    if (!is_same) flow.rate = flow.found;
    return is_same;
  });
}

}  // namespace tutti
