// SPDX-License-Identifier: Apache-2.0
// One pass over the tokens, descending along the descriptors.
#include "configs/syntax.h"

#include <google/protobuf/io/tokenizer.h>

#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/strings.h"
#include "configs/syntax_tokens.h"

namespace summon::configs {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

// A message being read: what its fields are, and where its own name stands.
struct Scope {
  const Descriptor& type;
  std::string name;  // as people call it: "service"
  Place place;
};

std::string DidYouMean(const std::string& name) { return StrCat("did you mean ", name, '?'); }

class SyntaxCheck final {
 public:
  SyntaxCheck(const Descriptor& root, Sink& sink)
      : root_(root), sink_(sink), tokens_(Tokenize(sink)), text_(sink.source().text()) {}

  SyntaxOutcome Run() {
    const Scope file{root_, "the file", {}};
    while (Now().kind != TokenKind::kEnd) {
      ReadFields(file, "");
      if (Now().kind == TokenKind::kEnd) break;
      // Only a closing brace ends the fields of the file early.
      sink_.Error(Now().place, StrCat("\"", Now().text, "\" closes nothing"),
                  "is there one too many, or a \"{\" missing above?");
      Blank(file, at_, at_ + 1);
      ++at_;
    }
    text_ += missing_closers_;
    return {std::move(text_), std::move(damaged_)};
  }

 private:
  const Token& Now() const { return tokens_[at_]; }
  bool IsSymbol(std::string_view symbol) const {
    return Now().kind == TokenKind::kSymbol && Now().text == symbol;
  }
  bool Accept(std::string_view symbol) {
    if (!IsSymbol(symbol)) return false;
    ++at_;
    return true;
  }
  std::string Found() const {
    return Now().kind == TokenKind::kEnd ? "the end of the file" : Quote(Now().text);
  }

  // Blanks tokens [from, to) and what lies before the first of them when that was bad itself.
  void Blank(const Scope& scope, std::size_t from, std::size_t to) {
    damaged_.insert(scope.place);
    if (from >= to) return;
    std::size_t begin = tokens_[from].begin;
    if (tokens_[from].bad) begin = from > 0 ? tokens_[from - 1].end : 0;
    for (std::size_t i = begin; i < tokens_[to - 1].end; ++i) {
      if (text_[i] != '\n') text_[i] = ' ';
    }
  }

  bool AnyBad(std::size_t from, std::size_t to) const {
    for (std::size_t i = from; i < to; ++i) {
      if (tokens_[i].bad) return true;
    }
    return false;
  }

  // Reads fields until `closer` (which stays), any closing brace, or the end.
  void ReadFields(const Scope& scope, std::string_view closer) {
    std::map<const FieldDescriptor*, Place> seen;
    while (Now().kind != TokenKind::kEnd && !IsSymbol("}") && !IsSymbol(">")) {
      if (!closer.empty() && IsSymbol(closer)) return;
      if (Now().kind == TokenKind::kWord) {
        ReadField(scope, seen);
      } else {
        SkipToField(scope);
      }
    }
    if (Now().kind == TokenKind::kEnd && Now().bad) Blank(scope, at_, at_ + 1);
  }

  // What stands here is no field's name: reports it and goes to where one may begin.
  void SkipToField(const Scope& scope) {
    const std::size_t begin = at_;
    if (!Now().bad) {
      sink_.Error(Now().place,
                  StrCat("a field of ", scope.name, " must begin here, not ", Found()));
    }
    do {
      SkipOne();
    } while (!AtEndOfFields() && Now().kind != TokenKind::kWord);
    Blank(scope, begin, at_);
  }

  bool AtEndOfFields() const {
    return Now().kind == TokenKind::kEnd || IsSymbol("}") || IsSymbol(">");
  }

  // Goes over one token, or over everything in braces or brackets.
  void SkipOne() {
    int depth = 0;
    do {
      if (IsSymbol("{") || IsSymbol("<") || IsSymbol("[")) ++depth;
      if (IsSymbol("}") || IsSymbol(">") || IsSymbol("]")) --depth;
      ++at_;
    } while (depth > 0 && Now().kind != TokenKind::kEnd);
  }

  // Goes over a value of unknown type.
  void SkipValue() {
    if (Accept(":")) (void)Accept("-");
    if (AtEndOfFields()) return;
    if (Now().kind == TokenKind::kString) {
      while (Now().kind == TokenKind::kString) ++at_;
    } else if (Now().kind != TokenKind::kWord || tokens_[at_ - 1].text == ":" ||
               tokens_[at_ - 1].text == "-") {
      SkipOne();
      // `field: {` and `field: name {` both end with the brace.
    }
    SkipSeparator();
  }

  void SkipSeparator() {
    if (!Accept(";")) (void)Accept(",");
  }

  void ReadField(const Scope& scope, std::map<const FieldDescriptor*, Place>& seen) {
    const std::size_t begin = at_;
    const Token name = Now();
    ++at_;
    const FieldDescriptor* field = scope.type.FindFieldByName(std::string(name.text));
    bool good = field != nullptr;
    if (!good) {
      if (!name.bad) ReportUnknownField(scope, name);
      SkipValue();
    } else {
      const auto [first, is_new] = seen.emplace(field, name.place);
      good = ReadValue(*field, scope, name);
      if (good && !is_new && !field->is_repeated()) {
        sink_.Error(name.place,
                    StrCat(field->name(), " of ", scope.name, " is given twice; first at ",
                           sink_.source().Describe(first->second)));
        good = false;
      }
      SkipSeparator();
    }
    // A message's own fields were blanked one by one.
    const bool scalar = field == nullptr || field->message_type() == nullptr;
    if (!good || (scalar && AnyBad(begin, at_))) Blank(scope, begin, at_);
  }

  bool ReadValue(const FieldDescriptor& field, const Scope& scope, const Token& name) {
    if (field.message_type() != nullptr) return ReadMessages(field, name);
    if (!Accept(":")) {
      sink_.Error(Now().place,
                  StrCat("after ", field.name(), " there must be \":\", not ", Found()));
      if (IsSymbol("{") || IsSymbol("<") || IsSymbol("[") || Now().place.line == name.place.line) {
        if (!AtEndOfFields()) SkipOne();
      }
      return false;
    }
    if (field.is_repeated() && Accept("[")) return ReadList(field, scope);
    return ReadScalar(field, scope);
  }

  bool ReadList(const FieldDescriptor& field, const Scope& scope) {
    bool good = true;
    if (Accept("]")) return true;
    while (true) {
      good = ReadScalar(field, scope) && good;
      if (Accept("]")) return good;
      if (!Accept(",")) {
        sink_.Error(Now().place, StrCat("in the list of ", field.name(),
                                        " there must be \",\" or \"]\", not ", Found()));
        while (!AtEndOfFields() && !IsSymbol("]")) ++at_;
        (void)Accept("]");
        return false;
      }
    }
  }

  bool ReadMessages(const FieldDescriptor& field, const Token& name) {
    (void)Accept(":");
    if (field.is_repeated() && Accept("[")) {
      bool good = true;
      while (good && !Accept("]")) {
        good = ReadMessage(field, name);
        (void)Accept(",");
      }
      return good;
    }
    return ReadMessage(field, name);
  }

  bool ReadMessage(const FieldDescriptor& field, const Token& name) {
    const std::string_view closer = IsSymbol("<") ? ">" : "}";
    const Token opener = Now();
    if (!Accept("{") && !Accept("<")) {
      sink_.Error(Now().place,
                  StrCat("after ", field.name(), " there must be \"{\", not ", Found()));
      if (Now().kind == TokenKind::kString || Now().kind == TokenKind::kInteger) SkipOne();
      return false;
    }
    const Scope scope{*field.message_type(), field.name(), name.place};
    ReadFields(scope, closer);  // as deep as the schema, which does not recurse
    if (Accept(closer)) return true;
    sink_.Error(opener.place, StrCat("the \"", opener.text, "\" of ", field.name(),
                                     " is never closed; found ", Found(), " instead"));
    if (Now().kind == TokenKind::kEnd) {
      damaged_.insert(scope.place);
      missing_closers_ += closer;
      return true;
    }
    ++at_;  // the wrong closer
    return false;
  }

  bool ReadScalar(const FieldDescriptor& field, const Scope& scope) {
    const Token first = Now();
    if (first.bad) {
      if (!AtEndOfFields()) SkipOne();
      return false;
    }
    if (AtEndOfFields()) {
      sink_.Error(first.place, StrCat(field.name(), " of ", scope.name, " has no value"));
      return false;
    }
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING: return ReadString(field);
      case FieldDescriptor::CPPTYPE_ENUM: return ReadEnum(field);
      case FieldDescriptor::CPPTYPE_BOOL: return ReadBool(field);
      case FieldDescriptor::CPPTYPE_UINT32:
        return ReadUnsigned(field, std::numeric_limits<std::uint32_t>::max());
      case FieldDescriptor::CPPTYPE_UINT64:
        return ReadUnsigned(field, std::numeric_limits<std::uint64_t>::max());
      default: break;
    }
    SUMMON_CHECK(!"the schema uses a type that this does not know");
    return false;
  }

  bool Mismatch(const FieldDescriptor& field, std::string_view wanted) {
    const Place place = Now().place;
    std::string found = IsSymbol("-") ? "-" : "";
    if (Accept("-") && AtEndOfFields())
      found = "\"-\"";
    else
      found += std::string(Now().text);
    sink_.Error(place, StrCat(field.name(), " is ", found, "; must be ", wanted));
    if (!AtEndOfFields()) SkipOne();
    return false;
  }

  bool ReadString(const FieldDescriptor& field) {
    if (Now().kind != TokenKind::kString) return Mismatch(field, "text in quotes");
    while (Now().kind == TokenKind::kString) ++at_;
    return true;
  }

  bool ReadBool(const FieldDescriptor& field) {
    for (const std::string_view word : {"true", "false", "True", "False", "t", "f", "0", "1"}) {
      if (Now().text == word) {
        ++at_;
        return true;
      }
    }
    return Mismatch(field, "true or false");
  }

  bool ReadUnsigned(const FieldDescriptor& field, std::uint64_t max) {
    std::uint64_t value = 0;
    const bool fits =
        Now().kind == TokenKind::kInteger &&
        google::protobuf::io::Tokenizer::ParseInteger(std::string(Now().text), max, &value);
    if (!fits) return Mismatch(field, StrCat("a whole number, 0..", max));
    ++at_;
    return true;
  }

  bool ReadEnum(const FieldDescriptor& field) {
    const EnumDescriptor& type = *field.enum_type();
    if (Now().kind == TokenKind::kWord &&
        type.FindValueByName(std::string(Now().text)) != nullptr) {
      ++at_;
      return true;
    }
    std::vector<std::string> names;
    std::string all;
    for (int i = 0; i < type.value_count(); ++i) {
      names.push_back(type.value(i)->name());
      all += StrCat(i == 0 ? "" : ", ", type.value(i)->name());
    }
    // Values are upper case: a lower-case or quoted one is the likeliest mistake.
    std::string given(Now().text);
    if (Now().kind == TokenKind::kString) given = given.substr(1, given.size() - 2);
    for (char& c : given) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    const auto nearest = NearestName(given, names);
    sink_.Error(Now().place, StrCat(field.name(), " is ", Now().text, "; must be one of ", all),
                nearest ? DidYouMean(*nearest) : "");
    (void)Accept("-");
    if (!AtEndOfFields()) SkipOne();
    return false;
  }

  // The message that has a field of this name, when it is not the present one.
  const Descriptor* OwnerElsewhere(const std::string& name) const {
    for (int i = 0; i < root_.file()->message_type_count(); ++i) {
      const Descriptor* type = root_.file()->message_type(i);
      if (type->FindFieldByName(name) != nullptr) return type;
    }
    return nullptr;
  }

  void ReportUnknownField(const Scope& scope, const Token& name) {
    std::vector<std::string> names;
    std::string all;
    for (int i = 0; i < scope.type.field_count(); ++i) {
      names.push_back(scope.type.field(i)->name());
      all += StrCat(i == 0 ? "" : ", ", scope.type.field(i)->name());
    }
    const std::string given(name.text);
    std::string hint = StrCat("fields of ", scope.name, ": ", all);
    if (const auto nearest = NearestName(ToLower(given), names)) {
      hint = DidYouMean(Quote(*nearest));
    } else if (const Descriptor* owner = OwnerElsewhere(given); owner == &root_) {
      hint = "this belongs to the file itself: is a \"}\" missing above?";
    } else if (owner != nullptr) {
      hint = StrCat("this belongs in ", ToLower(owner->name()));
    }
    sink_.Error(name.place, StrCat("unknown field ", Quote(given), " in ", scope.name), hint);
  }

  const Descriptor& root_;
  Sink& sink_;
  const std::vector<Token> tokens_;
  std::string text_;
  std::set<Place> damaged_;
  std::string missing_closers_;
  std::size_t at_ = 0;
};

}  // namespace

SyntaxOutcome CheckSyntax(const Descriptor& root, Sink& sink) {
  return SyntaxCheck(root, sink).Run();
}

}  // namespace summon::configs
