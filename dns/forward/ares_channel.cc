// SPDX-License-Identifier: Apache-2.0
// The only place that knows c-ares. Written for 1.18: later versions go another way through their
// servers, but call the same functions.
#include "dns/forward/ares_channel.h"

#include <ares.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/strings.h"

namespace summon::dns::forward {

namespace {

// Numbers of sockets that no kernel gives.
constexpr int kVirtualFirst = 0x4000'0000;

constexpr std::uint16_t kFlagsDone = 0x8180;       // QR, RD, RA; NOERROR
constexpr std::uint16_t kFlagTruncated = 0x0200;

Error AresError(std::string_view doing, int status) {
  const ErrorCode code = status == ARES_ENOMEM ? ErrorCode::kExhausted : ErrorCode::kIo;
  return Error(code, StrCat(doing, ": ", ares_strerror(status)));
}

std::size_t IdOf(Bytes message) { return static_cast<std::size_t>(message[0]) << 8 | message[1]; }

}  // namespace

// The functions that c-ares calls instead of the system's, and the callback of a question.
struct AresChannel::Hooks {
  static AresChannel& Self(void* data) { return *static_cast<AresChannel*>(data); }

  static ares_socket_t Open(int family, int type, int protocol, void* data) {
    AresChannel& self = Self(data);
    if (type == SOCK_DGRAM) {
      VirtualSocket made;
      made.number = self.next_virtual_++;
      if (self.next_virtual_ < kVirtualFirst) self.next_virtual_ = kVirtualFirst;  // wrapped round
      self.virtual_.push_back(std::move(made));
      return self.virtual_.back().number;
    }
    UniqueFd fd(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (!fd.valid()) return ARES_SOCKET_BAD;
    const int on = 1;
    (void)setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // only costs time
    const int number = fd.get();
    self.tcp_[number].fd = std::move(fd);
    return number;
  }

  static int Close(ares_socket_t number, void* data) {
    AresChannel& self = Self(data);
    self.tcp_.erase(number);
    std::erase_if(self.virtual_, [number](const VirtualSocket& one) {
      return one.number == number;
    });
    return 0;
  }

  static int Connect(ares_socket_t number, const sockaddr* address, ares_socklen_t size,
                     void* data) {
    AresChannel& self = Self(data);
    SocketAddress peer;
    std::memcpy(&peer.storage, address, size);
    peer.size = size;
    const std::size_t upstream = self.UpstreamAt(*peer.ToEndpoint());
    if (VirtualSocket* socket = Find(self, number)) {
      socket->upstream = upstream;
      socket->connected = true;
      return 0;
    }
    // With the interface of a link-local address, which c-ares does not know.
    const SocketAddress whole(self.upstreams_[upstream].endpoint());
    return connect(number, whole.get(), whole.size);
  }

  static ares_ssize_t Receive(ares_socket_t number, void* space, size_t size, int flags,
                              sockaddr* from, ares_socklen_t* from_size, void* data) {
    AresChannel& self = Self(data);
    VirtualSocket* socket = Find(self, number);
    if (socket == nullptr) return recv(number, space, size, flags);
    if (socket->inbox.empty()) {
      errno = EAGAIN;
      return -1;
    }
    const std::size_t count = std::min(size, socket->inbox.size());
    std::memcpy(space, socket->inbox.data(), count);
    socket->inbox.clear();
    if (from != nullptr) {
      const SocketAddress peer(self.upstreams_[socket->upstream].endpoint());
      const auto room = std::min<ares_socklen_t>(*from_size, peer.size);
      std::memcpy(from, peer.get(), room);
      *from_size = room;
    }
    return static_cast<ares_ssize_t>(count);
  }

  static ares_ssize_t Send(ares_socket_t number, const iovec* parts, int count, void* data) {
    AresChannel& self = Self(data);
    VirtualSocket* socket = Find(self, number);
    if (socket == nullptr) return writev(number, parts, count);
    SUMMON_CHECK(count == 1);
    const Bytes packet(static_cast<const std::uint8_t*>(parts[0].iov_base), parts[0].iov_len);
    if (!self.SendUdp(socket->upstream, packet)) {
      errno = EHOSTUNREACH;
      return -1;
    }
    return static_cast<ares_ssize_t>(packet.size());
  }

  // What to wait for on a socket; the virtual ones are never waited for.
  static void OnState(void* data, ares_socket_t number, int readable, int writable) {
    AresChannel& self = Self(data);
    const auto found = self.tcp_.find(number);
    if (found == self.tcp_.end()) return;
    TcpSocket& socket = found->second;
    if (readable == 0 && writable == 0) {
      socket.watcher.reset();
      return;
    }
    if (!socket.watcher) {
      auto watcher = FdWatcher::Create(
          self.loop_, number,
          [&self, number](FdWatcher::Ready ready) { self.OnTcpReady(number, ready); });
      if (!watcher.ok()) return;  // its questions time out
      socket.watcher = std::move(watcher).value();
    }
    socket.watcher->Watch(writable != 0 ? FdWatcher::Interest::kReadWrite
                                        : FdWatcher::Interest::kRead);
  }

  struct CallbackArgument {
    AresChannel* self;
    std::size_t slot;
  };
  static void OnEnded(void* argument, int status, int, unsigned char* message, int size) {
    const std::unique_ptr<CallbackArgument> call(static_cast<CallbackArgument*>(argument));
    const Bytes bytes = message != nullptr && size > 0
                            ? Bytes(message, static_cast<std::size_t>(size))
                            : Bytes();
    call->self->OnEnded(call->slot, status, bytes);
  }

  static VirtualSocket* Find(AresChannel& self, int number) {
    if (number < kVirtualFirst) return nullptr;
    for (VirtualSocket& one : self.virtual_) {
      if (one.number == number) return &one;
    }
    return nullptr;
  }

  static constexpr ares_socket_functions kFunctions = {Open, Close, Connect, Receive, Send};
};

AresChannel::AresChannel(Loop& loop, const Options& options, Random& random, Counters& counters,
                         AskerClient& client)
    : loop_(loop),
      options_(options),
      random_(random),
      counters_(counters),
      client_(client),
      next_virtual_(kVirtualFirst),
      timer_(loop, [this] { Tick(); }) {
  for (const Endpoint& endpoint : options.upstreams) upstreams_.emplace_back(endpoint);
}

Result<std::unique_ptr<AresChannel>> AresChannel::Create(Loop& loop, const Options& options,
                                                         Random& random, Counters& counters,
                                                         AskerClient& client) {
  SUMMON_CHECK(!options.upstreams.empty() && options.upstreams.size() <= kUpstreamsMax);
  SUMMON_CHECK(options.slots_max <= 65'535);
  std::unique_ptr<AresChannel> made(new AresChannel(loop, options, random, counters, client));
  SUMMON_TRY(made->Open());
  return made;
}

Status AresChannel::Open() {
  if (const int status = ares_library_init(ARES_LIB_INIT_ALL); status != ARES_SUCCESS) {
    return AresError("start c-ares", status);
  }
  ares_options wanted{};
  // NOALIASES and lookups "b": no file is read. EDNS: replies of up to ednspsz octets are taken.
  wanted.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
  wanted.ednspsz = kUpstreamUdpSize;
  wanted.timeout = static_cast<int>(kPatience.count());
  wanted.tries = kTries;
  wanted.ndots = 1;
  char lookups[] = "b";
  wanted.lookups = lookups;
  wanted.sock_state_cb = Hooks::OnState;
  wanted.sock_state_cb_data = this;
  const int mask = ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                   ARES_OPT_NDOTS | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_SERVERS |
                   ARES_OPT_DOMAINS | ARES_OPT_SORTLIST;
  if (const int status = ares_init_options(&channel_, &wanted, mask); status != ARES_SUCCESS) {
    channel_ = nullptr;
    return AresError("start c-ares", status);
  }
  // A single server is listed twice: c-ares doubles its patience after each round through the
  // list, and would ask only at 0 and 0.8 s of the 1.9 s that there are.
  std::vector<Endpoint> servers = options_.upstreams;
  if (servers.size() == 1) servers.push_back(servers.front());
  std::vector<ares_addr_port_node> nodes(servers.size());
  for (std::size_t i = 0; i < servers.size(); ++i) {
    ares_addr_port_node& node = nodes[i];
    node.next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
    const bool is_ipv4 = servers[i].family == Endpoint::Family::kIpv4;
    node.family = is_ipv4 ? AF_INET : AF_INET6;
    std::memcpy(&node.addr, servers[i].octets.data(), is_ipv4 ? 4 : 16);
    node.udp_port = node.tcp_port = servers[i].port;
  }
  if (const int status = ares_set_servers_ports(channel_, nodes.data()); status != ARES_SUCCESS) {
    return AresError("give c-ares its servers", status);
  }
  ares_set_socket_functions(channel_, &Hooks::kFunctions, this);
  return Ok();
}

AresChannel::~AresChannel() {
  closing_ = true;
  if (channel_ != nullptr) ares_destroy(channel_);  // ends all questions, closes all sockets
  ares_library_cleanup();                           // counted there: once for each Open
}

std::size_t AresChannel::UpstreamAt(const Endpoint& endpoint) const {
  // Without the scope, which c-ares does not know.
  for (std::size_t i = 0; i < upstreams_.size(); ++i) {
    const Endpoint& one = upstreams_[i].endpoint();
    if (one.family == endpoint.family && one.octets == endpoint.octets &&
        one.port == endpoint.port) {
      return i;
    }
  }
  SUMMON_CHECK(!"a server that c-ares was not given");
  return 0;
}

bool AresChannel::IsUpstream(const Endpoint& address) const {
  return std::any_of(options_.upstreams.begin(), options_.upstreams.end(),
                     [&address](const Endpoint& one) {
                       return one.family == address.family && one.octets == address.octets;
                     });
}

bool AresChannel::IsOurs(Ticket ticket, const Name& name) const {
  const auto found = tickets_.find(static_cast<std::uint64_t>(ticket));
  if (found == tickets_.end() || !options_.mix_case) return false;
  const Slot& slot = slots_[found->second];
  return std::any_of(slot.sockets.begin(), slot.sockets.end(), [&name](const auto& socket) {
    return socket && SameOctets(socket->name(), name);
  });
}

bool AresChannel::Ask(Ticket ticket, const Question& question) {
  if (used_ >= options_.slots_max) return false;
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint16_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint16_t id = free_.back();
  free_.pop_back();
  ++used_;
  Slot& slot = slots_[id];
  slot.used = slot.wanted = true;
  slot.ticket = ticket;
  slot.question = question;
  slot.settled = false;
  slot.outcome = Outcome{};
  slot.sockets.clear();
  slot.sockets.resize(upstreams_.size());
  slot.failed.assign(upstreams_.size(), false);
  tickets_.emplace(static_cast<std::uint64_t>(ticket), id);
  std::array<std::uint8_t, kQuestionSizeMax> packet;
  const std::size_t size = WriteQuestion(question, id, packet);
  ares_send(channel_, packet.data(), static_cast<int>(size), Hooks::OnEnded,
            std::make_unique<Hooks::CallbackArgument>(Hooks::CallbackArgument{this, id}).release());
  // What ended inside of that is told in the next turn.
  Arm(ended_.empty() ? loop_.Now() + kTick : loop_.Now());
  return true;
}

void AresChannel::GiveUp(Ticket ticket) {
  const auto found = tickets_.find(static_cast<std::uint64_t>(ticket));
  if (found == tickets_.end()) return;
  const std::uint16_t id = found->second;
  tickets_.erase(found);
  Slot& slot = slots_[id];
  slot.wanted = false;
  slot.sockets.clear();
  (void)Push(id, 0, Steer::kEnd);  // else c-ares times out by itself
}

// What c-ares sends over UDP. True also when nothing needs to be sent.
bool AresChannel::SendUdp(std::size_t upstream, Bytes packet) {
  SUMMON_CHECK(packet.size() > kHeaderSize);
  const std::size_t id = IdOf(packet);
  Slot& slot = slots_[id];
  if (!slot.wanted || slot.settled) return true;
  if (slot.failed[upstream]) return false;
  Upstream& server = upstreams_[upstream];
  const Instant now = loop_.Now();
  const bool another = std::any_of(upstreams_.begin(), upstreams_.end(), [&](const Upstream& one) {
    return &one != &server && one.MayAsk(now);
  });
  if (!server.MayAsk(now) && another) return false;
  std::unique_ptr<FlightSocket>& socket = slot.sockets[upstream];
  if (!socket) {
    const FlightSocket::Options options{server.endpoint(), slot.question, options_.mix_case};
    auto made = FlightSocket::Create(
        loop_, options, random_, counters_,
        [this, id, upstream](FlightSocket::Event event) {
          OnSocketEvent(id, upstream, std::move(event));
        });
    if (!made.ok()) {
      slot.outcome.failure = EdeCode::kNetworkError;
      return false;
    }
    socket = std::move(made).value();
  }
  server.OnAsked(now);
  if (socket->Send()) return true;
  slot.outcome.failure = EdeCode::kNetworkError;
  return false;
}

void AresChannel::OnSocketEvent(std::size_t id, std::size_t upstream, FlightSocket::Event event) {
  if (auto* heard = std::get_if<FlightSocket::Heard>(&event)) {
    OnHeard(id, upstream, std::move(*heard));
  } else if (std::holds_alternative<FlightSocket::Distrusted>(event)) {
    ++counters_.distrusted;
    ++counters_.tcp;
    (void)Push(id, upstream, Steer::kTcp);
  } else {
    OnFailure(id, upstream, EdeCode::kNetworkError);
  }
  Drain();
}

void AresChannel::OnHeard(std::size_t id, std::size_t upstream, FlightSocket::Heard heard) {
  Slot& slot = slots_[id];
  ++counters_.replies;
  upstreams_[upstream].OnReply();
  counters_.latency.Add(loop_.Now() - slot.sockets[upstream]->sent_at());
  const Reply& reply = heard.reply;
  if (reply.truncated) {
    ++counters_.tcp;
    (void)Push(id, upstream, Steer::kTcp);
    return;
  }
  if (reply.rcode == Rcode::kFormErr && !reply.has_edns &&
      slot.sockets[upstream]->LeaveOutEdns() && slot.sockets[upstream]->Send()) {
    return;
  }
  if (reply.rcode == Rcode::kNoError || reply.rcode == Rcode::kNxDomain) {
    Settle(slot, std::move(heard.message), reply);
    End(id, upstream);
    return;
  }
  ++counters_.upstream_failures;
  slot.outcome.upstream_error = reply.extended_error;
  OnFailure(id, upstream, EdeCode::kNoReachableAuthority);
}

void AresChannel::Settle(Slot& slot, std::vector<std::uint8_t> message, const Reply& reply) {
  slot.settled = true;
  slot.outcome.answered = true;
  slot.outcome.message = std::move(message);
  slot.outcome.reply = reply;
}

bool AresChannel::AnotherMayKnow(const Slot& slot) const {
  return std::find(slot.failed.begin(), slot.failed.end(), false) != slot.failed.end();
}

void AresChannel::OnFailure(std::size_t id, std::size_t upstream, EdeCode reason) {
  Slot& slot = slots_[id];
  slot.failed[upstream] = true;
  slot.outcome.failure = reason;
  if (AnotherMayKnow(slot)) {
    (void)Push(id, upstream, Steer::kNextServer);  // else it goes on when it times out
    return;
  }
  slot.settled = true;
  End(id, upstream);
}

void AresChannel::End(std::size_t id, std::size_t upstream) {
  if (Push(id, upstream, Steer::kEnd)) return;
  // c-ares cannot be told now: the outcome is, and the slot is free when it times out.
  Slot& slot = slots_[id];
  if (slot.wanted) Tell(slot);
}

void AresChannel::Tell(Slot& slot) {
  slot.wanted = false;
  tickets_.erase(static_cast<std::uint64_t>(slot.ticket));
  if (!closing_) ended_.emplace_back(slot.ticket, std::move(slot.outcome));
}

void AresChannel::Arm(Instant at) {
  if (at >= armed_) return;
  armed_ = at;
  timer_.Set(at);
}

// Has c-ares go on with a question, by a reply that says no more than that. False when it listens
// to nobody over UDP, which is so after an error of TCP.
bool AresChannel::Push(std::size_t id, std::size_t upstream, Steer steer) {
  // Only to leave a server it matters whose reply it is; else c-ares looks at the id and the
  // question.
  const auto suits = [&](const VirtualSocket& one) {
    return one.connected && (steer != Steer::kNextServer || one.upstream == upstream);
  };
  const auto open = std::find_if(virtual_.begin(), virtual_.end(), suits);
  if (open == virtual_.end()) return false;
  std::array<std::uint8_t, kQuestionSizeMax> packet;
  const auto ares_id = static_cast<std::uint16_t>(id);
  const std::size_t size = WriteQuestion(slots_[id].question, ares_id, packet);
  std::uint16_t flags = kFlagsDone;
  if (steer == Steer::kTcp) flags |= kFlagTruncated;
  if (steer == Steer::kNextServer) flags |= static_cast<std::uint16_t>(Rcode::kServFail);
  ByteWriter header{std::span(packet)};
  (void)header.Be16(ares_id);  // the header fits
  (void)header.Be16(flags);
  open->inbox.assign(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
  ares_process_fd(channel_, open->number, ARES_SOCKET_BAD);
  return true;
}

void AresChannel::OnTcpReady(int fd, FdWatcher::Ready ready) {
  const bool readable = ready.readable || ready.disconnected;
  ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD,
                  ready.writable ? fd : ARES_SOCKET_BAD);
  Drain();
}

void AresChannel::OnEnded(std::size_t id, int status, Bytes message) {
  Slot& slot = slots_[id];
  SUMMON_CHECK(slot.used);
  if (slot.wanted && !slot.settled && status == ARES_SUCCESS) HearOverTcp(slot, id, message);
  if (slot.wanted && !slot.settled && status == ARES_ETIMEOUT) ++counters_.timeouts;
  if (slot.wanted) Tell(slot);
  slot.used = slot.wanted = false;
  slot.outcome = Outcome{};
  slot.sockets.clear();
  --used_;
  free_.push_back(static_cast<std::uint16_t>(id));
}

void AresChannel::HearOverTcp(Slot& slot, std::size_t id, Bytes message) {
  Expected expected;
  expected.id = static_cast<std::uint16_t>(id);
  expected.name = slot.question.name;
  expected.type = slot.question.type;
  expected.exact_case = false;  // the connection proves who it is
  const ReplyVerdict verdict = ParseReply(message, expected);
  if (const Forgery* forgery = std::get_if<Forgery>(&verdict)) {
    counters_.CountForgery(*forgery);
    return;
  }
  ++counters_.replies;
  const Reply& reply = std::get<Reply>(verdict);
  const bool usable = !reply.truncated &&
                      (reply.rcode == Rcode::kNoError || reply.rcode == Rcode::kNxDomain);
  if (!usable) {
    ++counters_.upstream_failures;
    slot.outcome.upstream_error = reply.extended_error;
    return;
  }
  std::vector<std::uint8_t> kept(message.begin(), message.end());
  std::copy(slot.question.name.wire().begin(), slot.question.name.wire().end(),
            kept.begin() + kHeaderSize);
  Settle(slot, std::move(kept), reply);
}

void AresChannel::Drain() {
  std::vector<std::pair<Ticket, Outcome>> ended;
  ended.swap(ended_);
  for (auto& [ticket, outcome] : ended) client_.OnOutcome(ticket, std::move(outcome));
}

void AresChannel::Tick() {
  armed_ = kNever;
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  Drain();
  if (used_ > 0 || !ended_.empty()) Arm(loop_.Now() + kTick);
}

}  // namespace summon::dns::forward
