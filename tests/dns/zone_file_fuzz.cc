// SPDX-License-Identifier: Apache-2.0
// Zone files: whatever the text, the parser stays within bounds, every record that it gives is
// well-formed, and its data written as text reads back as the same octets.
#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "dns/rdata_text.h"
#include "dns/zone_file.h"

namespace {

using summon::Status;
using namespace summon::dns;

Status CheckRecord(const ZoneFileParser::Record& record) {
  SUMMON_CHECK(CheckRdata(record.type, record.rdata).ok());
  SUMMON_CHECK(record.ttl <= ZoneTable::Builder::kTtlMax);
  SUMMON_CHECK(record.rdata.size() <= 65'535);
  const std::string text = RdataToText(record.type, record.rdata);
  const auto again = RdataFromText(record.type, text, Name());
  // An entry is bounded; data of the largest size may be longer than that as quoted text.
  if (text.size() > EntryLexer::kEntryMax) return summon::Ok();
  SUMMON_CHECK(again.ok() && *again == record.rdata);
  return summon::Ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // SAFETY: char and uint8_t have the same representation.
  std::string_view text(reinterpret_cast<const char*>(data), size);
  ZoneFileProblems problems;
  ZoneFileParser::Hooks hooks;
  hooks.on_record = CheckRecord;
  ZoneFileParser parser({"fuzz.zone", Name::Parse("fuzz.test").value(), {}}, hooks, problems);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!parser.AddLine(text.substr(0, end))) break;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  parser.Finish();
  SUMMON_CHECK(problems.list().size() <= ZoneFileProblems::kProblemsMax);
  for (const ZoneFileProblem& problem : problems.list()) {
    SUMMON_CHECK(problem.place.line > 0 && problem.place.column > 0 && !problem.message.empty());
  }
  return 0;
}
