// SPDX-License-Identifier: Apache-2.0
// Places of fields by protobuf's ParseInfoTree.
#include "configs/node.h"

#include "base/check.h"
#include "base/strings.h"

namespace summon::configs {

using google::protobuf::FieldDescriptor;

const FieldDescriptor& Node::Field(const char* name) const {
  const FieldDescriptor* field = message_.GetDescriptor()->FindFieldByName(name);
  SUMMON_CHECK(field != nullptr);
  return *field;
}

Node Node::Nested(const google::protobuf::Message& message, const char* field, int index,
                  std::string label) const {
  const FieldDescriptor& descriptor = Field(field);
  const ParseInfoTree* nested =
      tree_ == nullptr ? nullptr : tree_->GetTreeForNested(&descriptor, index);
  return Node(message, nested, At(field, index), std::move(label), context_);
}

Place Node::At(const char* field, int index) const {
  if (tree_ == nullptr) return place_;
  const auto location = tree_->GetLocation(&Field(field), index);
  if (location.line < 0) return place_;
  return context_.sink.source().FromProtobuf(location.line, location.column);
}

bool Node::Has(const char* field) const {
  return message_.GetReflection()->HasField(message_, &Field(field));
}

std::string Node::Labelled(const std::string& message) const {
  return label_.empty() ? message : StrCat(label_, ": ", message);
}

void Node::Error(const char* field, int index, const std::string& message,
                 const std::string& hint) const {
  context_.sink.Error(At(field, index), Labelled(message), hint);
}

void Node::Warning(const char* field, int index, const std::string& message,
                   const std::string& hint) const {
  context_.sink.Warning(At(field, index), Labelled(message), hint);
}

bool Node::Missing(const char* field) const {
  if (!damaged()) context_.sink.Error(place_, Labelled(StrCat(field, " is missing")));
  return false;
}

std::uint64_t Node::Number(const char* field, Range range) const {
  const FieldDescriptor& descriptor = Field(field);
  const auto* reflection = message_.GetReflection();
  const std::uint64_t value = descriptor.cpp_type() == FieldDescriptor::CPPTYPE_UINT64
                                  ? reflection->GetUInt64(message_, &descriptor)
                                  : reflection->GetUInt32(message_, &descriptor);
  if (value >= range.min && value <= range.max) return value;
  Error(field, -1, StrCat(field, " is ", value, "; must be ", range.min, "..", range.max));
  return range.min;
}

}  // namespace summon::configs
