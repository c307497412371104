// SPDX-License-Identifier: Apache-2.0
#pragma once
// The right and the duty to answer one query, now or later.

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

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

  // Answers of several messages, for streams: one of them; how many octets the client has yet to
  // read (nothing when it is gone); and that the last one was sent.
  virtual SendOutcome SendPart(const ReplyTo&, const Response&) { return SendOutcome::kLost; }
  virtual std::optional<std::size_t> Backlog(const ReplyTo&) const { return std::nullopt; }
  virtual void FinishReply(const ReplyTo& to) { AbandonReply(to); }
};

// Lets responders outlive what they send through: it is told when the path ends. Shared, because
// neither the path nor any single responder is certain to be the last. Counted by hand, for it
// never leaves its loop's thread, and the counts of std::shared_ptr are atomic: 10 ns a query.
class ReplyLink {
 public:
  ReplyLink() = default;  // to nowhere
  explicit ReplyLink(ReplyPath& path)
      : shared_(std::make_unique<Shared>(Shared{&path}).release()) {}
  ReplyLink(const ReplyLink& other) : shared_(other.shared_) {
    if (shared_) ++shared_->users;
  }
  ReplyLink(ReplyLink&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  ReplyLink& operator=(ReplyLink other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~ReplyLink() {
    if (shared_ && --shared_->users == 0) delete shared_;
  }

  bool empty() const { return shared_ == nullptr; }
  // Null when it has ended. Not of an empty link.
  ReplyPath* path() const { return shared_->path; }
  // The path ends now, for all copies.
  void End() { shared_->path = nullptr; }

 private:
  struct Shared {
    ReplyPath* path;
    std::size_t users = 1;
  };
  Shared* shared_ = nullptr;
};

// A value that is moved, never copied. Loop thread only. Destroyed without having answered, it
// tells the path, which counts it. It may outlive the connection and the server.
class [[nodiscard]] Responder {
 public:
  Responder(ReplyLink link, const ReplyTo& to) : link_(std::move(link)), to_(to) {}
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder();

  // Sends the answer. Answering twice, or through a responder that was moved from, is a bug.
  // Never calls back into a Handler.
  SendOutcome Send(const Response& response);

  // An answer of several messages, over a stream: any number of parts, then Finish().
  SendOutcome SendPart(const Response& response);
  // Octets that the client has yet to read; nothing when it is gone.
  std::optional<std::size_t> Backlog() const;
  void Finish();

 private:
  void Abandon();

  ReplyLink link_;  // empty once answered or moved from
  ReplyTo to_;
};

}  // namespace summon::dns
