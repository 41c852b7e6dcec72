// Tested by topology_draw_test.cc.

#include "topology/draw_host.h"

#include <algorithm>
#include <cmath>

#include "topology/draw_links.h"
#include "topology/draw_parts.h"
#include "topology/draw_places.h"
#include "topology/graph_bandwidth.h"
#include "topology/words.h"

namespace tutti::drawing {
namespace {

// Points.
constexpr double kMargin = 14;           // between a frame and what is in it
constexpr double kTitle = 46;            // two lines and what is free around them
constexpr double kPackageTitle = 16;     // its name
constexpr double kBar = 16;              // below a part: from there lines lead down
constexpr double kPackageGap = 58;       // between processors: their link's bandwidth stands there
constexpr double kEllipseHeight = 0.36;  // of its width
constexpr double kEllipseUse = 0.94;     // of its width that GPUs stand on
constexpr double kLinkDrop = 64;         // from GPUs to NVSwitches
constexpr double kLinkText = 21;         // below that bar
constexpr double kCopyOffset = 5;        // of the frames that hint at further hosts

std::size_t place_of(const PathMatrix& matrix, const Cpu& cpu) {
  const auto found =
      std::find_if(matrix.places.begin(), matrix.places.end(), [&](const Place& place) {
        return place.kind == PlaceKind::kCpu && place.device == cpu.numa;
      });
  return static_cast<std::size_t>(found - matrix.places.begin());
}

class HostPainter {
 public:
  HostPainter(const TopologyHost& host, const std::string& prefix)
      : host_(host), prefix_(prefix), parts_(parts_of(host, prefix)) {}

  HostPicture paint(const std::string& title, const std::string& subtitle, int copies) {
    area_ = place_parts(parts_, {2 * kMargin, kTitle + kPackageTitle + kMargin}, kPackageGap);
    find_gpus();
    put_on_ellipse();
    add_boxes();
    for (Part& part : parts_) add_wires(part);
    join_processors();
    add_nvlinks();
    frame(title, subtitle, copies);
    return std::move(picture_);
  }

 private:
  template <class Visit>
  static void each(std::vector<Part>& parts, const Visit& visit) {
    for (Part& part : parts) {
      visit(part);
      each(part.below, visit);
    }
  }

  void find_gpus() {
    const std::vector<HostGpu> known = gpus_of(host_);
    each(parts_, [&](Part& part) {
      if (part.gpu < 0) return;
      const auto gpu = std::find_if(known.begin(), known.end(), [&](const HostGpu& candidate) {
        return candidate.gpu->device == part.gpu;
      });
      gpus_.push_back({part.gpu, part.box.id, part.box.center, part.box.width, part.box.height,
                       link_ends(host_, *gpu->gpu)});
    });
  }

  // Every other GPU stands on the upper half of an ellipse, the others on the lower.
  void put_on_ellipse() {
    if (!needs_ellipse(gpus_)) return;
    const double width = gpus_.back().center.x - gpus_.front().center.x;
    const double free = area_.bottom - area_.last_row + 2 * kMargin;
    std::size_t i = 0;
    each(parts_, [&](Part& part) {
      if (part.gpu < 0) return;
      const double from_middle = 2 * (part.box.center.x - gpus_.front().center.x) / width - 1;
      const double off = std::sqrt(1 - std::pow(kEllipseUse * from_middle, 2));
      part.box.center.y += free + kEllipseHeight * width / 2 * (i % 2 == 0 ? 1 - off : 1 + off);
      gpus_[i++].center = part.box.center;
      area_.bottom = std::max(area_.bottom, part.box.center.y + part.box.height / 2);
    });
  }

  void add_boxes() {
    add_packages();
    each(parts_, [&](Part& part) { picture_.scene.boxes.push_back(part.box); });
  }

  // Processors of a package stand beside each other.
  void add_packages() {
    for (std::size_t i = 0; i < parts_.size();) {
      std::size_t end = i + 1;
      while (end < parts_.size() && parts_[end].package == parts_[i].package) ++end;
      add_package(i, end);
      i = end;
    }
  }

  void add_package(std::size_t first, std::size_t end) {
    const double left = left_of(parts_[first]) - kMargin;
    const double right = right_of(parts_[end - 1]) + kMargin;
    const double top = area_.top - kPackageTitle - kMargin / 2;
    const double bottom = area_.bottom + kMargin;
    const std::string name = "package " + std::to_string(parts_[first].package);
    picture_.scene.boxes.push_back({prefix_ + name,
                                    BoxKind::kPackage,
                                    {},
                                    {(left + right) / 2, (top + bottom) / 2},
                                    right - left,
                                    bottom - top});
    picture_.scene.captions.push_back({name, {left + 8, top + 10}});
  }

  double left_of(const Part& part) const { return part.box.center.x - full_width(part) / 2; }
  double right_of(const Part& part) const { return part.box.center.x + full_width(part) / 2; }

  // From the middle of its lower side to a bar, from there down to everything below.
  void add_wires(const Part& part) {
    if (part.below.empty()) return;
    const double bar = part.box.center.y + part.box.height / 2 + kBar;
    const std::string from = anchor(part.box.id + " below", {part.box.center.x, bar});
    double thickest = 0;
    for (const Part& child : part.below) {
      const std::string to = anchor(child.box.id + " above", {child.box.center.x, bar});
      picture_.scene.wires.push_back({from, to, child.link_kind, child.thickness});
      picture_.scene.wires.push_back({to, child.box.id, child.link_kind, child.thickness});
      thickest = std::max(thickest, child.thickness);
      add_link_text(bar, child);
      add_wires(child);
    }
    picture_.scene.wires.push_back({part.box.id, from, part.below.front().link_kind, thickest});
  }

  std::string anchor(const std::string& name, Spot spot) {
    picture_.scene.anchors.emplace_back(name, spot);
    return name;
  }

  // High up, where nothing crosses the line.
  void add_link_text(double bar, const Part& child) {
    if (child.link.empty()) return;
    picture_.scene.labels.push_back(
        {child.link, {child.box.center.x, bar + kLinkText}, child.link_kind});
  }

  void join_processors() {
    const PathMatrix matrix = path_matrix({.hosts = {host_}});
    for (std::size_t i = 1; i < parts_.size(); ++i) {
      const Box& left = parts_[i - 1].box;
      const Box& right = parts_[i].box;
      const std::size_t from = place_of(matrix, host_.cpus[i - 1]);
      const std::size_t to = place_of(matrix, host_.cpus[i]);
      picture_.scene.wires.push_back({left.id, right.id, WireKind::kProcessors, 2.5});
      const double middle = (left.center.x + left.width / 2 + right.center.x - right.width / 2) / 2;
      picture_.scene.labels.push_back({bandwidth_text(matrix.paths[from][to].bandwidth),
                                       {middle, (left.center.y + right.center.y) / 2},
                                       WireKind::kProcessors});
    }
  }

  // GB/s of one NVLink of the first GPU; 0 where there is none.
  double link_bandwidth() const {
    const std::vector<HostGpu> gpus = gpus_of(host_);
    return gpus.empty() ? 0 : nvlink_bandwidth(gpus.front().gpu->sm);
  }

  void add_nvlinks() {
    area_.bottom += kMargin;  // of packages
    frame_bottom_ = area_.bottom + kMargin;
    const double bandwidth = link_bandwidth();
    if (draw_mesh(gpus_, picture_.scene)) {
      more_ = "; green numbers: NVLinks of " + bandwidth_text(bandwidth) + " each way";
    }
    const int switches = switches_of(gpus_);
    if (switches > 0) add_switches(switches, bandwidth);
  }

  // In the frame, or below it where hosts share them.
  void add_switches(int switches, double bandwidth) {
    const bool shared = !host_.fabric.empty();
    const std::string name = shared          ? "NVSwitches, which join the GPUs of all hosts"
                             : switches == 1 ? "NVSwitch"
                                             : counted(switches, "NVSwitch");
    area_.bottom =
        draw_switch(gpus_, prefix_ + "NVSwitch", name,
                    area_.bottom + kLinkDrop + (shared ? kMargin : 0), bandwidth, picture_.scene);
    if (!shared) frame_bottom_ = area_.bottom + kMargin;
  }

  static int switches_of(const std::vector<DrawnGpu>& gpus) {
    int most = 0;
    for (const DrawnGpu& gpu : gpus) {
      for (const LinkEnd& end : gpu.ends) {
        if (end.kind == LinkEndKind::kSwitch) most = std::max(most, end.ends);
      }
    }
    return most;
  }

  // Painted below all others: boxes are painted in their order.
  void frame(const std::string& title, const std::string& subtitle, int copies) {
    const std::string all = subtitle + more_;
    const double text = std::max(width_for({title}), width_for({"", all}));
    const double right = std::max(area_.right, text) + 2 * kMargin;
    shift(picture_.scene, {(right - area_.right) / 2 - kMargin, 0});  // to the middle
    Box box{prefix_ + "host", BoxKind::kHost, {}, {right / 2, frame_bottom_ / 2}, right,
            frame_bottom_};
    picture_.scene.boxes.insert(picture_.scene.boxes.begin(), box);
    picture_.scene.captions.push_back({title, {kMargin, kMargin + 2}, true});
    picture_.scene.captions.push_back({all, {kMargin, kMargin + 18}});
    for (int copy = 1; copy < std::min(copies, 3); ++copy) hint_at_copy(copy, right);
    picture_.width = right + 2 * kCopyOffset;
    picture_.height = std::max(area_.bottom, frame_bottom_);
  }

  // The upper and right edge of a frame behind this one.
  void hint_at_copy(int copy, double right) {
    const double off = copy * kCopyOffset;
    const std::string name = prefix_ + "copy " + std::to_string(copy);
    anchor(name + " a", {off + kCopyOffset, -off});
    anchor(name + " b", {right + off, -off});
    anchor(name + " c", {right + off, frame_bottom_ - off - kCopyOffset});
    picture_.scene.wires.push_back({name + " a", name + " b", WireKind::kPci});
    picture_.scene.wires.push_back({name + " b", name + " c", WireKind::kPci});
  }

  const TopologyHost& host_;
  const std::string prefix_;
  std::vector<Part> parts_;
  Area area_;  // of what is drawn so far
  std::vector<DrawnGpu> gpus_;
  double frame_bottom_ = 0;
  std::string more_;  // behind the subtitle
  HostPicture picture_;
};

}  // namespace

HostPicture draw_host(const TopologyHost& host, const std::string& prefix, const std::string& title,
                      const std::string& subtitle, int copies) {
  return HostPainter(host, prefix).paint(title, subtitle, copies);
}

}  // namespace tutti::drawing
