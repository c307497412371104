// SPDX-License-Identifier: Apache-2.0
#pragma once
// Between the port's values and the frames of launcher.proto. What comes from the peer is
// checked here; past this file only checked values travel.

#include <optional>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "launcher/launcher.h"
#include "launcher/rpc/launcher.pb.h"

namespace summon::launcher {

// The descriptors of `order` move into `fds` in the frame's order.
rpc::Prepare ToFrame(LaunchOrder order, std::vector<UniqueFd>& fds);
// Errors: kInvalid when the frame and its descriptors do not fit each other, or a value is none.
Result<LaunchOrder> OrderFrom(const rpc::Prepare& frame, std::vector<UniqueFd> fds);

rpc::Problem ToFrame(const Status& status);
Status StatusFrom(const rpc::Problem& problem);

// The frames name the instance; the caller sets it.
rpc::StageReached ToFrame(const StageReport& report);
std::optional<StageReport> StageFrom(const rpc::StageReached& frame);
rpc::Ended ToFrame(const EndReport& report);
std::optional<EndReport> EndFrom(const rpc::Ended& frame);

rpc::Inventory::Entry ToFrame(const InventoryEntry& entry);
std::optional<InventoryEntry> EntryFrom(const rpc::Inventory::Entry& frame);

rpc::Rest ToFrame(const Rest& rest);
std::optional<Rest> RestFrom(const rpc::Rest& frame);
rpc::RungMeasured ToFrame(const RungMeasure& measure);
std::optional<RungMeasure> MeasureFrom(const rpc::RungMeasured& frame);

std::uint32_t ToWire(Kind kind);
std::optional<Kind> KindFrom(std::uint32_t value);
std::uint32_t ToWire(Rung rung);
std::optional<Rung> RungFrom(std::uint32_t value);

}  // namespace summon::launcher
