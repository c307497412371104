// SPDX-License-Identifier: Apache-2.0
// Who may have a zone, and how transfers share the loop; see the header.
#include "dns/transfer.h"

#include <utility>

#include "base/random.h"
#include "dns/authority.h"

namespace summon::dns {

namespace {

// RFC 1982 section 3.2: what the asker has is not earlier than what we have.
bool HasNewest(const Query& query, const Zone& zone) {
  constexpr std::uint32_t kHalf = 0x8000'0000;
  return query.held_serial && *query.held_serial - zone.soa.serial < kHalf;
}

}  // namespace

struct Transfers::Active {
  Query query;
  Responder responder;
  SharedTable table;
  TransferWriter writer;
  Instant ends;
  bool first = true;
};

Transfers::Transfers(Loop& loop, OnAnswer on_answer)
    : loop_(loop),
      on_answer_(std::move(on_answer)),
      key_(RandomSipKey()),
      permissions_(0, Name::Hasher{key_}),
      timer_(loop, [this] { Turn(); }) {}

Transfers::~Transfers() = default;

void Transfers::SetPermissions(const std::vector<Permission>& permissions) {
  permissions_.clear();
  for (const Permission& permission : permissions) {
    permissions_.insert_or_assign(permission.apex, permission.clients);
  }
}

Transfers::Verdict Transfers::Judge(const Query& query, const ZoneTable& table) const {
  const auto refuse = [](Rcode rcode, EdeCode code, std::string_view why) {
    return Verdict{nullptr, rcode, {code, why}};
  };
  if (query.rr_class != RrClass::kIn) {
    return refuse(Rcode::kRefused, EdeCode::kNotSupported, "only class IN is served");
  }
  const auto allowed = permissions_.find(query.name);
  if (allowed == permissions_.end() || !allowed->second.Contains(query.client)) {
    return refuse(Rcode::kRefused, EdeCode::kProhibited, "transfers are not allowed to you");
  }
  const Node* node = table.FindGlue(query.name);
  if (!node || !node->is_apex) {
    return refuse(Rcode::kNotAuth, EdeCode::kNotAuthoritative, "no zone of ours begins there");
  }
  if (node->zone->keys) {
    return refuse(Rcode::kRefused, EdeCode::kNotSupported, "signatures are made while answering");
  }
  if (query.type == RrType::kAxfr && !IsStream(query.transport)) {
    return refuse(Rcode::kRefused, EdeCode::kNotSupported, "ask over TCP");  // RFC 5936 section 4.2
  }
  return Verdict{node->zone, Rcode::kNoError, {}};
}

void Transfers::Refuse(const Query& query, Responder& responder, const Verdict& verdict) {
  std::array<std::uint8_t, kUdpSpace> space;
  const Response response = WriteError(query, {verdict.rcode, verdict.why}, space);
  on_answer_(query, response);
  (void)responder.Send(response);  // the asker may be gone
}

void Transfers::Handle(const Query& query, Responder responder, const SharedTable& table) {
  const Verdict verdict = Judge(query, *table);
  if (!verdict.zone) {
    ++counters_.refused;
    return Refuse(query, responder, verdict);
  }
  const Zone& zone = *verdict.zone;
  const bool is_ixfr = query.type == RrType::kIxfr;
  // Over UDP the SOA alone says whether to come back over TCP (RFC 1995 section 2).
  if (is_ixfr && (!IsStream(query.transport) || HasNewest(query, zone))) {
    std::array<std::uint8_t, kUdpSpace> space;
    ResponseWriter writer(space, query);
    writer.SetAuthoritative();
    const RecordSet* soa = table->FindGlue(zone.apex)->Find(RrType::kSoa);
    (void)writer.AddSet(Section::kAnswer, {zone.apex, RrType::kSoa, soa->ttl}, soa->rdatas());
    const Response response = writer.Finish();
    on_answer_(query, response);
    (void)responder.Send(response);  // the asker may be gone
    return;
  }
  if (active_.size() >= kTransfersMax) {
    ++counters_.busy;
    return Refuse(query, responder,
                  {nullptr, Rcode::kServFail, {EdeCode::kNotReady, "too many transfers; later"}});
  }
  Begin(query, std::move(responder), table, zone);
}

void Transfers::Begin(const Query& query, Responder responder, const SharedTable& table,
                      const Zone& zone) {
  ++counters_.started;
  space_.resize(kTcpSpace);
  active_.push_back({query, std::move(responder), table, TransferWriter(*table, zone),
                     loop_.Now() + kDurationMax});
  timer_.Set(loop_.Now());
}

std::optional<std::size_t> Transfers::Advance(Active& active) {
  const auto backlog = active.responder.Backlog();
  if (backlog && *backlog > kBacklogMax) return std::nullopt;
  const auto response = active.writer.Next(active.query, space_);
  if (!response) return 0;
  if (std::exchange(active.first, false)) on_answer_(active.query, *response);
  const SendOutcome outcome = active.responder.SendPart(*response);
  if (outcome == SendOutcome::kLost) active.ends = {};
  return response->bytes.size();
}

void Transfers::Turn() {
  const Instant now = loop_.Now();
  std::size_t written = 0;
  bool waits = true;  // everybody for their clients
  std::size_t left = active_.size();
  while (left-- > 0 && written < kTurnMax) {
    Active& active = active_.front();
    const auto count = now < active.ends ? Advance(active) : std::optional<std::size_t>(0);
    written += count.value_or(0);
    waits = waits && !count;
    const bool broken = active.writer.failed() || now >= active.ends;
    if (!broken && !active.writer.done()) {
      active_.splice(active_.end(), active_, active_.begin());  // to the end of the row
      continue;
    }
    counters_.records += active.writer.records();
    ++(broken ? counters_.broken : counters_.completed);
    if (!broken) active.responder.Finish();
    SharedTable table = std::move(active.table);
    active_.pop_front();  // a responder that was not finished tells that it was not
    Release(std::move(table));
  }
  if (active_.empty()) {
    std::vector<std::uint8_t>().swap(space_);
  } else {
    timer_.Set(waits ? now + kBacklogWait : now);
  }
}

void Transfers::Release(SharedTable table) {
  // Taking a large table apart takes long: on a pool thread, when we are the last that has it.
  auto last = std::make_shared<SharedTable>(std::move(table));
  if (last->use_count() == 1) loop_.Offload([last] { last->reset(); }, [] {});
}

}  // namespace summon::dns
