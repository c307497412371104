// SPDX-License-Identifier: Apache-2.0
// Reading requests and writing answers; see the header.
#include "guests/web/http.h"

#include <optional>

#include "guests/runtime/arguments.h"
#include "guests/runtime/text.h"

namespace summon::guest::web {

namespace {

consteval std::array<char, kPatternBytes> MakePattern() {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-\n";
  static_assert(kLetters.size() == kPatternLine);
  std::array<char, kPatternBytes> pattern{};
  for (std::size_t i = 0; i < kPatternBytes; ++i) pattern[i] = kLetters[i % kPatternLine];
  return pattern;
}

struct Request {
  std::string_view method;
  std::string_view target;
  bool keep_alive = true;
  bool has_host = false;
  std::uint64_t body_bytes = 0;
  int error = 0;  // a status, when the request is refused
};

std::string_view Cut(std::string_view text, std::size_t begin, std::size_t end) {
  return {text.data() + begin, end - begin};
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (Lower(a[i]) != Lower(b[i])) return false;
  }
  return true;
}

// RFC 9110 section 5.6.2.
bool IsToken(std::string_view text) {
  for (const char c : text) {
    const bool alphanumeric = (Lower(c) >= 'a' && Lower(c) <= 'z') || (c >= '0' && c <= '9');
    if (!alphanumeric && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return !text.empty();
}

std::string_view Trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Whether a comma-separated list has `wanted`, ignoring case.
bool ListHas(std::string_view list, std::string_view wanted) {
  while (true) {
    const std::size_t comma = list.find(',');
    if (comma == std::string_view::npos) return EqualIgnoringCase(Trim(list), wanted);
    if (EqualIgnoringCase(Trim(Cut(list, 0, comma)), wanted)) return true;
    list.remove_prefix(comma + 1);
  }
}

void ParseRequestLine(std::string_view line, Request& request) {
  const std::size_t first = line.find(' ');
  const std::size_t second = line.rfind(' ');
  if (first == std::string_view::npos || second == first) {
    request.error = 400;
    return;
  }
  request.method = Cut(line, 0, first);
  request.target = Cut(line, first + 1, second);
  const std::string_view version = Cut(line, second + 1, line.size());
  if (!IsToken(request.method) || request.target.empty() ||
      request.target.find(' ') != std::string_view::npos || !version.starts_with("HTTP/")) {
    request.error = 400;
  } else if (version == "HTTP/1.0") {
    request.keep_alive = false;
    request.has_host = true;  // not required yet
  } else if (version != "HTTP/1.1") {
    request.error = 505;
  }
}

void ParseField(std::string_view line, Request& request) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(Cut(line, 0, colon))) {
    request.error = 400;
    return;
  }
  const std::string_view name = Cut(line, 0, colon);
  const std::string_view value = Trim(Cut(line, colon + 1, line.size()));
  if (EqualIgnoringCase(name, "host")) {
    request.has_host = true;
  } else if (EqualIgnoringCase(name, "connection")) {
    if (ListHas(value, "close")) request.keep_alive = false;
  } else if (EqualIgnoringCase(name, "transfer-encoding")) {
    request.error = 501;
  } else if (EqualIgnoringCase(name, "content-length")) {
    const auto length = ParseNumber(value, ~std::uint64_t{0} >> 1);
    if (!length || (request.body_bytes != 0 && request.body_bytes != *length)) {
      request.error = 400;
    } else {
      request.body_bytes = *length;
    }
  }
}

// The length of the request's head with its empty line; 0 when it is not all there, or when a
// line ends in a way that no HTTP line may (then `bad`).
std::size_t FindHead(std::string_view received, bool& bad) {
  std::size_t line = 0;
  for (std::size_t i = 0; i < received.size(); ++i) {
    const char c = received[i];
    if (c == 0) bad = true;
    if (c == '\r' && i + 1 < received.size() && received[i + 1] != '\n') bad = true;
    if (c == '\n' && (i == 0 || received[i - 1] != '\r')) bad = true;
    if (bad) return 0;
    if (c != '\n') continue;
    if (i - line == 1) return i + 1;
    line = i + 1;
  }
  return 0;
}

Request ParseHead(std::string_view head) {
  Request request;
  bool first = true;
  while (request.error == 0) {
    const std::size_t end = head.find("\r\n");
    if (end == 0 || end == std::string_view::npos) break;
    const std::string_view line = Cut(head, 0, end);
    if (first) {
      ParseRequestLine(line, request);
    } else {
      ParseField(line, request);
    }
    first = false;
    head.remove_prefix(end + 2);
  }
  if (request.error == 0 && (first || !request.has_host)) request.error = 400;
  return request;
}

std::string_view Reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    default: return "HTTP Version Not Supported";
  }
}

// What a response says; `body` is sent after the head, unless the method is HEAD.
struct Content {
  int status = 200;
  std::string_view type = "text/plain";
  std::string_view body = {};
  std::uint64_t stream_bytes = 0;
  bool head_only = false;
};

void WriteReply(const Content& content, Reply& reply) {
  TextWriter out(reply.head.data(), reply.head.size());
  out << "HTTP/1.1 " << content.status << ' ' << Reason(content.status) << "\r\nContent-Type: "
      << content.type << "\r\nContent-Length: "
      << static_cast<std::uint64_t>(content.body.size()) + content.stream_bytes
      << "\r\nCache-Control: no-store\r\n";
  if (content.status == 405) out << "Allow: GET, HEAD\r\n";
  if (reply.close) out << "Connection: close\r\n";
  out << "\r\n";
  reply.stream_bytes = content.head_only ? 0 : content.stream_bytes;
  if (!content.head_only) out << content.body;
  reply.head_bytes = out.size();
}

void WritePage(const Facts& facts, TextWriter& out) {
  out << "<!doctype html><meta charset=utf-8><title>" << facts.name << "</title>\n<h1>"
      << facts.name << "</h1>\n<p>A " << facts.kind
      << ", summoned by its name. Its own clock says:</p>\n<table>\n<tr><td>entered to ready<td>"
      << facts.ready_us << " us\n<tr><td>entered to first frame<td>" << facts.first_frame_us
      << " us\n<tr><td>entered to this response<td>" << facts.now_us
      << " us\n<tr><td>requests served<td>" << facts.requests
      << "\n<tr><td>booted at (Unix time)<td>" << facts.boot_wall_s
      << " s\n<tr><td>up for<td>" << facts.now_us / 1'000'000 << '.';
  out.Number(facts.now_us % 1'000'000, 6) << " s\n</table>\n";
}

void WriteTimes(const Facts& facts, TextWriter& out) {
  out << "{\"name\":\"" << facts.name << "\",\"kind\":\"" << facts.kind
      << "\",\"ready_us\":" << facts.ready_us << ",\"first_frame_us\":" << facts.first_frame_us
      << ",\"response_us\":" << facts.now_us << ",\"requests\":" << facts.requests
      << ",\"boot_unix_s\":" << facts.boot_wall_s << ",\"uptime_us\":" << facts.now_us << "}\n";
}

void Refuse(int status, Reply& reply) {
  reply.close = true;  // where the next request begins is not known
  WriteReply({.status = status, .body = "refused\n"}, reply);
}

void AnswerTarget(std::string_view target, bool head_only, const Facts& facts, Reply& reply) {
  constexpr std::string_view kBytes = "/bytes/";
  char page[kReplyMax / 2];
  TextWriter text(page, sizeof page);
  const std::size_t query = target.find('?');
  if (query != std::string_view::npos) target = Cut(target, 0, query);
  Content content{.head_only = head_only};
  if (target == "/") {
    WritePage(facts, text);
    content.type = "text/html";
    content.body = text.view();
  } else if (target == "/times.json") {
    WriteTimes(facts, text);
    content.type = "application/json";
    content.body = text.view();
  } else {
    std::optional<std::uint64_t> count;
    if (target.starts_with(kBytes)) {
      count = ParseNumber(Cut(target, kBytes.size(), target.size()), kStreamMax);
    }
    content.stream_bytes = count.value_or(0);
    if (!count) {
      content.status = 404;
      content.body = "not found\n";
    }
  }
  WriteReply(content, reply);
}

}  // namespace

constinit const std::array<char, kPatternBytes> kPattern = MakePattern();

std::size_t Answer(std::string_view received, const Facts& facts, Reply& reply) {
  // One empty line before a request is allowed (RFC 9112 section 2.2).
  const std::size_t skipped = received.starts_with("\r\n") ? 2 : 0;
  received.remove_prefix(skipped);
  bool bad = false;
  const std::size_t head = FindHead(Cut(received, 0, received.size()), bad);
  if (!bad && head == 0 && received.size() < kRequestMax) return 0;
  if (bad || head == 0 || head > kRequestMax) {
    Refuse(bad ? 400 : 431, reply);
    return skipped + received.size();
  }
  const Request request = ParseHead(Cut(received, 0, head));
  reply.close = !request.keep_alive;
  const bool known = request.method == "GET" || request.method == "HEAD";
  if (request.error != 0) {
    Refuse(request.error, reply);
  } else if (request.body_bytes != 0) {
    Refuse(known ? 413 : 405, reply);
  } else if (!known) {
    WriteReply({.status = 405, .body = "only GET and HEAD\n"}, reply);
  } else {
    AnswerTarget(request.target, request.method == "HEAD", facts, reply);
  }
  return skipped + head;
}

}  // namespace summon::guest::web
