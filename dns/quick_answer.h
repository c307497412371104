// SPDX-License-Identifier: Apache-2.0
#pragma once
// Answers that were prepared with the table: the records of the question's own name as they lie
// there, or the zone's SOA to say that there are none. Nearly every answer is one of these.
//
// They say what the answer by plan (dns/authority.cc) says; only names inside of records may be
// compressed otherwise.

#include <cstdint>
#include <optional>
#include <span>

#include "dns/authority.h"
#include "dns/message.h"
#include "dns/response.h"
#include "dns/zone.h"

namespace summon::dns {

// Nothing when the answer needs thought: an alias, a delegation, signatures, names in the data that
// have to be compressed, ANY, or more than there is room for. `lookup` is that of the question.
std::optional<Response> WriteQuickly(const Lookup& lookup, const Query& query,
                                     const AnswerOptions& options,
                                     std::span<std::uint8_t> space);

}  // namespace summon::dns
