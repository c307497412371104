// SPDX-License-Identifier: Apache-2.0
// TCP as RFC 7766 wants it: pipelines, pieces, half-closed connections, lies about lengths.
#include <set>

#include "tests/dns/conformance/harness.h"

namespace summon::dns::test {
namespace {

Packet WithId(Packet packet, std::uint16_t id) {
  packet[0] = static_cast<std::uint8_t>(id >> 8);
  packet[1] = static_cast<std::uint8_t>(id);
  return packet;
}
Packet Query(std::uint16_t id) { return WithId(PlainQuery("www.conf.test", RrType::kA), id); }

std::uint16_t IdOf(const std::optional<Packet>& reply) {
  return reply ? static_cast<std::uint16_t>((*reply)[0] << 8 | (*reply)[1]) : 0;
}

class Rfc1035Section4_2_2 : public ConformanceTest {};

TEST_F(Rfc1035Section4_2_2, AMessageHasItsLengthInFront) {
  TcpClient client(server());
  client.Send(Query(7));
  EXPECT_EQ(IdOf(client.Receive()), 7);
}
TEST_F(Rfc1035Section4_2_2, OctetByOctet) {
  TcpClient client(server());
  for (const std::uint8_t octet : TcpClient::Framed(Query(7))) client.SendRaw({octet});
  EXPECT_EQ(IdOf(client.Receive()), 7);
}
TEST_F(Rfc1035Section4_2_2, TheLengthApart) {
  TcpClient client(server());
  const Packet framed = TcpClient::Framed(Query(7));
  client.SendRaw({framed[0]});
  client.SendRaw({framed[1]});
  client.SendRaw(Packet(framed.begin() + 2, framed.end()));
  EXPECT_EQ(IdOf(client.Receive()), 7);
}
TEST_F(Rfc1035Section4_2_2, OneAndAHalfMessages) {
  TcpClient client(server());
  Packet octets = TcpClient::Framed(Query(1));
  const Packet second = TcpClient::Framed(Query(2));
  octets.insert(octets.end(), second.begin(), second.begin() + 9);
  client.SendRaw(octets);
  EXPECT_EQ(IdOf(client.Receive()), 1);
  client.SendRaw(Packet(second.begin() + 9, second.end()));
  EXPECT_EQ(IdOf(client.Receive()), 2);
}
TEST_F(Rfc1035Section4_2_2, AMessageWithoutAHeaderIsNotAnswered) {
  TcpClient client(server());
  client.SendRaw({0, 0});
  client.Send(Query(9));
  const auto reply = client.Receive();
  if (!reply) return;  // closing is right, too
  EXPECT_EQ(IdOf(reply), 9);
}
TEST_F(Rfc1035Section4_2_2, AMalformedMessageDoesNotEndTheConnection) {
  TcpClient client(server());
  Packet malformed = Query(1);
  malformed.push_back(0);
  client.Send(malformed);
  client.Send(Query(2));
  EXPECT_EQ(IdOf(client.Receive()), 1);
  EXPECT_EQ(IdOf(client.Receive()), 2);
}
TEST_F(Rfc1035Section4_2_2, AnAnswerMayBeLargerThanADatagramOfOurs) {
  TcpClient client(server());
  client.Send(PlainQuery("huge.conf.test", RrType::kTxt));
  EXPECT_GT(client.Receive().value_or(Packet()).size(), 4'096u);
}

class Rfc7766Section6_2_1 : public ConformanceTest {};

TEST_F(Rfc7766Section6_2_1, AConnectionIsGoodForManyQueries) {
  TcpClient client(server());
  for (std::uint16_t id = 1; id <= 250; ++id) {
    client.Send(Query(id));
    ASSERT_EQ(IdOf(client.Receive()), id);
  }
}
TEST_F(Rfc7766Section6_2_1, QueriesMayBePipelined) {
  TcpClient client(server());
  Packet octets;
  for (std::uint16_t id = 1; id <= 100; ++id) {
    const Packet one = TcpClient::Framed(Query(id));
    octets.insert(octets.end(), one.begin(), one.end());
  }
  client.SendRaw(octets);
  std::set<std::uint16_t> ids;
  for (int i = 0; i < 100; ++i) ids.insert(IdOf(client.Receive()));
  EXPECT_EQ(ids.size(), 100u);
  EXPECT_EQ(*ids.begin(), 1);
  EXPECT_EQ(*ids.rbegin(), 100);
}
TEST_F(Rfc7766Section6_2_1, ManyConnectionsAreServedAtOnce) {
  std::vector<std::unique_ptr<TcpClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(std::make_unique<TcpClient>(server()));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i]->Send(Query(static_cast<std::uint16_t>(i + 1)));
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    EXPECT_EQ(IdOf(clients[i]->Receive()), i + 1);
  }
}
// Connections that stop in the middle of a message hold nobody up.
TEST_F(Rfc7766Section6_2_1, StalledConnectionsDoNotBlockOthers) {
  std::vector<std::unique_ptr<TcpClient>> stalled;
  for (int i = 0; i < 40; ++i) {
    stalled.push_back(std::make_unique<TcpClient>(server()));
    stalled.back()->SendRaw({0, 30, 1, 2, 3});
  }
  TcpClient client(server());
  client.Send(Query(5));
  EXPECT_EQ(IdOf(client.Receive()), 5);
}

class Rfc7766Section6_2_4 : public ConformanceTest {};

TEST_F(Rfc7766Section6_2_4, AHalfClosedConnectionGetsItsAnswers) {
  TcpClient client(server());
  client.Send(Query(1));
  client.Send(Query(2));
  client.EndSending();
  std::set<std::uint16_t> ids = {IdOf(client.Receive())};
  ids.insert(IdOf(client.Receive()));
  EXPECT_EQ(ids, (std::set<std::uint16_t>{1, 2}));
  EXPECT_TRUE(client.SeesEnd());
}
TEST_F(Rfc7766Section6_2_4, AnEndInTheMiddleOfAMessageIsTheEnd) {
  TcpClient client(server());
  client.SendRaw({0, 30, 1, 2, 3});
  client.EndSending();
  EXPECT_TRUE(client.SeesEnd());
}
TEST_F(Rfc7766Section6_2_4, AConnectionThatAsksNothingIsLeftAlone) {
  TcpClient client(server());
  client.EndSending();
  EXPECT_TRUE(client.SeesEnd());
}

class Rfc7766Section8 : public ConformanceTest {};

TEST_F(Rfc7766Section8, AResponseOverTcpIsNotAnswered) {
  Packet response = Query(3);
  response[2] |= 0x80;
  ExpectTcpSilence(response);
}

}  // namespace
}  // namespace summon::dns::test
