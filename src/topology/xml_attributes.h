// The attributes of one element, taken one by one by whoever knows them.
//
// What is not taken is left over: kept as it is, or noted. A value that is wrong is told to the
// reading. Tested by topology_xml_test.cc.

#pragma once

#include <limits>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "topology/xml_reading.h"
#include "tutti/topology.h"

namespace tutti {

/// The integers that an attribute may have.
struct IntegerRange {
  long first = std::numeric_limits<int>::min();
  long last = std::numeric_limits<int>::max();
};
inline constexpr IntegerRange kAnyInteger{};
inline constexpr IntegerRange kNotNegative{.first = 0};
inline constexpr IntegerRange kAnyLong{std::numeric_limits<long>::min(),
                                       std::numeric_limits<long>::max()};
inline constexpr IntegerRange kNotNegativeLong{0, std::numeric_limits<long>::max()};

class XmlAttributes {
 public:
  /// `reading` must outlive it.
  XmlAttributes(pugi::xml_node element, XmlReading& reading);

  /// "" where there is none.
  std::string text(const char* name);
  /// `expected`: what it should be, for who left it out.
  std::string needed_text(const char* name, std::string_view expected);

  /// Decimal, or hexadecimal after 0x, as NCCL takes it.
  long integer(const char* name, long otherwise, IntegerRange range = kAnyInteger);
  long needed_integer(const char* name, IntegerRange range = kAnyInteger);
  /// Finite, and not negative.
  double real(const char* name);
  bool flag(const char* name);

  /// A list of numbers, in its order; it goes on in <more> children.
  std::vector<int> list(const char* name);
  /// Such a list as a set of processors, and a mask of them: ascending, each once.
  std::vector<int> set(const char* name);
  std::vector<int> mask(const char* name);

  /// What nobody took.
  OtherAttributes rest() { return std::move(left_); }
  void note_rest();

 private:
  bool take(const char* name, std::string& value);
  std::string list_text(const char* name);
  void wrong(const char* name, std::string_view value, std::string_view expected);
  void lacks(const char* name, std::string_view expected);
  long as_integer(const char* name, const std::string& value, IntegerRange range);

  pugi::xml_node element_;
  XmlReading& reading_;
  OtherAttributes left_;
};

}  // namespace tutti
