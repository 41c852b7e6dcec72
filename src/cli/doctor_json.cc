// Reports as JSON, for programs and on their way between ranks. Tested by
// cli_doctor_report_test.cc.

#include <nlohmann/json.hpp>

#include "cli/doctor_report.h"

namespace tutti::cli::doctor {

NLOHMANN_JSON_SERIALIZE_ENUM(Severity, {{Severity::kGood, "good"},
                                        {Severity::kNote, "note"},
                                        {Severity::kCosts, "costs"},
                                        {Severity::kFails, "fails"}})
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Finding, severity, what, cost, fix)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Section, title, table, findings)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(HostReport, host, ranks, speed, sections, moment)

namespace {

using Json = nlohmann::ordered_json;  // keys in the order written

// What a system says of itself need not be UTF-8.
template <class AnyJson>
std::string text_of(const AnyJson& json, int indent) {
  return json.dump(indent, ' ', false, AnyJson::error_handler_t::replace);
}

void add(Json& list, const Section& section) {
  for (const Finding& finding : section.findings) {
    list.push_back({{"about", section.title},
                    {"severity", finding.severity},
                    {"what", finding.what},
                    {"cost", finding.cost.empty() ? Json() : Json(finding.cost)},
                    {"fix", finding.fix.empty() ? Json() : Json(finding.fix)}});
  }
}

Json findings_of(const HostReport& host) {
  Json list = Json::array();
  for (const Section& section : host.sections) add(list, section);
  add(list, host.moment);
  return list;
}

}  // namespace

std::string to_json(const Report& report, const std::string& version) {
  Json hosts = Json::array(), between = Json::array();
  for (const HostReport& host : report.hosts) {
    hosts.push_back({{"host", host.host}, {"ranks", host.ranks}, {"findings", findings_of(host)}});
  }
  add(between, report.between);
  const Json document = {
      {"tutti", version}, {"worst", worst(report)}, {"hosts", hosts}, {"between_hosts", between}};
  return text_of(document, 2) + "\n";
}

std::string pack(const HostReport& report) { return text_of(nlohmann::json(report), -1); }

Result<HostReport> unpack(const std::string& packed) {
  const auto document = nlohmann::json::parse(packed, nullptr, false);
  try {
    return document.get<HostReport>();
  } catch (const nlohmann::json::exception& error) {
    return Status(Code::kMismatch, std::string("a host's report is not one: ") + error.what());
  }
}

}  // namespace tutti::cli::doctor
