// SPDX-License-Identifier: Apache-2.0
// Answering once, or telling that it never happened.
#include "dns/responder.h"

#include <utility>

#include "base/check.h"

namespace summon::dns {

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    Abandon();
    link_ = std::move(other.link_);
    to_ = other.to_;
  }
  return *this;
}

Responder::~Responder() { Abandon(); }

SendOutcome Responder::Send(const Response& response) {
  SUMMON_CHECK(!link_.empty());
  const ReplyLink link = std::exchange(link_, {});
  if (!link.path()) return SendOutcome::kLost;
  return link.path()->SendReply(to_, response);
}

void Responder::Abandon() {
  const ReplyLink link = std::exchange(link_, {});
  if (!link.empty() && link.path()) link.path()->AbandonReply(to_);
}

}  // namespace summon::dns
