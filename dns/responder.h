// SPDX-License-Identifier: Apache-2.0
#pragma once
// The right and the duty to answer one query, now or later.

#include <cstdint>
#include <memory>

#include "dns/endpoint.h"
#include "dns/message.h"
#include "dns/response.h"

namespace summon::dns {

// Where an answer goes.
struct ReplyTo {
  Transport transport = Transport::kUdp;
  Endpoint client;
  Endpoint local;                   // UDP: our address that was asked; the answer comes from it
  std::uint32_t listener = 0;       // UDP: which socket
  std::uint32_t interface = 0;      // UDP: on which interface, for link-local addresses
  std::uint64_t connection = 0;     // TCP: never used again for another connection
  bool proven = false;              // UDP: the client has shown that its address is its own
};

enum class SendOutcome : std::uint8_t {
  kSent,  // the kernel or the connection's buffer has it
  kLost,  // the connection or the server is gone, the kernel would not take it, or the client's
          // network has had its share of answers
};

// Sends answers. The server is one; tests have another.
class ReplyPath {
 public:
  virtual ~ReplyPath() = default;
  virtual SendOutcome SendReply(const ReplyTo& to, const Response& response) = 0;
  // The query will never be answered.
  virtual void AbandonReply(const ReplyTo& to) = 0;
};

// Lets responders outlive what they send through: `path` becomes null when it ends. Shared because
// neither the server nor any single responder is certain to be the last; loop thread only.
struct ReplyLink {
  ReplyPath* path = nullptr;
};

// A value that is moved, never copied. Loop thread only. Destroyed without having answered, it
// tells the path, which counts it. It may outlive the connection and the server.
class [[nodiscard]] Responder {
 public:
  Responder(std::shared_ptr<ReplyLink> link, const ReplyTo& to)
      : link_(std::move(link)), to_(to) {}
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();

  // Sends the answer. Answering twice, or through a responder that was moved from, is a bug.
  // Never calls back into a Handler.
  SendOutcome Send(const Response& response);

 private:
  void Abandon();

  std::shared_ptr<ReplyLink> link_;  // null once answered or moved from
  ReplyTo to_;
};

}  // namespace summon::dns
