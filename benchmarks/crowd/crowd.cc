// SPDX-License-Identifier: Apache-2.0
// One epoll loop over a UDP socket and the visits' connections.
#include "benchmarks/crowd/crowd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "benchmarks/crowd/question.h"
#include "tests/testbed/network.h"

namespace summon::benchmarks {

namespace {

constexpr int kReceiveBufferBytes = 8 << 20;
constexpr std::uint64_t kDnsEvent = ~0ull;  // other events carry the visit's number
constexpr std::size_t kEventsAtOnce = 256;
constexpr int kTickMs = 10;

class Crowd final {
 public:
  Crowd(const CrowdOptions& options, const std::vector<Visit>& visits)
      : options_(options), visits_(visits), states_(visits.size()), outcomes_(visits.size()) {}

  Status Open();
  Status Run();
  std::vector<Outcome> TakeOutcomes() { return std::move(outcomes_); }

 private:
  struct State {
    UniqueFd connection;
    Instant from{};
    bool asked = false;
    bool requested = false;
    bool done = false;
  };
  struct Deadline {
    Instant at{};
    std::size_t visit = 0;
  };

  void Begin(Instant now);
  void Ask(std::size_t visit, Instant now);
  void ReadAnswers();
  void Answered(const Answer& answer, Instant now);
  void Connect(std::size_t visit, std::uint32_t address);
  void ConnectionReady(std::size_t visit, std::uint32_t events);
  void Expire(Instant now);
  void Finish(std::size_t visit, Fate fate);
  void Break(std::size_t visit, int error);
  int WaitMs(Instant now) const;

  const CrowdOptions& options_;
  const std::vector<Visit>& visits_;
  const SystemClock clock_;
  Instant start_{};
  UniqueFd epoll_;
  UniqueFd dns_;
  std::vector<State> states_;
  std::vector<Outcome> outcomes_;
  std::size_t begun_ = 0;
  std::size_t finished_ = 0;
  // Both in the order of time, because each adds the same time to now.
  std::deque<Deadline> asks_;
  std::deque<Deadline> ends_;
};

Status Crowd::Open() {
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  dns_ = UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!epoll_.valid() || !dns_.valid()) return ErrnoError("open sockets of the crowd", errno);
  // More than net.core.rmem_max needs CAP_NET_ADMIN, which who makes namespaces has.
  (void)setsockopt(dns_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes,
                   sizeof kReceiveBufferBytes);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(options_.server_port);
  if (inet_pton(AF_INET, options_.server.c_str(), &to.sin_addr) != 1) {
    return Error(ErrorCode::kInvalid, StrCat("not an IPv4 address: ", Quote(options_.server)));
  }
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  if (connect(dns_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return ErrnoError("reach the name server", errno);
  }
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kDnsEvent}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, dns_.get(), &event) != 0) {
    return ErrnoError("watch a socket", errno);
  }
  return Ok();
}

Status Crowd::Run() {
  start_ = clock_.Now();
  while (finished_ < visits_.size()) {
    const Instant now = clock_.Now();
    Begin(now);
    Expire(now);
    epoll_event events[kEventsAtOnce];
    const int count = epoll_wait(epoll_.get(), events, kEventsAtOnce, WaitMs(clock_.Now()));
    if (count < 0 && errno != EINTR) return ErrnoError("wait for sockets", errno);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 == kDnsEvent) {
        ReadAnswers();
      } else {
        ConnectionReady(events[i].data.u64, events[i].events);
      }
    }
  }
  return Ok();
}

int Crowd::WaitMs(Instant now) const {
  if (begun_ == visits_.size() || begun_ - finished_ >= options_.in_progress_max) return kTickMs;
  const Duration left = start_ + visits_[begun_].due - now;
  return static_cast<int>(
      std::clamp<std::int64_t>(left / std::chrono::milliseconds(1), 0, kTickMs));
}

// Those that are due, but not so many at once that answers wait unread.
void Crowd::Begin(Instant now) {
  constexpr std::size_t kBeginAtOnce = 64;
  for (std::size_t count = 0; count < kBeginAtOnce && begun_ < visits_.size(); ++count) {
    const Instant due = start_ + visits_[begun_].due;
    if (due > now || begun_ - finished_ >= options_.in_progress_max) return;
    states_[begun_].from = options_.from == From::kDue ? due : now;
    ends_.push_back({now + kVisitPatience, begun_});
    Ask(begun_++, now);
  }
}

void Crowd::Ask(std::size_t visit, Instant now) {
  ++outcomes_[visit].asks;
  const auto query = MakeQuestion(visits_[visit].name, static_cast<std::uint16_t>(visit));
  // A query that cannot be sent is as lost as any other: it is asked again.
  (void)!send(dns_.get(), query.data(), query.size(), 0);
  asks_.push_back({now + kAskAgain, visit});
}

void Crowd::ReadAnswers() {
  while (true) {
    std::uint8_t bytes[1500];
    const ssize_t got = recv(dns_.get(), bytes, sizeof bytes, 0);
    if (got < 0) return;  // no more, or an ICMP error: who asked asks again
    const auto answer = ReadAnswer(Bytes(bytes, static_cast<std::size_t>(got)));
    if (answer && answer->id < begun_) Answered(*answer, clock_.Now());
  }
}

void Crowd::Answered(const Answer& answer, Instant now) {
  State& state = states_[answer.id];
  if (state.asked || state.done) return;  // an answer to a query that was sent again
  state.asked = true;
  outcomes_[answer.id].answer_us = Micros(now - state.from);
  if (!answer.address) return Finish(answer.id, Fate::kRefused);
  Connect(answer.id, *answer.address);
}

void Crowd::Connect(std::size_t visit, std::uint32_t address) {
  State& state = states_[visit];
  state.connection = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!state.connection.valid()) return Break(visit, errno);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(visits_[visit].port);
  to.sin_addr.s_addr = address;
  // SAFETY: every sockaddr_* type may be passed to the socket calls as a sockaddr (POSIX).
  if (connect(state.connection.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
      errno != EINPROGRESS) {
    return Break(visit, errno);
  }
  epoll_event event{.events = EPOLLOUT, .data = {.u64 = visit}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, state.connection.get(), &event) != 0) {
    Break(visit, errno);
  }
}

void Crowd::ConnectionReady(std::size_t visit, std::uint32_t events) {
  State& state = states_[visit];
  if (state.done) return;
  const int fd = state.connection.get();
  if (!state.requested) {
    if ((events & EPOLLERR) != 0) {
      int error = 0;
      socklen_t size = sizeof error;
      (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);  // 0 when it cannot tell
      return Break(visit, error);
    }
    constexpr std::string_view kRequest =
        "GET / HTTP/1.1\r\nHost: crowd\r\nConnection: close\r\n\r\n";
    if (send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(kRequest.size())) {
      return Break(visit, errno);
    }
    state.requested = true;
    epoll_event event{.events = EPOLLIN, .data = {.u64 = visit}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) Break(visit, errno);
    return;
  }
  char page[4096];
  const ssize_t got = recv(fd, page, sizeof page, 0);
  if (got <= 0) return Break(visit, got < 0 ? errno : 0);
  outcomes_[visit].first_byte_us = Micros(clock_.Now() - state.from);
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) {
    outcomes_[visit].retransmits = info.tcpi_total_retrans;
  }
  Finish(visit, Fate::kServed);
}

void Crowd::Expire(Instant now) {
  while (!asks_.empty() && asks_.front().at <= now) {
    const std::size_t visit = asks_.front().visit;
    asks_.pop_front();
    if (states_[visit].asked || states_[visit].done) continue;
    if (outcomes_[visit].asks < kAsksMax) {
      Ask(visit, now);
    } else {
      Finish(visit, Fate::kNoAnswer);
    }
  }
  while (!ends_.empty() && ends_.front().at <= now) {
    const std::size_t visit = ends_.front().visit;
    ends_.pop_front();
    if (!states_[visit].done) {
      Finish(visit, states_[visit].asked ? Fate::kNoPage : Fate::kNoAnswer);
    }
  }
}

void Crowd::Finish(std::size_t visit, Fate fate) {
  State& state = states_[visit];
  state.done = true;
  state.connection.Reset();
  outcomes_[visit].fate = fate;
  ++finished_;
}

void Crowd::Break(std::size_t visit, int error) {
  outcomes_[visit].error = error;
  Finish(visit, Fate::kBroken);
}

std::string WhyOf(const Outcome& outcome) {
  switch (outcome.fate) {
    case Fate::kServed: return "served";
    case Fate::kRefused: return "the name server gave no address";
    case Fate::kNoAnswer: return StrCat("no DNS answer to ", outcome.asks, " queries");
    case Fate::kBroken:
      return StrCat("the connection broke: ",
                    outcome.error == 0 ? "it ended without a page" : strerror(outcome.error),
                    " (answered after ", outcome.answer_us / 1000, " ms)");
    case Fate::kNoPage:
      return StrCat("no page in ", kVisitPatience / std::chrono::seconds(1), " s");
  }
  return "?";
}

std::size_t Count(const std::vector<Outcome>& outcomes, Fate fate) {
  return static_cast<std::size_t>(
      std::count_if(outcomes.begin(), outcomes.end(),
                    [fate](const Outcome& outcome) { return outcome.fate == fate; }));
}

}  // namespace

Result<std::vector<Outcome>> SendCrowd(const CrowdOptions& options,
                                       const std::vector<Visit>& visits) {
  if (visits.size() > kVisitsMax) {
    return Error(ErrorCode::kExhausted,
                 StrCat(visits.size(), " visits; at most ", kVisitsMax, " at a time"));
  }
  const testbed::InNamespace there(options.client_namespace);
  Crowd crowd(options, visits);
  SUMMON_TRY(crowd.Open());
  SUMMON_TRY(crowd.Run());
  return crowd.TakeOutcomes();
}

std::vector<Column> CrowdColumns() {
  return {{"answer", "us", "DNS query to answer"},
          {"first_byte", "us", "DNS query to first byte of the page"}};
}

Series SeriesOf(const std::string& label, const std::vector<Outcome>& outcomes) {
  Series series{.label = label, .samples = {}, .failures = {}};
  for (const Outcome& outcome : outcomes) {
    if (outcome.fate == Fate::kServed) {
      series.samples.push_back({outcome.answer_us, outcome.first_byte_us});
    } else {
      series.failures.push_back(WhyOf(outcome));
    }
  }
  return series;
}

std::string FatesText(const std::string& label, const std::vector<Outcome>& outcomes) {
  std::size_t late = 0;
  std::size_t asked_again = 0;
  std::size_t sent_again = 0;
  for (const Outcome& outcome : outcomes) {
    if (outcome.fate == Fate::kServed && outcome.first_byte_us > Micros(kLate)) ++late;
    if (outcome.asks > 1) ++asked_again;
    if (outcome.retransmits > 0) ++sent_again;
  }
  return StrCat(label, ": ", outcomes.size(), " visits, ", Count(outcomes, Fate::kServed),
                " served (", late, " of them after more than ",
                kLate / std::chrono::milliseconds(1), " ms), ", Count(outcomes, Fate::kRefused),
                " refused, ", Count(outcomes, Fate::kNoAnswer), " without answer, ",
                Count(outcomes, Fate::kBroken), " broken, ", Count(outcomes, Fate::kNoPage),
                " without page; ", asked_again, " asked again, ", sent_again,
                " sent segments again\n");
}

}  // namespace summon::benchmarks
