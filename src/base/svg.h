// The few shapes that pictures here are made of, as SVG. Lengths are pixels.

#pragma once

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

}  // namespace tutti::svg
