// XML as text, element by element, in the form of NCCL's dumps: an element a line, two blanks a
// level, <leaf/>.
//
// Tested by topology_xml_test.cc.

#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace tutti {

class XmlText {
 public:
  /// Begins an element within the one that is open.
  XmlText& open(std::string_view name);
  /// Of the element that was opened last. REQUIRES: nothing was written into it yet.
  XmlText& attribute(std::string_view name, std::string_view value);
  /// The shortest text that reads back to the same number.
  template <class Number>
  requires std::integral<Number> || std::floating_point<Number> XmlText& attribute(
      std::string_view name, Number value) {
    char digits[32];
    const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, value);
    return attribute(name, std::string_view(digits, end.ptr));
  }
  /// The same, where there is something to say: not for "" and not for 0.
  template <class Value>
  XmlText& known(std::string_view name, const Value& value) {
    return value == Value() ? *this : attribute(name, value);
  }
  /// Ends the element that is open.
  XmlText& close();

  /// REQUIRES: every element is closed.
  std::string take();

 private:
  void end_tag();
  void indent() { text_.append(2 * open_.size(), ' '); }

  std::string text_;
  std::vector<std::string> open_;
  bool in_tag_ = false;  // attributes may follow
};

}  // namespace tutti
