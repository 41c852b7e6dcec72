#include "studio/timeline_svg.h"

#include <algorithm>
#include <array>

#include "base/svg.h"

namespace tutti {
namespace {

constexpr double kMargin = 24, kHead = 84, kRankLabels = 64, kHostLabels = 62, kPlot = 1060;
constexpr double kRow = 44, kBox = 20, kHostGap = 14, kAxis = 44, kNote = 18;
constexpr double kNarrowest = 0.6;  // boxes that would be narrower are drawn so wide
constexpr double kLegible = 34;     // and from here on they say which block they are of

struct Style {
  ActKind kind;
  std::string_view word, color;
};

constexpr std::array<Style, 7> kStyles = {{
    {ActKind::kStart, "start", "#e6e8ee"},
    {ActKind::kPut, "put", "#7fb2ea"},
    {ActKind::kReduce, "reduce", "#f2ab66"},
    {ActKind::kCopy, "copy", "#b9c2ce"},
    {ActKind::kRead, "read", "#86cfa5"},
    {ActKind::kSignal, "signal, take", "#b79ce0"},
    {ActKind::kWait, "wait", "#f4f1d6"},
}};

std::string_view color_of(ActKind kind) {
  if (kind == ActKind::kTake) kind = ActKind::kSignal;
  for (const Style& style : kStyles) {
    if (style.kind == kind) return style.color;
  }
  return "#000";
}

struct Unit {
  double seconds;
  const char* name;
};
constexpr std::array<Unit, 4> kUnits = {{{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}}};

const Unit& unit_for(double seconds) {
  for (const Unit& unit : kUnits) {
    if (seconds >= unit.seconds) return unit;
  }
  return kUnits.back();
}

std::string with_unit(double seconds) {
  const Unit& unit = unit_for(seconds);
  return svg::number(seconds / unit.seconds) + " " + unit.name;
}

class Picture {
 public:
  Picture(const Machine& machine, const Cast& cast, const Recorder& recorder)
      : machine_(machine),
        cast_(cast),
        recorder_(recorder),
        left_(kMargin + kRankLabels + (machine.host_of.empty() ? 0 : kHostLabels)) {
    for (const Act& act : recorder.acts()) end_ = std::max(end_, act.end);
    for (const SentMessage& message : recorder.messages()) end_ = std::max(end_, message.end);
    end_ = std::min(end_, recorder.complete_until());
    if (end_ <= 0) end_ = 1e-9;
  }

  std::string draw(const TimelineWords& words) const {
    const std::string note = this->note() + words.note;
    const double width = left_ + kPlot + kMargin;
    const double height = bottom() + kAxis + (note.empty() ? 0 : kNote) + kMargin / 2;
    std::string svg = svg::begin(width, height);
    svg += svg::text(kMargin, kMargin + 6, "font-size=\"16\" font-weight=\"bold\"", words.title);
    svg += svg::text(kMargin, kMargin + 25, "fill=\"#556\"", words.subtitle);
    svg += legend() + axis() + rows() + boxes() + messages();
    if (!note.empty()) {
      svg += svg::text(left_, bottom() + kAxis + 6, "fill=\"#a33\"", note);
    }
    return svg + "</svg>\n";
  }

 private:
  double x(double time) const { return left_ + kPlot * std::min(time / end_, 1.0); }
  double top(int rank) const {
    return kMargin + kHead + rank * kRow + (machine_.host(rank) - machine_.host(0)) * kHostGap;
  }
  double bottom() const { return top(recorder_.ranks() - 1) + kRow; }

  std::string legend() const {
    std::string svg;
    double at = left_;
    for (const Style& style : kStyles) {
      svg += svg::box(at, kMargin + 40, 14, 12, box_style(style.color));
      svg += svg::text(at + 20, kMargin + 50, "", style.word);
      at += 40 + 6.8 * static_cast<double>(style.word.size());
    }
    svg += svg::line(at, kMargin + 51, at + 22, kMargin + 41, kMessage);
    return svg + svg::text(at + 28, kMargin + 50, "", "message, from sender to receiver");
  }

  static std::string box_style(std::string_view color) {
    return "rx=\"1.5\" fill=\"" + std::string(color) + "\" stroke=\"#445\" stroke-width=\"0.3\"";
  }

  std::string axis() const {
    std::string svg;
    const double tick = svg::tick(end_);
    const Unit& unit = unit_for(tick * 4);
    const double low = bottom() - (kRow - kBox) / 2 + 6;
    for (double time = 0; time <= end_ * 1.0001; time += tick) {
      svg += svg::line(x(time), top(0) - 8, x(time), low, "stroke=\"#dde\" stroke-width=\"1\"");
      svg +=
          svg::text(x(time), low + 16, "text-anchor=\"middle\"", svg::number(time / unit.seconds));
    }
    return svg + svg::text(left_ + kPlot / 2, low + 34, "text-anchor=\"middle\" fill=\"#556\"",
                           std::string("time since the call (") + unit.name + ")");
  }

  std::string rows() const {
    std::string svg;
    for (int rank = 0; rank < recorder_.ranks(); ++rank) {
      const double middle = top(rank) + kBox / 2;
      svg += svg::line(x(0), middle, x(end_), middle, "stroke=\"#c8ccd8\" stroke-width=\"1\"");
      svg +=
          svg::text(left_ - 12, middle + 4, "text-anchor=\"end\"", "rank " + std::to_string(rank));
      const bool first = rank == 0 || machine_.host(rank) != machine_.host(rank - 1);
      if (!first || machine_.host_of.empty()) continue;
      svg += svg::text(kMargin, middle + 4, "font-weight=\"bold\" fill=\"#556\"",
                       "host " + std::to_string(machine_.host(rank)));
    }
    return svg;
  }

  std::string boxes() const {
    std::string svg;
    for (const Act& act : recorder_.acts()) {
      if (act.begin > end_) continue;
      const double width = std::max(x(act.end) - x(act.begin), kNarrowest);
      svg += svg::box(x(act.begin), top(act.rank), width, kBox, box_style(color_of(act.kind)),
                      "rank " + std::to_string(act.rank) + ", block " + std::to_string(act.block) +
                          ": " + words_for(cast_, act) + ", " + with_unit(act.begin) + " to " +
                          with_unit(act.end));
      if (width < kLegible || act.kind == ActKind::kWait) continue;
      svg += svg::text(x(act.begin) + width / 2, top(act.rank) + 14,
                       "text-anchor=\"middle\" font-size=\"10\"", label_of(act, width));
    }
    return svg;
  }

  // As much as fits.
  std::string label_of(const Act& act, double width) const {
    const std::string words = words_for(cast_, act);
    const auto fits = [&](const std::string& text) { return 6.2 * text.size() + 6 < width; };
    if (fits(words)) return words;
    const std::string word(name(act.kind));
    return fits(word) ? word : "";
  }

  std::string messages() const {
    std::string svg;
    for (const SentMessage& message : recorder_.messages()) {
      if (message.begin > end_ || message.from == message.to) continue;
      const bool down = top(message.to) > top(message.from);
      const double from = top(message.from) + (down ? kBox : 0);
      const double to = top(message.to) + (down ? 0 : kBox);
      // What arrives after the end is cut off there.
      const double shown =
          message.end <= end_ ? 1 : (end_ - message.begin) / (message.end - message.begin);
      svg +=
          svg::line(x(message.begin), from, x(message.end), from + shown * (to - from), kMessage);
      if (shown == 1) {
        svg += "<circle cx=\"" + svg::number(x(message.end)) + "\" cy=\"" + svg::number(to) +
               "\" r=\"1.8\" fill=\"#2c4a7c\"/>\n";
      }
    }
    return svg;
  }

  std::string note() const {
    std::string text;
    if (recorder_.ranks() < machine_.ranks) {
      text = "Ranks 0 to " + std::to_string(recorder_.ranks() - 1) + " of " +
             std::to_string(machine_.ranks) + " are shown";
      const bool for_all = cast_.symmetry.representatives() == recorder_.ranks();
      text += for_all ? ", as which all others do. " : ". ";
    }
    if (recorder_.complete_until() < kNever) {
      text += "The picture ends at " + with_unit(end_) + "; the call goes on. ";
    }
    return text;
  }

  static constexpr std::string_view kMessage =
      "stroke=\"#2c4a7c\" stroke-width=\"0.9\" stroke-opacity=\"0.65\"";

  const Machine& machine_;
  const Cast& cast_;
  const Recorder& recorder_;
  const double left_;  // where the plot begins
  double end_ = 0;
};

}  // namespace

std::string timeline_svg(const TimelineWords& words, const Machine& machine, const Cast& cast,
                         const Recorder& recorder) {
  return Picture(machine, cast, recorder).draw(words);
}

}  // namespace tutti
