// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads zone files ("master files", RFC 1035 section 5): lines in, one record after the other out.
//
// Pure: no I/O; nothing is kept but the entry that is being read, so a file of any length needs the
// memory of one record. What is wrong is collected with its place, and reading goes on behind it.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/name.h"
#include "dns/presentation.h"
#include "dns/rdata_text.h"
#include "dns/zone.h"

namespace summon::dns {

struct ZoneFileProblem {
  std::string file;
  TextPlace place;  // line 0: the file as a whole
  std::string message;

  // "file:line:column: message".
  std::string ToString() const;
};

// What was found wrong, bounded.
class ZoneFileProblems {
 public:
  static constexpr std::size_t kProblemsMax = 20;

  void Add(ZoneFileProblem problem);
  bool empty() const { return list_.empty(); }
  // Nothing that is added would be shown any more: reading may stop.
  bool full() const { return list_.size() >= kProblemsMax; }
  const std::vector<ZoneFileProblem>& list() const { return list_; }

 private:
  std::vector<ZoneFileProblem> list_;
};

// What an $INCLUDE asks for.
struct ZoneFileInclude {
  std::string path;  // as it stands in the file
  Name origin;
  std::optional<std::uint32_t> default_ttl;  // of $TTL, so far
};

class ZoneFileParser {
 public:
  using Record = ZoneTable::Builder::Record;

  // An error that they return is reported at the entry. `on_include` may be empty: then $INCLUDE is
  // an error.
  struct Hooks {
    std::function<Status(const Record& record)> on_record;
    std::function<Status(const ZoneFileInclude& include)> on_include;
  };
  struct Start {
    std::string file;  // what messages call it
    Name origin;
    std::optional<std::uint32_t> default_ttl;
  };

  // `hooks` and `problems` outlive it.
  ZoneFileParser(Start start, const Hooks& hooks, ZoneFileProblems& problems);

  // One line without its newline. False when reading may stop, because too much is wrong.
  bool AddLine(std::string_view line);
  // The file ends here.
  void Finish();

 private:
  // A problem with the word at `token`, or at the end of the entry.
  void Report(std::size_t token, std::string message);
  void ReportAt(TextPlace place, std::string message);
  void ReadEntry();
  void ReadDirective();
  void ReadInclude();
  void ReadRecord();
  // Reads owner, TTL, class and type; the number of words they take, or nothing after a report.
  std::optional<std::size_t> ReadHead();
  bool ReadOwner();
  bool ReadTtlOrClass(std::size_t at, bool& found);
  bool CompleteTtl(std::size_t at);

  const std::string file_;
  const Hooks& hooks_;
  ZoneFileProblems& problems_;
  EntryLexer lexer_;
  bool open_ = false;     // an entry is not complete
  bool skipping_ = false;  // too much is wrong
  Name origin_;
  std::optional<std::uint32_t> default_ttl_;  // $TTL
  std::optional<std::uint32_t> last_ttl_;     // of the record before (RFC 1035 section 5.1)
  bool has_owner_ = false;                    // record_.owner is the last one
  bool has_class_ = false;
  std::optional<std::uint32_t> ttl_;          // of this record
  Record record_;
};

}  // namespace summon::dns
