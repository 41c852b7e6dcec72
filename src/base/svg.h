// The few shapes that pictures here are made of, as SVG. Lengths are pixels.

#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>

namespace tutti::svg {

/// At most two digits behind the point.
inline std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  std::string digits = text;
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits == "-0" ? "0" : digits;
}

/// Between two lines of a scale: 1, 2 or 5 times a power of ten, about an eighth of the whole.
inline double tick(double whole) {
  const double rough = whole / 8;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (rough <= step * power) return step * power;
  }
  return 10 * power;
}

inline std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "&lt;";
    } else if (c == '>') {
      safe += "&gt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else if (c == '"') {
      safe += "&quot;";
    } else {
      safe += c;
    }
  }
  return safe;
}

/// `attributes` are added as they are.
inline std::string text(double x, double y, std::string_view attributes, std::string_view words) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + std::string(attributes) + ">" +
         escaped(words) + "</text>\n";
}

inline std::string box(double x, double y, double width, double height, std::string_view attributes,
                       std::string_view tooltip = "") {
  const std::string shape = "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" +
                            number(width) + "\" height=\"" + number(height) + "\" " +
                            std::string(attributes);
  if (tooltip.empty()) return shape + "/>\n";
  return shape + "><title>" + escaped(tooltip) + "</title></rect>\n";
}

inline std::string line(double x1, double y1, double x2, double y2, std::string_view attributes) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\" " + std::string(attributes) + "/>\n";
}

/// The head of a document on white; what is drawn follows, and "</svg>\n".
inline std::string begin(double width, double height) {
  const std::string w = number(width);
  const std::string h = number(height);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + w + "\" height=\"" + h +
         "\" viewBox=\"0 0 " + w + " " + h +
         "\" font-family=\"DejaVu Sans, sans-serif\" font-size=\"12\" fill=\"#223\">\n" +
         box(0, 0, width, height, "fill=\"#fff\"");
}

}  // namespace tutti::svg
