// SPDX-License-Identifier: Apache-2.0
// The hypercalls, one function each.
#include "hypervisor/hypercall/dispatcher.h"

#include <algorithm>

#include "hypervisor/devices/frame.h"

namespace summon::hypervisor {

namespace {

std::string_view NameOf(Hypercall call) {
  switch (call) {
    case Hypercall::kWallTime: return "WALLTIME";
    case Hypercall::kPuts: return "PUTS";
    case Hypercall::kPoll: return "POLL";
    case Hypercall::kBlockWrite: return "BLOCK_WRITE";
    case Hypercall::kBlockRead: return "BLOCK_READ";
    case Hypercall::kNetWrite: return "NET_WRITE";
    case Hypercall::kNetRead: return "NET_READ";
    case Hypercall::kHalt: return "HALT";
  }
  return "unknown";
}

// The guest named a structure or buffer that is not its own.
End BadPointer(Hypercall call, std::string_view what, std::uint64_t address, std::uint64_t size) {
  Detail detail("hypercall ");
  detail.Add(NameOf(call)).Add(": ").Add(what).Add(" at ").AddHex(address).Add(" of ");
  detail.AddNumber(size).Add(" bytes is not guest memory that it may use so");
  return GuestFault(detail);
}

constexpr std::uint32_t BitOf(Stage stage) { return 1u << static_cast<std::uint32_t>(stage); }

constexpr std::int32_t Answer(GuestResult result) { return static_cast<std::int32_t>(result); }

}  // namespace

std::optional<End> HypercallDispatcher::Dispatch(Hypercall number, std::uint64_t argument) {
  switch (number) {
    case Hypercall::kWallTime: return WallTime(argument);
    case Hypercall::kPuts: return Puts(argument);
    case Hypercall::kPoll: return Poll(argument);
    case Hypercall::kBlockWrite: return BlockWrite(argument);
    case Hypercall::kBlockRead: return BlockRead(argument);
    case Hypercall::kNetWrite: return NetWrite(argument);
    case Hypercall::kNetRead: return NetRead(argument);
    case Hypercall::kHalt: return Halt(argument);
  }
  Detail detail("hypercall ");
  detail.AddNumber(static_cast<std::uint32_t>(number)).Add(" does not exist; known are 1..8");
  return GuestFault(detail);
}

std::optional<End> HypercallDispatcher::WallTime(std::uint64_t argument) {
  if (!world_.memory.Store(argument, WallTimeCall{world_.wall_clock.Nanos()})) {
    return BadPointer(Hypercall::kWallTime, "the structure", argument, sizeof(WallTimeCall));
  }
  return std::nullopt;
}

std::optional<End> HypercallDispatcher::Puts(std::uint64_t argument) {
  const auto call = world_.memory.Copy<PutsCall>(argument);
  if (!call) return BadPointer(Hypercall::kPuts, "the structure", argument, sizeof(PutsCall));
  const auto text = world_.memory.Readable(call->data, call->length);
  if (!text) return BadPointer(Hypercall::kPuts, "the text", call->data, call->length);
  const Bytes taken = text->first(std::min<std::uint64_t>(text->size(), kPutsBytesMax));
  counters_.console_bytes_lost += text->size() - world_.console.Write(taken);
  return std::nullopt;
}

std::optional<End> HypercallDispatcher::Poll(std::uint64_t argument) {
  const auto call = world_.memory.Copy<PollCall>(argument);
  // Before waiting, so that a bad pointer is told now and not in a year.
  if (!call || !world_.memory.Writable(argument, sizeof(PollCall))) {
    return BadPointer(Hypercall::kPoll, "the structure", argument, sizeof(PollCall));
  }
  ReachOnce(Stage::kReady);
  const std::uint64_t timeout = std::min(call->timeout_nanos, kPollNanosMax);
  return FinishPoll({argument, world_.waiter.Now() + Duration(static_cast<std::int64_t>(timeout))});
}

std::optional<End> HypercallDispatcher::ResumePoll(const PendingPoll& poll) {
  if (!world_.memory.Writable(poll.argument, sizeof(PollCall))) {
    return BadPointer(Hypercall::kPoll, "the structure", poll.argument, sizeof(PollCall));
  }
  ReachOnce(Stage::kReady);
  return FinishPoll(poll);
}

// The structure at poll.argument is the guest's own.
std::optional<End> HypercallDispatcher::FinishPoll(const PendingPoll& poll) {
  const PollWaiter::Result waited = world_.waiter.Wait(poll.deadline);
  if (waited.resumed) {
    stages_reached_ &= ~(BitOf(Stage::kFirstPacketIn) | BitOf(Stage::kFirstByteOut));
  }
  if (waited.leave) {
    pending_poll_ = poll;
    return End{EndReason::kSnapshotTaken, 0, {}};
  }
  auto call = world_.memory.Copy<PollCall>(poll.argument);
  SUMMON_CHECK(call.has_value());  // the caller has seen to it
  call->ready_set = waited.ready;
  call->ready_count = __builtin_popcountll(waited.ready);
  (void)world_.memory.Store(poll.argument, *call);  // likewise
  return std::nullopt;
}

DeviceSlot* HypercallDispatcher::SlotOf(std::uint64_t handle) {
  return handle < world_.devices.size() ? &world_.devices[handle] : nullptr;
}

void HypercallDispatcher::ReachOnce(Stage stage) {
  const std::uint32_t bit = BitOf(stage);
  if ((stages_reached_ & bit) != 0) return;
  stages_reached_ |= bit;
  world_.stages.Reached(stage);
}

namespace {

// Whether `length` bytes at `offset` lie on a device of `capacity` bytes.
bool OnDevice(const BlockCall& call, std::uint64_t capacity) {
  return call.offset < capacity && call.length <= capacity - call.offset;
}

}  // namespace

std::optional<End> HypercallDispatcher::BlockWrite(std::uint64_t argument) {
  auto call = world_.memory.Copy<BlockCall>(argument);
  if (!call || !world_.memory.Writable(argument, sizeof(BlockCall))) {
    return BadPointer(Hypercall::kBlockWrite, "the structure", argument, sizeof(BlockCall));
  }
  const auto data = world_.memory.Readable(call->data, call->length);
  if (!data) return BadPointer(Hypercall::kBlockWrite, "the data", call->data, call->length);
  const DeviceSlot* slot = SlotOf(call->handle);
  GuestResult result = GuestResult::kInvalid;
  if (slot != nullptr && slot->block != nullptr && !slot->read_only &&
      OnDevice(*call, slot->capacity)) {
    result = slot->block->Write(call->offset, *data) ? GuestResult::kOk
                                                     : GuestResult::kUnspecified;
  }
  call->result = Answer(result);
  (void)world_.memory.Store(argument, *call);  // checked above
  return std::nullopt;
}

std::optional<End> HypercallDispatcher::BlockRead(std::uint64_t argument) {
  auto call = world_.memory.Copy<BlockCall>(argument);
  if (!call || !world_.memory.Writable(argument, sizeof(BlockCall))) {
    return BadPointer(Hypercall::kBlockRead, "the structure", argument, sizeof(BlockCall));
  }
  const auto data = world_.memory.Writable(call->data, call->length);
  if (!data) return BadPointer(Hypercall::kBlockRead, "the buffer", call->data, call->length);
  const DeviceSlot* slot = SlotOf(call->handle);
  GuestResult result = GuestResult::kInvalid;
  if (slot != nullptr && slot->block != nullptr && OnDevice(*call, slot->capacity)) {
    result = slot->block->Read(call->offset, *data) ? GuestResult::kOk
                                                    : GuestResult::kUnspecified;
  }
  call->result = Answer(result);
  (void)world_.memory.Store(argument, *call);  // checked above
  return std::nullopt;
}

std::optional<End> HypercallDispatcher::NetWrite(std::uint64_t argument) {
  auto call = world_.memory.Copy<NetCall>(argument);
  if (!call || !world_.memory.Writable(argument, sizeof(NetCall))) {
    return BadPointer(Hypercall::kNetWrite, "the structure", argument, sizeof(NetCall));
  }
  const auto frame = world_.memory.Readable(call->data, call->length);
  if (!frame) return BadPointer(Hypercall::kNetWrite, "the frame", call->data, call->length);
  const DeviceSlot* slot = SlotOf(call->handle);
  GuestResult result = GuestResult::kInvalid;
  if (slot != nullptr && slot->net != nullptr) {
    result = GuestResult::kOk;  // a lost frame is what networks do; the guest need not know
    Send(*slot, *frame);
  }
  call->result = Answer(result);
  (void)world_.memory.Store(argument, *call);  // checked above
  return std::nullopt;
}

void HypercallDispatcher::Send(const DeviceSlot& slot, Bytes guest_frame) {
  // The kernel takes frames of any size from a tap (4,000 and 70,000 bytes at an MTU of 1500
  // went through, measured): the bounds are ours to keep.
  if (guest_frame.size() < kEthernetHeaderSize ||
      guest_frame.size() > kEthernetHeaderSize + slot.mtu) {
    ++counters_.frames_dropped;
    return;
  }
  // What is checked is what is sent, whatever becomes of guest memory meanwhile.
  const auto copy = std::span(world_.frame.bytes).first(guest_frame.size());
  CopyFromGuest(guest_frame, copy.data());
  if (CheckFrame(copy, slot.rules) != FrameVerdict::kPass) {
    ++counters_.frames_forged;
  } else if (!slot.net->Write(copy)) {
    ++counters_.frames_dropped;
  } else if (CarriesAnswer(copy)) {
    ReachOnce(Stage::kFirstByteOut);
  }
}

std::optional<End> HypercallDispatcher::NetRead(std::uint64_t argument) {
  auto call = world_.memory.Copy<NetCall>(argument);
  if (!call || !world_.memory.Writable(argument, sizeof(NetCall))) {
    return BadPointer(Hypercall::kNetRead, "the structure", argument, sizeof(NetCall));
  }
  const auto buffer = world_.memory.Writable(call->data, call->length);
  if (!buffer) return BadPointer(Hypercall::kNetRead, "the buffer", call->data, call->length);
  const DeviceSlot* slot = SlotOf(call->handle);
  GuestResult result = GuestResult::kInvalid;
  if (slot != nullptr && slot->net != nullptr) {
    const std::size_t size = buffer->empty() ? 0 : slot->net->Read(*buffer);
    result = size == 0 ? GuestResult::kAgain : GuestResult::kOk;
    if (size != 0) {
      call->length = size;
      ReachOnce(Stage::kFirstPacketIn);
    }
  }
  call->result = Answer(result);
  (void)world_.memory.Store(argument, *call);  // checked above
  return std::nullopt;
}

End HypercallDispatcher::Halt(std::uint64_t argument) {
  const auto call = world_.memory.Copy<HaltCall>(argument);
  if (!call) return BadPointer(Hypercall::kHalt, "the structure", argument, sizeof(HaltCall));
  End end{EndReason::kHalted, call->exit_status, {}, call->cookie};
#if defined(__x86_64__)
  if (call->exit_status == kExitAbort && call->cookie != 0) {
    // A cookie that points nowhere describes nothing: the guest has ended all the same.
    if (const auto trap = world_.memory.Copy<TrapCookieX86>(call->cookie)) {
      end.detail.Add("trap at rip=").AddHex(trap->rip).Add(" error code=");
      end.detail.AddHex(trap->error_code).Add(" cr2=").AddHex(trap->fault_address);
      end.detail.Add(" rsp=").AddHex(trap->rsp).Add(" rflags=").AddHex(trap->rflags);
    }
  }
#endif
  return end;
}

}  // namespace summon::hypervisor
