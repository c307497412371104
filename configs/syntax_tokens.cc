// SPDX-License-Identifier: Apache-2.0
// protobuf's tokenizer, with its columns turned into byte offsets.
#include "configs/syntax_tokens.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "base/strings.h"

namespace summon::configs {

namespace {

using google::protobuf::io::Tokenizer;

class TokenErrors final : public google::protobuf::io::ErrorCollector {
 public:
  explicit TokenErrors(Sink& sink) : sink_(sink) {}

  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    sink_.Error(sink_.source().FromProtobuf(line, column), message);
    ++count_;
  }
  int count() const { return count_; }

 private:
  Sink& sink_;
  int count_ = 0;
};

// Turns increasing (line, tab column) pairs into byte offsets in one pass over the text.
class OffsetFinder final {
 public:
  explicit OffsetFinder(std::string_view text) : text_(text) {}

  std::size_t Find(int line, int column) {
    while (offset_ < text_.size() && (line_ < line || (line_ == line && column_ < column))) {
      Advance(text_[offset_++]);
    }
    return offset_;
  }

 private:
  void Advance(char c) {
    constexpr int kTabWidth = 8;
    if (c == '\n') {
      ++line_;
      column_ = 0;
    } else if (c == '\t') {
      column_ += kTabWidth - column_ % kTabWidth;
    } else {
      ++column_;
    }
  }

  std::string_view text_;
  std::size_t offset_ = 0;
  int line_ = 0;
  int column_ = 0;
};

TokenKind KindOf(Tokenizer::TokenType type) {
  switch (type) {
    case Tokenizer::TYPE_IDENTIFIER: return TokenKind::kWord;
    case Tokenizer::TYPE_INTEGER: return TokenKind::kInteger;
    case Tokenizer::TYPE_FLOAT: return TokenKind::kFloat;
    case Tokenizer::TYPE_STRING: return TokenKind::kString;
    case Tokenizer::TYPE_END: return TokenKind::kEnd;
    default: return TokenKind::kSymbol;
  }
}

}  // namespace

std::vector<Token> Tokenize(Sink& sink) {
  const std::string_view text = sink.source().text();
  google::protobuf::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  TokenErrors errors(sink);
  Tokenizer tokenizer(&stream, &errors);
  tokenizer.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  tokenizer.set_allow_f_after_float(true);  // as TextFormat does
  OffsetFinder offsets(text);
  std::vector<Token> tokens;
  bool more = true;
  while (more) {
    const int errors_before = errors.count();
    more = tokenizer.Next();
    const Tokenizer::Token& current = tokenizer.current();
    Token token;
    token.kind = more ? KindOf(current.type) : TokenKind::kEnd;
    token.begin = more ? offsets.Find(current.line, current.column) : text.size();
    token.end = more ? offsets.Find(current.line, current.end_column) : text.size();
    token.text = text.substr(token.begin, token.end - token.begin);
    token.place = sink.source().AtOffset(current.line, token.begin);
    token.bad = errors.count() > errors_before;
    tokens.push_back(token);
  }
  return tokens;
}

}  // namespace summon::configs
