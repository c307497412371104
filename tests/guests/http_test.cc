// SPDX-License-Identifier: Apache-2.0
// The web service's HTTP: what it answers, what it refuses, and where a request ends.

#include "guests/web/http.h"

#include <gtest/gtest.h>

#include <string>

namespace summon::guest::web {
namespace {

struct Answered {
  std::size_t used;
  std::string head;
  std::uint64_t stream_bytes;
  bool close;
};

Answered Ask(std::string_view request) {
  const Facts facts{.name = "hello", .kind = "unikernel", .ready_us = 11, .now_us = 22};
  static Reply reply;
  reply = Reply{};
  const std::size_t used = Answer(request, facts, reply);
  return {used, std::string(reply.head.data(), reply.head_bytes), reply.stream_bytes, reply.close};
}

TEST(Http, PageShowsNameAndTimes) {
  const Answered answered = Ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(answered.head.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_NE(answered.head.find("<h1>hello</h1>"), std::string::npos);
  EXPECT_NE(answered.head.find("11 us"), std::string::npos);
  EXPECT_FALSE(answered.close);
}

TEST(Http, IncompleteRequestIsAskedForMore) {
  EXPECT_EQ(Ask("").used, 0u);
  EXPECT_EQ(Ask("GET / HTTP/1.1\r\nHost: a\r\n\r").used, 0u);
}

TEST(Http, PipelinedRequestIsLeftForTheNextCall) {
  const std::string one = "GET /times.json HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(Ask(one + one).used, one.size());
}

TEST(Http, HeadSendsTheLengthButNoBody) {
  const Answered answered = Ask("HEAD /bytes/1000 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(answered.head.find("Content-Length: 1000\r\n"), std::string::npos);
  EXPECT_EQ(answered.stream_bytes, 0u);
}

TEST(Http, BytesStreamsUpToItsLimit) {
  EXPECT_EQ(Ask("GET /bytes/100000000 HTTP/1.1\r\nHost: a\r\n\r\n").stream_bytes, kStreamMax);
  EXPECT_TRUE(Ask("GET /bytes/100000001 HTTP/1.1\r\nHost: a\r\n\r\n")
                  .head.starts_with("HTTP/1.1 404"));
}

TEST(Http, UnknownTargetIs404AndKeepsTheConnection) {
  const Answered answered = Ask("GET /no HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(answered.head.starts_with("HTTP/1.1 404"));
  EXPECT_FALSE(answered.close);
}

TEST(Http, OtherMethodIs405WithAllow) {
  const Answered answered = Ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_TRUE(answered.head.starts_with("HTTP/1.1 405"));
  EXPECT_NE(answered.head.find("Allow: GET, HEAD"), std::string::npos);
  EXPECT_TRUE(answered.close);
}

TEST(Http, MalformedRequestsAre400) {
  EXPECT_TRUE(Ask("GET / HTTP/1.1\n\n").head.starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(Ask("GET / HTTP/1.1\r\n\r\n").head.starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(Ask("GET /\r\n\r\n").head.starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(Ask("GET / HTTP/1.1\r\nBad name: x\r\nHost: a\r\n\r\n")
                  .head.starts_with("HTTP/1.1 400"));
}

TEST(Http, OversizedHeadIs431) {
  const std::string request = "GET / HTTP/1.1\r\nA: " + std::string(kRequestMax, 'x');
  EXPECT_TRUE(Ask(request).head.starts_with("HTTP/1.1 431"));
}

TEST(Http, ConnectionCloseIsHonoured) {
  EXPECT_TRUE(Ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n").close);
  EXPECT_TRUE(Ask("GET / HTTP/1.0\r\n\r\n").close);
}

}  // namespace
}  // namespace summon::guest::web
