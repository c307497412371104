// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokens of a text-format file with their places in bytes.

#include <cstddef>
#include <string_view>
#include <vector>

#include "configs/sink.h"

namespace summon::configs {

enum class TokenKind { kWord, kInteger, kFloat, kString, kSymbol, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // as it stands in the source
  std::size_t begin = 0;  // byte offsets
  std::size_t end = 0;
  Place place;
  bool bad = false;  // an error was already reported in it or just before it
};

// Never empty: the last token is kEnd. Errors (an unterminated string, a stray byte) go to `sink`.
std::vector<Token> Tokenize(Sink& sink);

}  // namespace summon::configs
