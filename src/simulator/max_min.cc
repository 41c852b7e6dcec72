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
  const auto [known, is_new] = known_.try_emplace(route.links, 0);
  if (is_new) known->second = begin_bundle(route);
  ++bundles_[known->second].flows;
  change(route);
  return known->second;
}

void MaxMin::remove(std::uint32_t number) {
  change(bundles_[number].route);
  if (--bundles_[number].flows == 0) end_bundle(number);
}

std::uint32_t MaxMin::begin_bundle(const Route& route) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(bundles_.size()));
    bundles_.emplace_back();
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  Bundle& bundle = bundles_[number] = {.route = route};
  for (int i = 0; i < route.count; ++i) {
    std::vector<std::uint32_t>& list = links_[route.links[i]].bundles;
    bundle.places[i] = static_cast<std::uint32_t>(list.size());
    list.push_back(number);
  }
  return number;
}

void MaxMin::end_bundle(std::uint32_t number) {
  const Bundle& bundle = bundles_[number];
  for (int i = 0; i < bundle.route.count; ++i) {
    const int link = bundle.route.links[i];
    std::vector<std::uint32_t>& list = links_[link].bundles;
    Bundle& last = bundles_[list[bundle.places[i]] = list.back()];
    list.pop_back();
    const auto links = last.route.all();
    last.places[std::find(links.begin(), links.end(), link) - links.begin()] = bundle.places[i];
  }
  known_.erase(bundle.route.links);
  free_.push_back(number);
}

void MaxMin::change(const Route& route) {
  changed_.insert(changed_.end(), route.all().begin(), route.all().end());
}

std::span<const std::uint32_t> MaxMin::settle() {
  taken_in_.clear();
  touched_.clear();
  for (const int link : changed_) {
    for (const std::uint32_t bundle : links_[link].bundles) take_in(bundle);
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
  Bundle& bundle = bundles_[number];
  if (bundle.is_taken_in) return;
  bundle.is_taken_in = true;
  taken_in_.push_back(number);
  for (const int link : bundle.route.all()) {
    if (!links_[link].is_touched) touched_.push_back(link);
    links_[link].is_touched = true;
  }
}

void MaxMin::take_in_neighbours() {
  for (std::size_t i = 0, touched = touched_.size(); i < touched; ++i) {
    for (const std::uint32_t bundle : links_[touched_[i]].bundles) take_in(bundle);
  }
}

// Raises all rates that are to be found alike; where a link is full, its flows keep theirs.
void MaxMin::fill() {
  levels_.clear();
  for (const std::uint32_t bundle : taken_in_) bundles_[bundle].found = kUnknown;
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
  for (const std::uint32_t number : link.bundles) {
    if (bundles_[number].is_taken_in) {
      link.load += bundles_[number].flows;
    } else {
      link.room -= bundles_[number].flows * bundles_[number].rate;
    }
  }
}

void MaxMin::fix_flows_of(int full, double rate) {
  links_[full].level = rate;
  for (const std::uint32_t number : links_[full].bundles) {
    Bundle& bundle = bundles_[number];
    if (!bundle.is_taken_in || bundle.found != kUnknown) continue;
    bundle.found = rate;
    bundle.bottleneck = full;
    for (const int link : bundle.route.all()) {
      links_[link].room -= bundle.flows * rate;
      links_[link].load -= bundle.flows;
    }
  }
}

// Takes in flows to which what was found is not fair, or that are too fast for it to be.
bool MaxMin::take_in_spoilt() {
  const std::size_t before = taken_in_.size(), touched = touched_.size();
  for (std::size_t i = 0; i < touched; ++i) {
    const int link = touched_[i];
    double fastest = 0;
    for (const std::uint32_t bundle : links_[link].bundles) {
      if (bundles_[bundle].is_taken_in) fastest = std::max(fastest, bundles_[bundle].found);
    }
    for (const std::uint32_t bundle : links_[link].bundles) {
      if (!bundles_[bundle].is_taken_in && is_spoilt(bundles_[bundle], link, fastest))
        take_in(bundle);
    }
  }
  return taken_in_.size() > before;
}

bool MaxMin::is_spoilt(const Bundle& bundle, int number, double fastest) const {
  const Link& link = links_[number];
  if (is_more(bundle.rate, link.level)) return true;
  if (bundle.bottleneck != number) return false;
  return link.room > kSame * link.capacity || is_more(fastest, bundle.rate);
}

void MaxMin::keep_what_was_found() {
  for (const std::uint32_t number : taken_in_) bundles_[number].is_taken_in = false;
  for (const int link : touched_) links_[link].is_touched = false;
  std::erase_if(taken_in_, [this](std::uint32_t number) {
    Bundle& bundle = bundles_[number];
    const bool is_same = !is_more(bundle.found, bundle.rate) && !is_more(bundle.rate, bundle.found);
    if (!is_same) bundle.rate = bundle.found;
    return is_same;
  });
}

}  // namespace tutti
