// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a zone file's text is read as, for tests.

#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "dns/rdata_text.h"
#include "dns/zone_file.h"

namespace summon::dns::test {

struct ReadZone {
  std::vector<std::string> records;   // "owner ttl type data"
  std::vector<std::string> problems;  // "line:column: message"

  // All records, one a line.
  std::string Text() const {
    std::string out;
    for (const std::string& record : records) out += record + "\n";
    return out;
  }
  // The first problem, or "none".
  std::string Problem() const { return problems.empty() ? "none" : problems.front(); }
};

// The file is called "f", its origin is example.org.
inline ReadZone ReadZoneText(std::string_view text) {
  ReadZone zone;
  ZoneFileProblems problems;
  ZoneFileParser::Hooks hooks;
  hooks.on_record = [&zone](const ZoneFileParser::Record& record) {
    zone.records.push_back(StrCat(record.owner.ToText(), ' ', record.ttl, ' ',
                                  TypeText(record.type), ' ',
                                  RdataToText(record.type, record.rdata)));
    return Ok();
  };
  ZoneFileParser parser({"f", Name::Parse("example.org").value(), {}}, hooks, problems);
  for (const std::string_view line : Split(text, '\n')) {
    if (!parser.AddLine(line)) break;
  }
  parser.Finish();
  for (const ZoneFileProblem& problem : problems.list()) {
    zone.problems.push_back(problem.ToString().substr(2));
  }
  return zone;
}

}  // namespace summon::dns::test
