// One reading of a topology file: where things are, what was wrong first, what is worth noting.
//
// Whoever reads an element says what is wrong with it and goes on with a stand-in; the first such
// sentence is what the caller gets instead of a topology. Tested by topology_xml_test.cc.

#pragma once

#include <cstddef>
#include <initializer_list>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/status.h"

namespace tutti {

/// The parts, one after the other.
std::string sentence(std::initializer_list<std::string_view> parts);

class XmlReading {
 public:
  /// Both must outlive it. `file` is what errors name.
  XmlReading(std::string_view text, std::string_view file);

  /// "dgx.xml:12: what".
  std::string at(std::ptrdiff_t offset, std::string_view what) const;
  std::string at(pugi::xml_node node, std::string_view what) const;

  void fail(pugi::xml_node node, std::string_view what);
  bool failed() const { return !error_.empty(); }
  Status error() const { return Status(Code::kInvalidArgument, error_); }

  void note(pugi::xml_node node, std::string_view what);
  /// `node` is nothing that its parent is known to hold.
  void note_unknown(pugi::xml_node node);
  std::vector<std::string> take_notes();

  /// Counts what the reader makes of a file, so that no file can have it make too much.
  void count_part(pugi::xml_node node);
  std::size_t numbers_left() const { return numbers_left_; }
  void count_numbers(std::size_t numbers) { numbers_left_ -= numbers; }

 private:
  std::size_t line(std::ptrdiff_t offset) const;

  std::string file_;
  std::vector<std::size_t> line_begins_;
  std::string error_;
  std::vector<std::string> notes_;
  std::size_t notes_left_out_ = 0;
  std::size_t parts_left_ = 1 << 20;    // a hundred thousand hosts would be fewer
  std::size_t numbers_left_ = 1 << 24;  // of processors and cores
};

}  // namespace tutti
