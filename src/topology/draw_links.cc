// Tested by topology_draw_test.cc.

#include "topology/draw_links.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "topology/words.h"

namespace tutti::drawing {
namespace {

constexpr double kPerLink = 1.4;  // thickness
constexpr double kThickest = 8;
constexpr double kSwitchHeight = 30;
constexpr double kOverhang = 10;  // of the bar beyond the outermost GPUs

double thickness_of(int links) { return std::min(kThickest, kPerLink * links); }

struct Chord {
  const DrawnGpu* from = nullptr;
  const DrawnGpu* to = nullptr;
  int links = 0;
};

const DrawnGpu* find(const std::vector<DrawnGpu>& gpus, int gpu) {
  const auto found =
      std::find_if(gpus.begin(), gpus.end(), [&](const DrawnGpu& g) { return g.gpu == gpu; });
  return found == gpus.end() ? nullptr : &*found;
}

// Each once, from its left end; both ends list it.
std::vector<Chord> chords_of(const std::vector<DrawnGpu>& gpus) {
  std::vector<Chord> chords;
  for (const DrawnGpu& gpu : gpus) {
    for (const LinkEnd& end : gpu.ends) {
      const DrawnGpu* peer = end.kind == LinkEndKind::kGpu ? find(gpus, end.gpu) : nullptr;
      if (peer != nullptr && gpu.center.x < peer->center.x) {
        chords.push_back({&gpu, peer, end.links});
      }
    }
  }
  return chords;
}

Spot between(Spot a, Spot b, double share) {
  return {a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share};
}

double distance(Spot a, Spot b) { return std::hypot(a.x - b.x, a.y - b.y); }

double distance(Spot spot, const Chord& chord) {
  const Spot a = chord.from->center;
  const Spot b = chord.to->center;
  const double along =
      ((spot.x - a.x) * (b.x - a.x) + (spot.y - a.y) * (b.y - a.y)) / std::pow(distance(a, b), 2);
  return distance(spot, between(a, b, std::clamp(along, 0.0, 1.0)));
}

// How far a number is from everything that it could be mistaken for or hide behind.
double clearance(Spot spot, std::size_t own, const std::vector<Chord>& chords,
                 const std::vector<Label>& labels, const std::vector<DrawnGpu>& gpus) {
  double least = std::numeric_limits<double>::max();
  for (std::size_t i = 0; i < chords.size(); ++i) {
    if (i != own) least = std::min(least, distance(spot, chords[i]));
  }
  for (const Label& label : labels) least = std::min(least, distance(spot, label.center) / 2);
  for (const DrawnGpu& gpu : gpus) {
    const double beside = std::max(std::abs(spot.x - gpu.center.x) - gpu.width / 2,
                                   std::abs(spot.y - gpu.center.y) - gpu.height / 2);
    least = std::min(least, beside);
  }
  return least;
}

Spot place_number(std::size_t own, const std::vector<Chord>& chords,
                  const std::vector<Label>& labels, const std::vector<DrawnGpu>& gpus) {
  constexpr int kPlaces = 64;
  Spot best;
  double most = std::numeric_limits<double>::lowest();
  for (int place = 1; place < kPlaces; ++place) {
    const Spot spot = between(chords[own].from->center, chords[own].to->center,
                              static_cast<double>(place) / kPlaces);
    const double room = clearance(spot, own, chords, labels, gpus);
    if (room <= most) continue;
    most = room;
    best = spot;
  }
  return best;
}

int switch_links(const DrawnGpu& gpu) {
  int links = 0;
  for (const LinkEnd& end : gpu.ends) links += end.kind == LinkEndKind::kSwitch ? end.links : 0;
  return links;
}

}  // namespace

bool needs_ellipse(const std::vector<DrawnGpu>& gpus) {
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    for (const LinkEnd& end : gpus[i].ends) {
      const DrawnGpu* peer = end.kind == LinkEndKind::kGpu ? find(gpus, end.gpu) : nullptr;
      if (peer != nullptr && std::abs(peer - &gpus[i]) > 1) return true;
    }
  }
  return false;
}

bool draw_mesh(const std::vector<DrawnGpu>& gpus, Scene& scene) {
  const std::vector<Chord> chords = chords_of(gpus);
  std::vector<Label> numbers;
  for (std::size_t i = 0; i < chords.size(); ++i) {
    const Chord& chord = chords[i];
    scene.wires.push_back(
        {chord.from->id, chord.to->id, WireKind::kNvLink, thickness_of(chord.links)});
    numbers.push_back(
        {std::to_string(chord.links), place_number(i, chords, numbers, gpus), WireKind::kNvLink});
  }
  scene.labels.insert(scene.labels.end(), numbers.begin(), numbers.end());
  return !chords.empty();
}

double draw_switch(const std::vector<DrawnGpu>& gpus, const std::string& id,
                   const std::string& name, double top, double link_bandwidth, Scene& scene) {
  double left = std::numeric_limits<double>::max();
  double right = std::numeric_limits<double>::lowest();
  for (const DrawnGpu& gpu : gpus) {
    const int links = switch_links(gpu);
    if (links == 0) continue;
    left = std::min(left, gpu.center.x - gpu.width / 2);
    right = std::max(right, gpu.center.x + gpu.width / 2);
    const std::string anchor = id + " at " + gpu.id;
    const Spot low{gpu.center.x, gpu.center.y + gpu.height / 2};
    scene.anchors.emplace_back(anchor, Spot{gpu.center.x, top});
    scene.wires.push_back(
        {gpu.id, anchor, WireKind::kNvLink, thickness_of(links) / 2, Side::kBottom});
    scene.labels.push_back({std::to_string(links) + " × " + bandwidth_text(link_bandwidth),
                            {low.x, (low.y + top) / 2},
                            WireKind::kNvLink});
  }
  scene.boxes.push_back({id,
                         BoxKind::kNvSwitch,
                         {name},
                         {(left + right) / 2, top + kSwitchHeight / 2},
                         right - left + 2 * kOverhang,
                         kSwitchHeight});
  return top + kSwitchHeight;
}

}  // namespace tutti::drawing
