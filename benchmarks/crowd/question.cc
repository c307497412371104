// SPDX-License-Identifier: Apache-2.0
// The C library's own resolver does the coding: it shares nothing with the server that is measured.
#include "benchmarks/crowd/question.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>

#include <cstring>

#include "base/check.h"

namespace summon::benchmarks {

std::vector<std::uint8_t> MakeQuestion(const std::string& name, std::uint16_t id) {
  std::vector<std::uint8_t> query(NS_PACKETSZ);
  const int size = res_mkquery(ns_o_query, name.c_str(), ns_c_in, ns_t_a, nullptr, 0, nullptr,
                               query.data(), static_cast<int>(query.size()));
  SUMMON_CHECK(size > 0);  // our own names are short and well formed
  query.resize(static_cast<std::size_t>(size));
  query[0] = static_cast<std::uint8_t>(id >> 8);
  query[1] = static_cast<std::uint8_t>(id);
  return query;
}

std::optional<Answer> ReadAnswer(Bytes bytes) {
  ns_msg message;
  if (ns_initparse(bytes.data(), static_cast<int>(bytes.size()), &message) != 0) {
    return std::nullopt;
  }
  if (ns_msg_getflag(message, ns_f_qr) == 0) return std::nullopt;
  Answer answer{.id = static_cast<std::uint16_t>(ns_msg_id(message)),
                .rcode = static_cast<int>(ns_msg_getflag(message, ns_f_rcode)),
                .address = std::nullopt};
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record;
    if (ns_parserr(&message, ns_s_an, i, &record) != 0) return std::nullopt;
    if (ns_rr_type(record) != ns_t_a || ns_rr_rdlen(record) != sizeof(in_addr)) continue;
    answer.address.emplace();
    // SAFETY: the record was just seen to hold exactly four bytes.
    std::memcpy(&*answer.address, ns_rr_rdata(record), sizeof(in_addr));
    break;
  }
  return answer;
}

}  // namespace summon::benchmarks
