// SPDX-License-Identifier: Apache-2.0
#pragma once
// One parsed message together with the places of its fields, for checks of meaning.
//
// Fields are named by the text that stands in the schema; a name that does not exist there is a
// bug of ours and fails a check in the first test that gets there.

#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <cstdint>
#include <set>
#include <string>

#include "configs/sink.h"

namespace summon::configs {

using ParseInfoTree = google::protobuf::TextFormat::ParseInfoTree;

// Both ends belong to the range.
struct Range {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};

// What every check needs. Everything is borrowed for the time of one load.
struct CheckContext {
  Sink& sink;
  const std::set<Place>& damaged;  // messages that lost a field to an error of form
  const LoadOptions& options;
  std::string folder;  // where relative paths begin; absolute
};

class Node final {
 public:
  // `label` begins every message: `service "hello"`; empty for the file itself.
  Node(const google::protobuf::Message& message, const ParseInfoTree* tree, Place place,
       std::string label, const CheckContext& context)
      : message_(message),
        tree_(tree),
        place_(place),
        label_(std::move(label)),
        context_(context) {}

  // The message in `field`; for one that is not in the text, places are this message's own.
  Node Nested(const google::protobuf::Message& message, const char* field, int index,
              std::string label) const;

  Place place() const { return place_; }
  const std::string& label() const { return label_; }
  const CheckContext& context() const { return context_; }
  void set_label(std::string label) { label_ = std::move(label); }
  // Where `field` stands (`index` -1 when it is not repeated), else where the message begins.
  Place At(const char* field, int index = -1) const;
  bool Has(const char* field) const;
  // True when an error of form took a field away: what is missing may have been there.
  bool damaged() const { return context_.damaged.contains(place_); }

  // Reports `message` at `field`, with the label before it.
  void Error(const char* field, int index, const std::string& message,
             const std::string& hint = {}) const;
  void Warning(const char* field, int index, const std::string& message,
               const std::string& hint = {}) const;
  // Reports that `field` is missing, unless the message is damaged. Returns false.
  bool Missing(const char* field) const;

  // The number in `field` when it lies in `range`, else reports it and gives range.min.
  std::uint64_t Number(const char* field, Range range) const;

 private:
  const google::protobuf::FieldDescriptor& Field(const char* name) const;
  std::string Labelled(const std::string& message) const;

  const google::protobuf::Message& message_;
  const ParseInfoTree* tree_;
  Place place_;
  std::string label_;
  const CheckContext& context_;
};

}  // namespace summon::configs
