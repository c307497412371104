// SPDX-License-Identifier: Apache-2.0
// What is understood of resolv.conf.
#include "dns/forward/resolv_conf.h"

#include <gtest/gtest.h>

namespace summon::dns::forward {
namespace {

std::vector<std::string> Servers(std::string_view text) {
  std::vector<std::string> out;
  for (const Endpoint& server : ParseResolvConf(text)) out.push_back(server.ToString());
  return out;
}
using Texts = std::vector<std::string>;

TEST(ParseResolvConf, TakesTheServersInTheirOrder) {
  EXPECT_EQ(Servers("nameserver 192.0.2.1\nnameserver\t2001:db8::1 \r\n"),
            (Texts{"192.0.2.1:53", "[2001:db8::1]:53"}));
}

TEST(ParseResolvConf, PassesOverCommentsOptionsAndWhatItDoesNotUnderstand) {
  EXPECT_EQ(Servers("# nameserver 192.0.2.9\n;nameserver 192.0.2.8\nsearch example\n"
                    "options edns0\nnameserver\nnameserver dns.example\nnameserver 192.0.2.1"),
            Texts{"192.0.2.1:53"});
}

TEST(ParseResolvConf, KeepsEachServerOnceAndNotTooMany) {
  std::string text = "nameserver 192.0.2.1\nnameserver 192.0.2.1\n";
  EXPECT_EQ(Servers(text).size(), 1u);
  for (int i = 2; i < 40; ++i) text += "nameserver 192.0.2." + std::to_string(i) + "\n";
  EXPECT_EQ(Servers(text).size(), kResolvConfServersMax);
}

TEST(ParseResolvConf, ReadsNoMoreThanItsBound) {
  const std::string text = std::string(kResolvConfBytesMax, '\n') + "nameserver 192.0.2.1\n";
  EXPECT_TRUE(Servers(text).empty());
}

}  // namespace
}  // namespace summon::dns::forward
