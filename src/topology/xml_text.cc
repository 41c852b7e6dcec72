// Tested by topology_xml_test.cc.

#include "topology/xml_text.h"

#include "base/check.h"

namespace tutti {
namespace {

void append_escaped(std::string_view value, std::string& text) {
  for (const char c : value) {
    if (c == '&') {
      text += "&amp;";
    } else if (c == '<') {
      text += "&lt;";
    } else if (c == '>') {
      text += "&gt;";
    } else if (c == '"') {
      text += "&quot;";
    } else if (static_cast<unsigned char>(c) < ' ') {
      text.append("&#").append(std::to_string(int{c})).append(";");  // readers make a blank of it
    } else {
      text += c;
    }
  }
}

}  // namespace

void XmlText::end_tag() {
  if (in_tag_) text_ += ">\n";
  in_tag_ = false;
}

XmlText& XmlText::open(std::string_view name) {
  end_tag();
  indent();
  text_.append("<").append(name);
  open_.emplace_back(name);
  in_tag_ = true;
  return *this;
}

XmlText& XmlText::attribute(std::string_view name, std::string_view value) {
  TUTTI_CHECK(in_tag_);
  text_.append(" ").append(name).append("=\"");
  append_escaped(value, text_);
  text_ += '"';
  return *this;
}

XmlText& XmlText::close() {
  TUTTI_CHECK(!open_.empty());
  const std::string name = std::move(open_.back());
  open_.pop_back();
  if (in_tag_) {
    text_ += "/>\n";
    in_tag_ = false;
  } else {
    indent();
    text_.append("</").append(name).append(">\n");
  }
  return *this;
}

std::string XmlText::take() {
  TUTTI_CHECK(open_.empty());
  return std::move(text_);
}

}  // namespace tutti
