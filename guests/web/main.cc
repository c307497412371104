// SPDX-License-Identifier: Apache-2.0
// The web service as a unikernel: HTTP on lwIP's callbacks, on the network device "service".

#include <cstdint>

#include "guests/runtime/entropy.h"
#include "guests/runtime/runtime.h"
#include "guests/runtime/usage.h"
#include "guests/web/http.h"
#include "guests/web/isn.h"
#include "guests/web/memory.h"

extern "C" {
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "netif/ethernet.h"
}

namespace summon::guest {

SUMMON_GUEST_DEVICES(Net("service"));

namespace web {
namespace {

constexpr std::uint16_t kPort = 80;
constexpr std::size_t kConnectionsMax = 200;
constexpr std::uint64_t kTickNs = 250'000'000;  // lwIP's TCP timer (TCP_TMR_INTERVAL)
constexpr std::uint8_t kPollHalfSeconds = 4;
constexpr int kIdlePollsMax = 10;  // 20 s without progress in either direction
// From a request's first byte to its last: who drips one byte after another holds a connection no
// longer than this. A request on a bad line takes some seconds.
constexpr std::uint64_t kRequestNsMax = 10'000'000'000;
constexpr int kBurstMax = 32;      // frames read before timers are looked at
constexpr std::uint16_t kMtuMax = 1500;
constexpr std::size_t kFrameMax = PBUF_POOL_BUFSIZE;

struct Connection {
  std::size_t held;
  std::uint64_t stream_left;
  std::uint64_t stream_sent;
  std::uint64_t request_began_ns;  // an incomplete request is held since; 0: none is
  int idle_polls;
  bool closing;
  bool ended;  // the client sends no more
  // What is held while nothing blocks is less than a request; a packet always fits behind it.
  char request[kRequestMax + TCP_WND];
};

struct Service {
  Machine* machine;
  NetDevice device;
  NetArguments arguments;
  netif interface;
  Facts facts;
  std::size_t connections;
  // Who sent the last frame that we may answer, and by which address: replies go there without
  // asking (see Learn).
  Ipv4 neighbour;
  eth_addr neighbour_mac;
  // For sequence numbers; drawn with the first connection, so that it costs nothing at boot.
  SipKey sequence_key;
  bool has_sequence_key;
  Reply reply;
  std::uint8_t frame[kFrameMax];
};
// lwIP calls back through plain C functions, some without an argument of ours.
constinit Service service{};

std::uint64_t NowUs() { return service.machine->MonotonicNs() / 1000; }

// ---- Ethernet -------------------------------------------------------------------------------

// Remembers the sender of a unicast IPv4 frame as next hop: itself when it is on our link, else
// the gateway. Sound, because the other end of a tap is the host alone, which could as well answer
// our ARP request with anything; and the reply to the frame that woke us needs no round trip.
void Learn(const std::uint8_t* frame, std::size_t length) {
  if (length < 34 || frame[12] != 8 || frame[13] != 0 || (frame[0] & 1) != 0) return;
  const Ipv4 source{std::uint32_t{frame[26]} << 24 | std::uint32_t{frame[27]} << 16 |
                    std::uint32_t{frame[28]} << 8 | frame[29]};
  service.neighbour =
      service.arguments.ipv4.Contains(source) ? source : service.arguments.gateway;
  __builtin_memcpy(service.neighbour_mac.addr, frame + 6, 6);
}

err_t SendFrame(netif*, pbuf* packet) {
  std::span<const std::uint8_t> frame(static_cast<std::uint8_t*>(packet->payload), packet->len);
  if (packet->next != nullptr) {
    const std::uint16_t length = pbuf_copy_partial(packet, service.frame, kFrameMax, 0);
    frame = {service.frame, length};
  }
  (void)service.machine->NetWrite(service.device.handle, frame);  // TCP sends it again if lost
  return ERR_OK;
}

err_t SendIpv4(netif* interface, pbuf* packet, const ip4_addr_t* to) {
  const Ipv4 address{lwip_ntohl(ip4_addr_get_u32(to))};
  const Ipv4 hop =
      service.arguments.ipv4.Contains(address) ? address : service.arguments.gateway;
  if (hop.value == 0 || hop != service.neighbour) return etharp_output(interface, packet, to);
  // SAFETY: lwIP's eth_addr is six bytes, as is the device's address.
  const auto* own = reinterpret_cast<const eth_addr*>(interface->hwaddr);
  return ethernet_output(interface, packet, own, &service.neighbour_mac, ETHTYPE_IP);
}

err_t InitInterface(netif* interface) {
  interface->name[0] = 's';
  interface->name[1] = 'v';
  interface->output = SendIpv4;
  interface->linkoutput = SendFrame;
  interface->mtu = service.device.mtu < kMtuMax ? service.device.mtu : kMtuMax;
  interface->hwaddr_len = 6;
  __builtin_memcpy(interface->hwaddr, service.device.mac.data(), 6);
  // Up at once, without the announcements of netif_set_up: the host knows our address already.
  interface->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                     NETIF_FLAG_UP | NETIF_FLAG_LINK_UP;
  return ERR_OK;
}

// What lwIP leaves out: a SYN that is newer than a connection in TIME_WAIT between the same ports
// ends it and opens another (RFC 9293 section 3.10.7.4). Else a client that takes a port again,
// which may do so at once when we have closed first, would be ignored for seconds.
void EndOldTimeWait(const std::uint8_t* frame, std::size_t length) {
  constexpr std::size_t kIp = 14;
  constexpr std::size_t kHeaderMin = 20;  // of IPv4 and of TCP
  if (length < kIp + 2 * kHeaderMin || frame[12] != 8 || frame[13] != 0) return;
  const bool fragment = (frame[kIp + 6] & 0x1f) != 0 || frame[kIp + 7] != 0;
  if (frame[kIp] >> 4 != 4 || frame[kIp + 9] != IP_PROTO_TCP || fragment) return;
  const std::size_t tcp = kIp + (frame[kIp] & 0xf) * std::size_t{4};
  if (length < tcp + kHeaderMin || (frame[tcp + 13] & (TCP_SYN | TCP_ACK)) != TCP_SYN) return;
  const auto be16 = [frame](std::size_t at) {
    return static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]);
  };
  const std::uint32_t sequence = std::uint32_t{be16(tcp + 4)} << 16 | be16(tcp + 6);
  std::uint32_t source;  // in network order, as lwIP has it
  __builtin_memcpy(&source, frame + kIp + 12, sizeof source);
  for (tcp_pcb* pcb = tcp_tw_pcbs; pcb != nullptr; pcb = pcb->next) {
    if (ip4_addr_get_u32(ip_2_ip4(&pcb->remote_ip)) == source && pcb->remote_port == be16(tcp) &&
        pcb->local_port == be16(tcp + 2) && TCP_SEQ_GT(sequence, pcb->rcv_nxt)) {
      return tcp_abort(pcb);  // in TIME_WAIT that says nothing to the peer
    }
  }
}

// Reads and handles one frame; false when none waited.
bool ReceiveFrame() {
  pbuf* packet = pbuf_alloc(PBUF_RAW, kFrameMax, PBUF_POOL);
  if (packet == nullptr) return false;  // memory comes back when TCP gives up or is acknowledged
  std::size_t length = 0;
  auto* bytes = static_cast<std::uint8_t*>(packet->payload);
  if (service.machine->NetRead(service.device.handle, {bytes, packet->len}, length) != Io::kOk) {
    pbuf_free(packet);
    return false;
  }
  if (service.facts.first_frame_us == 0) service.facts.first_frame_us = NowUs();
  Learn(bytes, length);
  EndOldTimeWait(bytes, length);
  pbuf_realloc(packet, static_cast<std::uint16_t>(length));
  if (ethernet_input(packet, &service.interface) != ERR_OK) pbuf_free(packet);
  return true;
}

// ---- HTTP on TCP ----------------------------------------------------------------------------

void Forget(Connection* connection) {
  GuestFree(connection);
  --service.connections;
}

// Both return ERR_ABRT, which a callback must pass on to lwIP.
err_t Abort(tcp_pcb* pcb, Connection* connection) {
  tcp_arg(pcb, nullptr);
  tcp_err(pcb, nullptr);
  Forget(connection);
  tcp_abort(pcb);
  return ERR_ABRT;
}

err_t Close(tcp_pcb* pcb, Connection* connection) {
  if (tcp_close(pcb) != ERR_OK) return Abort(pcb, connection);
  tcp_arg(pcb, nullptr);
  tcp_recv(pcb, nullptr);
  tcp_sent(pcb, nullptr);
  tcp_poll(pcb, nullptr, 0);
  tcp_err(pcb, nullptr);
  Forget(connection);
  return ERR_OK;
}

// Queues as much of the streamed body as TCP takes, by reference: the pattern never changes.
void Stream(tcp_pcb* pcb, Connection* connection) {
  while (connection->stream_left > 0) {
    const std::size_t begin = connection->stream_sent % kPatternLine;
    std::uint64_t count = kPatternBytes - begin;
    if (count > connection->stream_left) count = connection->stream_left;
    if (count > tcp_sndbuf(pcb)) count = tcp_sndbuf(pcb);
    if (count == 0) return;
    if (tcp_write(pcb, kPattern.data() + begin, static_cast<std::uint16_t>(count), 0) != ERR_OK) {
      return;
    }
    connection->stream_left -= count;
    connection->stream_sent += count;
  }
}

// Answers what is held, as far as there is room to send, and streams.
err_t Serve(tcp_pcb* pcb, Connection* connection) {
  Stream(pcb, connection);
  while (!connection->closing && connection->stream_left == 0 && tcp_sndbuf(pcb) >= kReplyMax) {
    if (service.facts.boot_wall_s == 0) {
      const std::uint64_t up_ns = service.machine->MonotonicNs();
      service.facts.boot_wall_s = (service.machine->WallNs() - up_ns) / 1'000'000'000;
    }
    service.facts.now_us = NowUs();
    ++service.facts.requests;
    Reply& reply = service.reply;
    const std::size_t used =
        Answer({connection->request, connection->held}, service.facts, reply);
    if (used == 0) {
      --service.facts.requests;
      if (connection->held > 0 && connection->request_began_ns == 0) {
        connection->request_began_ns = service.machine->MonotonicNs();
      }
      break;
    }
    connection->request_began_ns = 0;
    const auto bytes = static_cast<std::uint16_t>(reply.head_bytes);
    if (tcp_write(pcb, reply.head.data(), bytes, TCP_WRITE_FLAG_COPY) != ERR_OK) {
      return Abort(pcb, connection);
    }
    connection->held -= used;
    __builtin_memmove(connection->request, connection->request + used, connection->held);
    connection->stream_left = reply.stream_bytes;
    connection->stream_sent = 0;
    connection->closing = reply.close;
    Stream(pcb, connection);
  }
  if ((connection->closing || connection->ended) && connection->stream_left == 0) {
    return Close(pcb, connection);
  }
  (void)tcp_output(pcb);  // what is not sent now, the timer sends
  return ERR_OK;
}

err_t OnReceived(void* argument, tcp_pcb* pcb, pbuf* packet, err_t) {
  auto* connection = static_cast<Connection*>(argument);
  if (packet == nullptr) {
    connection->ended = true;
    return Serve(pcb, connection);
  }
  const std::uint16_t length = packet->tot_len;
  if (length > sizeof connection->request - connection->held) {
    return ERR_MEM;  // a response is under way; lwIP offers the packet again
  }
  (void)pbuf_copy_partial(packet, connection->request + connection->held, length, 0);
  connection->held += length;
  connection->idle_polls = 0;
  tcp_recved(pcb, length);
  pbuf_free(packet);
  return Serve(pcb, connection);
}

err_t OnSent(void* argument, tcp_pcb* pcb, std::uint16_t) {
  auto* connection = static_cast<Connection*>(argument);
  connection->idle_polls = 0;
  return Serve(pcb, connection);
}

err_t OnPoll(void* argument, tcp_pcb* pcb) {
  auto* connection = static_cast<Connection*>(argument);
  if (++connection->idle_polls > kIdlePollsMax) return Abort(pcb, connection);
  if (connection->request_began_ns != 0 &&
      service.machine->MonotonicNs() - connection->request_began_ns > kRequestNsMax) {
    return Abort(pcb, connection);
  }
  return Serve(pcb, connection);
}

void OnError(void* argument, err_t) {
  if (argument != nullptr) Forget(static_cast<Connection*>(argument));
}

err_t OnAccept(void*, tcp_pcb* pcb, err_t error) {
  if (error != ERR_OK || pcb == nullptr) return ERR_VAL;
  if (service.connections == kConnectionsMax) return ERR_MEM;  // lwIP resets the newcomer
  auto* connection = static_cast<Connection*>(GuestAllocate(sizeof(Connection)));
  if (connection == nullptr) return ERR_MEM;
  __builtin_memset(connection, 0, offsetof(Connection, request));
  ++service.connections;
  tcp_arg(pcb, connection);
  tcp_recv(pcb, OnReceived);
  tcp_sent(pcb, OnSent);
  tcp_err(pcb, OnError);
  tcp_poll(pcb, OnPoll, kPollHalfSeconds);
  tcp_nagle_disable(pcb);
  return ERR_OK;
}

// ---- The loop -------------------------------------------------------------------------------

void StartStack() {
  lwip_init();
  const Ipv4Network& network = service.arguments.ipv4;
  const ip4_addr_t address{lwip_htonl(network.address.value)};
  const ip4_addr_t mask{lwip_htonl(network.mask())};
  const ip4_addr_t gateway{lwip_htonl(service.arguments.gateway.value)};
  netif_add(&service.interface, &address, &mask, &gateway, nullptr, InitInterface, ethernet_input);
  netif_set_default(&service.interface);
  tcp_pcb* listener = tcp_new();
  if (listener == nullptr || tcp_bind(listener, IP4_ADDR_ANY, kPort) != ERR_OK) {
    Panic("cannot listen on port 80");
  }
  listener = tcp_listen(listener);
  if (listener == nullptr) Panic("cannot listen on port 80");
  tcp_accept(listener, OnAccept);
}

// lwIP counts time by the calls of its timer, and there are none while the machine rests. What
// waits for time alone (TIME_WAIT, half-closed connections) would stand still, and a client that
// takes the same port again would find its SYN ignored for seconds. So time that passed is counted
// before frames are looked at. Retransmissions and idle connections go by the calls, as before: a
// connection is not ended for the time that its machine slept.
void CatchUp(std::uint64_t now_ns) {
  constexpr std::uint64_t kSlowTickNs = 500'000'000;  // TCP_SLOW_INTERVAL
  const auto due = static_cast<std::uint32_t>(now_ns / kSlowTickNs);
  if (static_cast<std::int32_t>(due - tcp_ticks) <= 1) return;
  tcp_ticks = due - 1;
  tcp_slowtmr();
}

// A slow boot, on request. It computes, as a slow boot does: whoever waits in Poll is ready.
void Delay(const Machine& machine) {
  constexpr std::uint64_t kNsPerMs = 1'000'000;
  const std::uint64_t until = service.arguments.delay_ms * kNsPerMs;
  while (machine.MonotonicNs() < until) __builtin_ia32_pause();
}

[[noreturn]] void RunLoop(Machine& machine) {
  std::uint64_t next_tick = Machine::kForever;
  std::uint32_t ticks = 0;
  service.facts.ready_us = NowUs();
  while (true) {
    (void)machine.Poll(next_tick);
    CatchUp(machine.MonotonicNs());
    // Until none is left: the next frame is mostly there already (the end of a handshake, and the
    // request behind it), and a read that finds none costs time that the client needs anyway.
    for (int i = 0; i < kBurstMax && ReceiveFrame(); ++i) {
    }
    const bool busy = tcp_active_pcbs != nullptr || tcp_tw_pcbs != nullptr;
    if (!busy) {
      next_tick = Machine::kForever;  // nothing to retransmit or time out: sleep until a frame
      continue;
    }
    const std::uint64_t now = machine.MonotonicNs();
    if (next_tick == Machine::kForever) next_tick = now + kTickNs;
    if (now < next_tick) continue;
    tcp_tmr();
    if (++ticks % 4 == 0) etharp_tmr();
    next_tick = now + kTickNs;
  }
}

}  // namespace
}  // namespace web

int Main(Machine& machine) {
  web::Service& service = web::service;
  if (const auto error = ParseNetArguments(machine.command_line(), service.arguments)) {
    return RefuseArguments("web", *error);
  }
  const auto net = machine.FindNet("service");
  if (!net) Panic("network device \"service\" is not attached");
  service.machine = &machine;
  service.device = *net;
  service.facts.name = service.arguments.name;
  service.facts.kind = "unikernel";
  web::UseHeap(machine.heap());
  web::Delay(machine);
  web::StartStack();
  web::RunLoop(machine);
}

}  // namespace summon::guest

extern "C" {

std::uint32_t sys_now() {
  return static_cast<std::uint32_t>(summon::guest::web::service.machine->MonotonicNs() / 1'000'000);
}

unsigned GuestInitialSequence(unsigned local_address, unsigned short local_port,
                              unsigned remote_address, unsigned short remote_port) {
  using namespace summon::guest;
  web::Service& service = web::service;
  if (!service.has_sequence_key) {
    const auto seed = GatherSeed();
    service.sequence_key = {seed[0], seed[1]};
    service.has_sequence_key = true;
  }
  return web::InitialSequence(service.sequence_key,
                              {.local_address = local_address,
                               .remote_address = remote_address,
                               .local_port = local_port,
                               .remote_port = remote_port},
                              service.machine->MonotonicNs());
}

void GuestLwipAssert(const char* message) { summon::guest::Panic(message); }

// RFC 1071: eight bytes at a time, folded at the end. The result is in network byte order in
// memory, as lwIP wants it.
unsigned short GuestChecksum(const void* data, int length) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  std::uint64_t sum = 0;
  for (; length >= 8; length -= 8, bytes += 8) {
    std::uint64_t word;
    __builtin_memcpy(&word, bytes, sizeof word);
    sum += word;
    sum += sum < word ? 1 : 0;
  }
  std::uint64_t tail = 0;
  __builtin_memcpy(&tail, bytes, static_cast<std::size_t>(length));
  sum += tail;
  sum += sum < tail ? 1 : 0;
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 32) + (sum & 0xffffffff);
  auto folded = static_cast<std::uint32_t>((sum >> 16) + (sum & 0xffff));
  folded = (folded >> 16) + (folded & 0xffff);
  return static_cast<unsigned short>(folded);
}

}  // extern "C"
