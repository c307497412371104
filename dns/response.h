// SPDX-License-Identifier: Apache-2.0
#pragma once
// Writing answers: header, question, three sections of records, EDNS, with name compression and
// truncation at the size that the asker can take.
//
// Writes into space of the caller; no allocation.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "dns/message.h"
#include "dns/name.h"
#include "dns/types.h"

namespace summon::dns {

// A finished answer, in the space that the writer was given.
struct Response {
  Bytes bytes;
  Rcode rcode = Rcode::kNoError;
  bool truncated = false;
  std::size_t opt_size = 0;  // of the OPT record at its end; 0: it has none
  // Which name or zone it is about, for rate limiting: any number that is the same for the same
  // one (names that a wildcard makes are one); 0: all alike.
  std::uint64_t subject = 0;
};

enum class Section : std::uint8_t { kAnswer, kAuthority, kAdditional };

// The owner, type and lifetime that the records of one set share.
struct RecordHead {
  const Name& owner;
  RrType type;
  std::uint32_t ttl;
  RrClass rr_class = RrClass::kIn;
};

class ResponseWriter {
 public:
  // An answer to `query` (borrowed until Finish). It ends at ResponseLimit(query) or at the end of
  // `space`, whichever comes first; `space` must have at least kUdpSizeMin octets.
  // Repeats id, opcode, RD and the question; RA, AD and CD stay 0 (RFC 4035 section 3.1.6).
  ResponseWriter(std::span<std::uint8_t> space, const Query& query);
  // The answer to a message that was rejected, with as much of its question as was read.
  ResponseWriter(std::span<std::uint8_t> space, const Rejection& rejection);

  ResponseWriter(const ResponseWriter&) = delete;
  ResponseWriter& operator=(const ResponseWriter&) = delete;

  void SetRcode(Rcode rcode) { rcode_ = rcode; }
  void SetAuthoritative() { authoritative_ = true; }
  // RA, and with it CD as the query had it (RFC 4035 section 3.2.2).
  void SetRecursionAvailable() { recursion_available_ = true; }
  void SetAuthenticData() { authentic_data_ = true; }
  // Nothing is added any more; what was added before stays.
  void SetTruncated() { truncated_ = true; }
  // For a query that is compact_ok() only.
  void SetCompact() { compact_ = true; }
  // Only the last one counts; without EDNS in the query it is not sent.
  void SetExtendedError(const ExtendedError& error) { extended_error_ = error; }

  // Adds one record set; sections in order. A set that does not fit is left out whole: in the
  // additional section silently, else TC is set and nothing more is added (RFC 2181 section 9).
  // False when it was left out. Names inside the data of the types of RFC 1035 are compressed.
  // `rdatas` is any range of Bytes-like values.
  template <typename Rdatas>
  bool AddSet(Section section, const RecordHead& head, const Rdatas& rdatas) {
    if (!BeginSet(section)) return false;
    for (const auto& rdata : rdatas) {
      if (!AddRecord(head, Bytes(rdata.data(), rdata.size()))) return AbandonSet(section);
    }
    return true;
  }
  bool Add(Section section, const RecordHead& head, Bytes rdata) {
    return AddSet(section, head, std::span<const Bytes>(&rdata, 1));
  }

  // Records of the answer and authority sections, as octets that stood right behind the same
  // question in another message: pointers among them lead where they led. To be added first and
  // alone. When they do not fit, all are left out and TC is set; false then.
  struct Prepared {
    Bytes records;
    std::uint16_t answers = 0;
    std::uint16_t authorities = 0;
  };
  bool AddPrepared(const Prepared& prepared);
  // Where they stand in the space of this answer, for changes to what has a fixed size.
  std::span<std::uint8_t> prepared_space() { return prepared_; }

  // Writes OPT, with all that the query and its `reply` say, and the header. Call once, last.
  Response Finish();

 private:
  // Names whose place is remembered for compression. More are written but not pointed at.
  static constexpr std::size_t kPlacesMax = 48;

  void Begin(const Query& query, std::uint8_t opcode, bool with_question);
  bool WriteQuestionName(Bytes wire);
  bool BeginSet(Section section);
  bool AbandonSet(Section section);
  bool AddRecord(const RecordHead& head, Bytes rdata);
  bool WriteRdata(RrType type, Bytes rdata);
  bool WriteName(Bytes wire);
  bool MatchesAt(std::size_t at, Bytes wire) const;
  std::optional<std::uint16_t> FindPlace(Bytes wire) const;
  std::size_t WriteOpt();  // returns its size
  void WriteHeader();

  std::span<std::uint8_t> space_;  // all that the answer may use
  ByteWriter writer_;              // all but what OPT needs
  const Query& query_;
  std::uint8_t opcode_ = 0;
  bool has_question_ = true;
  Rcode rcode_ = Rcode::kNoError;
  bool authoritative_ = false;
  bool recursion_available_ = false;
  bool authentic_data_ = false;
  bool truncated_ = false;
  std::span<std::uint8_t> prepared_;
  bool compact_ = false;
  std::optional<ExtendedError> extended_error_;
  std::array<std::uint16_t, 3> counts_{};

  std::array<std::uint16_t, kPlacesMax> places_{};
  std::size_t place_count_ = 0;

  // Where the set that is being written began.
  std::size_t set_position_ = 0;
  std::size_t set_places_ = 0;
  std::size_t section_index_ = 0;
  std::uint16_t set_count_ = 0;
};

}  // namespace summon::dns
