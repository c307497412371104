// SPDX-License-Identifier: Apache-2.0
#pragma once
// Record data as text, both ways: the presentation formats of the RFCs that dns/rdata_form.cc
// lists, and RFC 3597's "\# length hex" for everything.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dns/presentation.h"
#include "dns/rdata.h"

namespace summon::dns {

enum class Field : std::uint8_t;  // dns/rdata_form.h

class RdataParser {
 public:
  // Both are borrowed. Names without a dot at their end are below `origin`.
  RdataParser(std::span<const Token> tokens, const Name& origin)
      : tokens_(tokens), origin_(origin) {}

  // The data that all of the tokens stand for, in place of what `out` holds.
  // Errors: kInvalid, saying what is wrong with the token at() and how to mend it.
  Status Parse(RrType type, Rdata& out);

  // Which token the error is about; the number of tokens when something is missing at the end.
  std::size_t at() const { return at_; }

 private:
  bool more() const { return at_ < tokens_.size(); }
  Result<Token> Next(std::string_view what);
  Status ReadField(RrType type, Field field, Rdata& out);
  Status ReadNumber(std::uint64_t max, Rdata& out);
  Status ReadPeriod(Rdata& out);
  Status ReadTime(Rdata& out);
  Status ReadString(Rdata& out);
  Status ReadTag(Rdata& out);
  Status ReadText(Rdata& out);
  Status ReadBinary(Field field, Rdata& out);
  Status ReadTypes(Rdata& out);
  Status ReadGeneric(RrType type, Rdata& out);

  std::span<const Token> tokens_;
  const Name& origin_;
  std::size_t at_ = 0;
};

// `text` as data of `type`, names completed with `origin`. Errors: kInvalid, with the cause.
Result<Rdata> RdataFromText(RrType type, std::string_view text, const Name& origin);

// As RdataFromText reads it back, names complete. Data that is malformed for its type, and of
// types that have no form, is written by RFC 3597.
std::string RdataToText(RrType type, Bytes rdata);

}  // namespace summon::dns
