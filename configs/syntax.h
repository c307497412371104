// SPDX-License-Identifier: Apache-2.0
#pragma once
// Finds every error of form in a text-format file, not only the first.
//
// protobuf's own parser stops at the first error and places some of them one token late. This
// goes over the tokens along the schema's descriptors first, reports each bad field where it
// stands, and hands on a text in which bad fields are blank, so that protobuf's parser can read
// the rest and the checks of meaning can run over it.

#include <google/protobuf/descriptor.h>

#include <set>
#include <string>

#include "configs/sink.h"

namespace summon::configs {

struct SyntaxOutcome {
  // The text with the same lines and columns, bad fields blanked out and missing braces added.
  std::string text;
  // Places of the messages that lost a field; {} is the file itself. What is missing in them may
  // have been there: it is not reported again.
  std::set<Place> damaged;
};

SyntaxOutcome CheckSyntax(const google::protobuf::Descriptor& root, Sink& sink);

}  // namespace summon::configs
