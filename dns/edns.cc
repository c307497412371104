// SPDX-License-Identifier: Apache-2.0
// Options, there and back.
#include "dns/edns.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace summon::dns {

namespace {

constexpr std::uint16_t kDnssecOk = 0x8000;
constexpr std::uint16_t kCompactOk = 0x4000;
constexpr std::size_t kKeepaliveSize = 2;
constexpr std::size_t kErrorCodeSize = 2;

// Sizes by RFC 7873 section 5.2.2; the first of several cookies counts (section 5.2).
bool TakeCookie(Bytes value, Edns& edns) {
  const std::size_t server_size = value.size() - std::min(value.size(), kClientCookieSize);
  if (value.size() < kClientCookieSize || server_size > kServerCookieMax) return false;
  if (server_size != 0 && server_size < kServerCookieMin) return false;
  if (edns.cookie) return true;
  Cookie& cookie = edns.cookie.emplace();
  std::copy_n(value.begin(), kClientCookieSize, cookie.client.begin());
  value = value.subspan(kClientCookieSize);
  std::copy_n(value.begin(), std::min(value.size(), cookie.server.size()), cookie.server.begin());
  cookie.server_size = static_cast<std::uint8_t>(server_size);
  edns.cookie_state = server_size == 0 ? CookieState::kClientOnly : CookieState::kBad;
  return true;
}

// Exactly the octets that the prefix needs, nothing set beyond it, and no scope in a query
// (RFC 7871 sections 6 and 7.1.2). An unknown family is none of our business.
bool TakeClientSubnet(Bytes value, Edns& edns) {
  ByteReader reader(value);
  const auto family = reader.Be16();
  const auto source = reader.U8();
  const auto scope = reader.U8();
  if (!family || !source || !scope || *scope != 0) return false;
  constexpr std::uint16_t kIpv4 = static_cast<std::uint16_t>(ClientSubnet::Family::kIpv4);
  constexpr std::uint16_t kIpv6 = static_cast<std::uint16_t>(ClientSubnet::Family::kIpv6);
  if (*family == 0 && *source == 0) return reader.remaining() == 0;
  if (*family != kIpv4 && *family != kIpv6) return true;
  const std::size_t bits = *source;
  if (bits > (*family == kIpv4 ? 32u : 128u) || reader.remaining() != (bits + 7) / 8) return false;
  const Bytes address = *reader.Take(reader.remaining());
  if (bits % 8 != 0 && (address.back() & (0xffu >> bits % 8)) != 0) return false;
  if (edns.client_subnet) return true;
  ClientSubnet& subnet = edns.client_subnet.emplace();
  subnet.family = static_cast<ClientSubnet::Family>(*family);
  subnet.prefix_length = *source;
  std::copy(address.begin(), address.end(), subnet.address.begin());
  return true;
}

std::optional<OptionFault> TakeOption(std::uint16_t code, Bytes value, Edns& edns) {
  switch (static_cast<EdnsOption>(code)) {
    case EdnsOption::kCookie:
      if (!TakeCookie(value, edns)) return OptionFault::kCookie;
      break;
    case EdnsOption::kClientSubnet:
      if (!TakeClientSubnet(value, edns)) return OptionFault::kClientSubnet;
      break;
    // What these three carry in a query means nothing to a server (RFC 5001 section 2.2, RFC 7828
    // section 3.1, RFC 7830 section 3).
    case EdnsOption::kNsid: edns.nsid_wanted = true; break;
    case EdnsOption::kTcpKeepalive: edns.keepalive_wanted = true; break;
    case EdnsOption::kPadding: edns.padding_wanted = true; break;
    default: break;  // unknown ones are passed over (RFC 6891 section 6.1.2)
  }
  return std::nullopt;
}

bool BeginOption(ByteWriter& writer, EdnsOption code, std::size_t size) {
  return writer.Be16(static_cast<std::uint16_t>(code)) &&
         writer.Be16(static_cast<std::uint16_t>(size));
}

// The options that OptSize() has counted.
bool WriteReply(ByteWriter& writer, const OptContent& content) {
  const EdnsReply& reply = content.reply;
  if (reply.has_cookie && content.asked.cookie) {
    const std::size_t size = kClientCookieSize + kOurServerCookieSize;
    if (!BeginOption(writer, EdnsOption::kCookie, size) ||
        !writer.Put(content.asked.cookie->client) || !writer.Put(reply.cookie)) {
      return false;
    }
  }
  if (reply.nsid.size > 0 && (!BeginOption(writer, EdnsOption::kNsid, reply.nsid.size) ||
                              !writer.Put(reply.nsid.bytes()))) {
    return false;
  }
  if (reply.keepalive > 0 && (!BeginOption(writer, EdnsOption::kTcpKeepalive, kKeepaliveSize) ||
                              !writer.Be16(reply.keepalive))) {
    return false;
  }
  return true;
}

// As much of it as there is room for: with its text, without, or nothing.
void WriteError(ByteWriter& writer, const ExtendedError& error) {
  constexpr std::size_t kBare = kOptionHeadSize + kErrorCodeSize;
  if (writer.remaining() < kBare) return;
  std::string_view text = error.text.substr(0, ExtendedError::kTextMax);
  if (writer.remaining() < kBare + text.size()) text = {};
  (void)BeginOption(writer, EdnsOption::kExtendedError, kErrorCodeSize + text.size());
  (void)writer.Be16(static_cast<std::uint16_t>(error.code));  // there is room
  for (const char c : text) (void)writer.U8(static_cast<std::uint8_t>(c));
}

void WritePadding(ByteWriter& writer, std::size_t before) {
  if (writer.remaining() < kOptionHeadSize) return;
  const std::size_t bare = before + writer.position() + kOptionHeadSize;
  const std::size_t wanted = (kPaddingBlock - bare % kPaddingBlock) % kPaddingBlock;
  const std::size_t size = std::min(wanted, writer.remaining() - kOptionHeadSize);
  (void)BeginOption(writer, EdnsOption::kPadding, size);
  for (std::size_t i = 0; i < size; ++i) (void)writer.U8(0);  // there is room
}

}  // namespace

std::string_view CookieStateText(CookieState state) {
  constexpr std::array<std::string_view, kCookieStateCount> kTexts = {"none", "client_only",
                                                                      "valid", "bad"};
  return kTexts[static_cast<std::size_t>(state)];
}

std::optional<OptionFault> ReadOptions(Bytes rdata, Edns& edns) {
  ByteReader reader(rdata);
  while (reader.remaining() > 0) {
    const auto code = reader.Be16();
    const auto length = reader.Be16();
    if (!code || !length) return OptionFault::kForm;
    const auto value = reader.Take(*length);
    if (!value) return OptionFault::kForm;
    if (const auto fault = TakeOption(*code, *value, edns)) return fault;
  }
  return std::nullopt;
}

std::optional<Nsid> Nsid::FromText(std::string_view text) {
  Nsid nsid;
  if (text.size() > kSizeMax) return std::nullopt;
  nsid.size = static_cast<std::uint8_t>(text.size());
  if (!text.empty()) std::memcpy(nsid.octets.data(), text.data(), text.size());
  return nsid;
}

std::size_t OptSize(const Edns& asked, const EdnsReply& reply) {
  std::size_t size = kOptHeadSize;
  if (reply.has_cookie && asked.cookie) {
    size += kOptionHeadSize + kClientCookieSize + kOurServerCookieSize;
  }
  if (reply.nsid.size > 0) size += kOptionHeadSize + reply.nsid.size;
  if (reply.keepalive > 0) size += kOptionHeadSize + kKeepaliveSize;
  return size;
}

std::size_t WriteOpt(std::span<std::uint8_t> space, const OptContent& content) {
  ByteWriter writer(space);
  const auto upper_rcode =
      static_cast<std::uint8_t>(static_cast<std::uint16_t>(content.rcode) >> 4);
  bool fits = writer.U8(0) && writer.Be16(static_cast<std::uint16_t>(RrType::kOpt)) &&
              writer.Be16(content.reply.udp_size) && writer.U8(upper_rcode) &&
              writer.U8(0) &&  // version
              writer.Be16(static_cast<std::uint16_t>((content.asked.dnssec_ok ? kDnssecOk : 0) |
                                                     (content.compact ? kCompactOk : 0)));
  const std::size_t length_at = writer.position();
  fits = fits && writer.Be16(0) && WriteReply(writer, content);
  SUMMON_CHECK(fits);
  if (content.error) WriteError(writer, *content.error);
  if (content.encrypted && content.asked.padding_wanted) WritePadding(writer, content.before);
  const std::size_t length = writer.position() - length_at - 2;
  (void)writer.PatchBe16(length_at, static_cast<std::uint16_t>(length));
  return writer.position();
}

}  // namespace summon::dns
