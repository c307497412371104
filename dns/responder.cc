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

SendOutcome Responder::SendPart(const Response& response) {
  SUMMON_CHECK(!link_.empty());
  if (!link_.path()) return SendOutcome::kLost;
  return link_.path()->SendPart(to_, response);
}

std::optional<std::size_t> Responder::Backlog() const {
  SUMMON_CHECK(!link_.empty());
  if (!link_.path()) return std::nullopt;
  return link_.path()->Backlog(to_);
}

void Responder::Finish() {
  SUMMON_CHECK(!link_.empty());
  const ReplyLink link = std::exchange(link_, {});
  if (link.path()) link.path()->FinishReply(to_);
}

void Responder::Abandon() {
  const ReplyLink link = std::exchange(link_, {});
  if (!link.empty() && link.path()) link.path()->AbandonReply(to_);
}

}  // namespace summon::dns
