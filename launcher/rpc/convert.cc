// SPDX-License-Identifier: Apache-2.0
// Field by field, with every enum checked.
#include "launcher/rpc/convert.h"

#include <algorithm>

#include "base/strings.h"

namespace summon::launcher {

namespace {

// Enums stand on the wire as their value plus one, so that a field that was not set is no value.
template <typename Enum>
std::uint32_t EnumToWire(Enum value) {
  return static_cast<std::uint32_t>(value) + 1;
}
template <typename Enum>
std::optional<Enum> EnumFromWire(std::uint32_t value, Enum last) {
  if (value == 0 || value > static_cast<std::uint32_t>(last) + 1) return std::nullopt;
  return static_cast<Enum>(value - 1);
}

template <typename Address>
std::string OctetsOf(const Address& address) {
  return std::string(address.octets.begin(), address.octets.end());
}
template <typename Address>
std::optional<Address> FromOctets(const std::string& octets) {
  Address address;
  if (octets.size() != address.octets.size()) return std::nullopt;
  std::copy(octets.begin(), octets.end(), address.octets.begin());
  return address;
}

Error Invalid(std::string text) { return Error(ErrorCode::kInvalid, std::move(text)); }

}  // namespace

std::uint32_t ToWire(Kind kind) { return EnumToWire(kind); }
std::optional<Kind> KindFrom(std::uint32_t value) { return EnumFromWire(value, Kind::kProcess); }
std::uint32_t ToWire(Rung rung) { return EnumToWire(rung); }
std::optional<Rung> RungFrom(std::uint32_t value) { return EnumFromWire(value, Rung::kOff); }

rpc::Prepare ToFrame(LaunchOrder order, std::vector<UniqueFd>& fds) {
  rpc::Prepare frame;
  frame.set_service(order.service);
  for (ImageFile& image : order.images) {
    rpc::Prepare::Image& entry = *frame.add_images();
    entry.set_kind(ToWire(image.kind));
    entry.set_path(image.path);
    fds.push_back(std::move(image.file));
  }
  frame.set_command_line(order.command_line);
  frame.set_memory_mib(order.memory_mib);
  frame.set_address(OctetsOf(order.address));
  frame.set_gateway(OctetsOf(order.gateway));
  frame.set_tap_name(order.tap_name);
  for (const NetOrder& net : order.nets) {
    rpc::Prepare::Net& entry = *frame.add_nets();
    entry.set_name(net.name);
    if (net.mac) entry.set_mac(OctetsOf(*net.mac));
    entry.set_spoof_check(EnumToWire(net.spoof_check));
  }
  for (BlockOrder& block : order.blocks) {
    rpc::Prepare::Block& entry = *frame.add_blocks();
    entry.set_name(block.name);
    entry.set_path(block.path);
    entry.set_sector_size(block.sector_size);
    entry.set_read_only(block.read_only);
    fds.push_back(std::move(block.file));
  }
  frame.set_snapshots(order.snapshots);
  return frame;
}

Result<LaunchOrder> OrderFrom(const rpc::Prepare& frame, std::vector<UniqueFd> fds) {
  const auto wanted = static_cast<std::size_t>(frame.images_size() + frame.blocks_size());
  if (fds.size() != wanted) {
    return Invalid(StrCat("an order with ", fds.size(), " descriptors; must be ", wanted));
  }
  auto next_fd = fds.begin();
  LaunchOrder order;
  order.service = frame.service();
  for (const rpc::Prepare::Image& image : frame.images()) {
    const auto kind = KindFrom(image.kind());
    if (!kind) return Invalid(StrCat("an image of kind ", image.kind()));
    order.images.push_back(ImageFile{*kind, std::move(*next_fd++), image.path()});
  }
  order.command_line = frame.command_line();
  order.memory_mib = frame.memory_mib();
  const auto address = FromOctets<Ipv4Address>(frame.address());
  const auto gateway = FromOctets<Ipv4Address>(frame.gateway());
  if (!address || !gateway) return Invalid("an order without IPv4 addresses");
  order.address = *address;
  order.gateway = *gateway;
  order.tap_name = frame.tap_name();
  for (const rpc::Prepare::Net& net : frame.nets()) {
    const auto mac = FromOctets<MacAddress>(net.mac());
    if (!mac && !net.mac().empty()) return Invalid("a MAC that has not 6 bytes");
    const auto check = EnumFromWire(net.spoof_check(), SpoofCheck::kOff);
    if (!check) return Invalid(StrCat("a net device with the spoof check ", net.spoof_check()));
    order.nets.push_back(NetOrder{net.name(), mac, *check});
  }
  for (const rpc::Prepare::Block& block : frame.blocks()) {
    order.blocks.push_back(BlockOrder{block.name(), std::move(*next_fd++), block.path(),
                                      block.sector_size(), block.read_only()});
  }
  order.snapshots = frame.snapshots();
  return order;
}

rpc::Problem ToFrame(const Status& status) {
  rpc::Problem problem;
  if (status.ok()) return problem;
  problem.set_error_code(EnumToWire(status.error().code()));
  problem.set_message(status.error().message());
  return problem;
}

Status StatusFrom(const rpc::Problem& problem) {
  if (problem.error_code() == 0) return Ok();
  const auto code = EnumFromWire(problem.error_code(), ErrorCode::kIo);
  return Error(code.value_or(ErrorCode::kIo), problem.message());
}

rpc::StageReached ToFrame(const StageReport& report) {
  rpc::StageReached frame;
  frame.set_stage(EnumToWire(report.stage));
  frame.set_at_nanos(ToNanos(report.at));
  frame.set_kind(ToWire(report.kind));
  frame.set_from(ToWire(report.from));
  return frame;
}

std::optional<StageReport> StageFrom(const rpc::StageReached& frame) {
  const auto stage = EnumFromWire(frame.stage(), Stage::kFirstByteOut);
  const auto kind = KindFrom(frame.kind());
  const auto from = RungFrom(frame.from());
  if (!stage || !kind || !from) return std::nullopt;
  return StageReport{*stage, InstantFromNanos(frame.at_nanos()), *kind, *from};
}

rpc::Ended ToFrame(const EndReport& report) {
  rpc::Ended frame;
  frame.set_reason(EnumToWire(report.reason));
  frame.set_exit_status(report.exit_status);
  frame.set_detail(report.detail);
  frame.set_frames_dropped(report.frames_dropped);
  frame.set_console_bytes_lost(report.console_bytes_lost);
  *frame.mutable_rest() = ToFrame(report.rest);
  frame.set_frames_forged(report.frames_forged);
  return frame;
}

std::optional<EndReport> EndFrom(const rpc::Ended& frame) {
  const auto reason = EnumFromWire(frame.reason(), EndReason::kLost);
  const auto rest = RestFrom(frame.rest());
  if (!reason || !rest) return std::nullopt;
  return EndReport{.reason = *reason,
                   .exit_status = frame.exit_status(),
                   .detail = frame.detail(),
                   .frames_dropped = frame.frames_dropped(),
                   .frames_forged = frame.frames_forged(),
                   .console_bytes_lost = frame.console_bytes_lost(),
                   .rest = *rest};
}

rpc::Rest ToFrame(const Rest& rest) {
  rpc::Rest frame;
  frame.set_rung(ToWire(rest.rung));
  frame.set_memory_bytes(rest.memory_bytes);
  frame.set_disk_bytes(rest.disk_bytes);
  return frame;
}

std::optional<Rest> RestFrom(const rpc::Rest& frame) {
  const auto rung = RungFrom(frame.rung());
  if (!rung) return std::nullopt;
  return Rest{*rung, frame.memory_bytes(), frame.disk_bytes()};
}

rpc::RungMeasured ToFrame(const RungMeasure& measure) {
  rpc::RungMeasured frame;
  frame.set_kind(ToWire(measure.kind));
  frame.set_rung(ToWire(measure.rung));
  frame.set_samples(measure.samples);
  frame.set_wake_p50_nanos(measure.wake_p50.count());
  frame.set_memory_p50_bytes(measure.memory_p50_bytes);
  return frame;
}

std::optional<RungMeasure> MeasureFrom(const rpc::RungMeasured& frame) {
  const auto kind = KindFrom(frame.kind());
  const auto rung = RungFrom(frame.rung());
  if (!kind || !rung || frame.samples() == 0) return std::nullopt;
  return RungMeasure{.kind = *kind,
                     .rung = *rung,
                     .samples = frame.samples(),
                     .wake_p50 = Duration(frame.wake_p50_nanos()),
                     .memory_p50_bytes = frame.memory_p50_bytes()};
}

rpc::Inventory::Entry ToFrame(const InventoryEntry& entry) {
  rpc::Inventory::Entry frame;
  frame.set_service(entry.service);
  frame.set_generation(entry.generation);
  frame.set_kind(ToWire(entry.kind));
  frame.set_ready(entry.ready);
  frame.set_launched_nanos(ToNanos(entry.launched));
  return frame;
}

std::optional<InventoryEntry> EntryFrom(const rpc::Inventory::Entry& frame) {
  const auto kind = KindFrom(frame.kind());
  if (!kind || frame.service().empty()) return std::nullopt;
  return InventoryEntry{.service = frame.service(),
                        .generation = frame.generation(),
                        .kind = *kind,
                        .ready = frame.ready(),
                        .launched = InstantFromNanos(frame.launched_nanos())};
}

}  // namespace summon::launcher
