// SPDX-License-Identifier: Apache-2.0
// Decoding by AMD64 APM volume 3, sections 1.2 to 1.8 and appendix A.
#include "hypervisor/arch/x86_64/instruction.h"

#include "base/bytes.h"

namespace summon::hypervisor {

namespace {

class Decoder {
 public:
  Decoder(std::span<const std::uint8_t> code, const GeneralRegisters& registers)
      : code_(code.first(code.size() < kInstructionSizeMax ? code.size() : kInstructionSizeMax)),
        registers_(registers) {}

  std::optional<DecodedInstruction> Run() {
    const auto opcode = ReadPrefixes();
    if (!opcode) return std::nullopt;
    const bool known = *opcode == 0x0f ? TwoByteOpcode() : OneByteOpcode(*opcode);
    if (!known) return std::nullopt;
    result_.length = static_cast<std::uint8_t>(code_.position());
    if (rip_relative_) result_.address += registers_.rip + result_.length;
    return result_;
  }

  std::optional<PlainInstruction> RunPlain() {
    const auto opcode = ReadPrefixes();
    if (!opcode || operand16_ || !Plain(*opcode)) return std::nullopt;
    plain_.length = static_cast<std::uint8_t>(code_.position());
    return plain_;
  }

 private:
  bool wide() const { return (rex_ & 8) != 0; }
  std::uint8_t RexB(unsigned low) const {
    return static_cast<std::uint8_t>((low & 7) | ((rex_ & 1) != 0 ? 8 : 0));
  }
  std::uint8_t RexR() const {
    return static_cast<std::uint8_t>(reg_ | ((rex_ & 4) != 0 ? 8 : 0));
  }

  bool Put(std::uint8_t target, std::uint64_t value) {
    plain_.target = target;
    plain_.value = wide() ? value : value & 0xffff'ffff;
    return true;
  }
  bool Push(std::uint64_t value) {
    plain_.push = true;
    plain_.value = value;
    return true;
  }
  // An immediate of T, sign-extended.
  template <typename T>
  std::optional<std::uint64_t> Immediate() {
    const auto value = code_.Read<T>();
    if (!value) return std::nullopt;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(*value));
  }

  bool Plain(std::uint8_t opcode) {
    if ((opcode & 0xf8) == 0x50) return Push(Register(RexB(opcode)));
    if ((opcode & 0xf8) == 0xb8) {
      const auto value = wide() ? Immediate<std::int64_t>() : Immediate<std::int32_t>();
      return value && Put(RexB(opcode), *value);
    }
    switch (opcode) {
      case 0x68: {
        const auto value = Immediate<std::int32_t>();
        return value && Push(*value);
      }
      case 0x6a: {
        const auto value = Immediate<std::int8_t>();
        return value && Push(*value);
      }
      case 0x89: return Operand() && !result_.memory && Put(result_.operand, Register(RexR()));
      case 0x8b: return Operand() && !result_.memory && Put(RexR(), Register(result_.operand));
      case 0x8d: return LoadAddress();
      case 0xc7: {
        if (!Operand() || result_.memory || reg_ != 0) return false;
        const auto value = Immediate<std::int32_t>();
        return value && Put(result_.operand, *value);
      }
      default: return false;
    }
  }

  bool LoadAddress() {
    if (!Operand() || !result_.memory) return false;
    if (rip_relative_) result_.address += registers_.rip + code_.position();
    return Put(RexR(), result_.address);
  }

  // The first byte that is no prefix. Segment and repeat prefixes change nothing in the forms
  // that we take; a lock prefix makes them invalid, and is left to the guest.
  std::optional<std::uint8_t> ReadPrefixes() {
    for (;;) {
      const auto byte = code_.U8();
      if (!byte) return std::nullopt;
      switch (*byte) {
        case 0x66: operand16_ = true; break;
        case 0x26: case 0x2e: case 0x36: case 0x3e: case 0xf2: case 0xf3: break;
        default:
          if ((*byte & 0xf0) != 0x40) return byte;
          rex_ = *byte;  // must stand right before the opcode
          return code_.U8();
      }
    }
  }

  bool Is(Privileged kind) {
    result_.kind = kind;
    return true;
  }
  std::uint8_t WideSize() const { return operand16_ ? 2 : 4; }

  bool Io(Privileged kind, std::uint8_t size) {
    result_.size = size;
    return Is(kind);
  }
  bool IoImmediate(Privileged kind, std::uint8_t size) {
    const auto port = code_.U8();
    if (!port) return false;
    result_.immediate = true;
    result_.port = *port;
    return Io(kind, size);
  }

  bool OneByteOpcode(std::uint8_t opcode) {
    switch (opcode) {
      case 0xef: return Io(Privileged::kOut, WideSize());
      case 0xee: return Io(Privileged::kOut, 1);
      case 0xe7: return IoImmediate(Privileged::kOut, WideSize());
      case 0xe6: return IoImmediate(Privileged::kOut, 1);
      case 0xed: return Io(Privileged::kIn, WideSize());
      case 0xec: return Io(Privileged::kIn, 1);
      case 0xe5: return IoImmediate(Privileged::kIn, WideSize());
      case 0xe4: return IoImmediate(Privileged::kIn, 1);
      case 0x6c: case 0x6e: return Io(Privileged::kStringIo, 1);
      case 0x6d: case 0x6f: return Io(Privileged::kStringIo, WideSize());
      case 0x8e: return Operand() && Is(Privileged::kLoadSegment);
      case 0xcb: return wide() && Is(Privileged::kFarReturn);
      case 0xcf: return wide() && Is(Privileged::kInterruptReturn);
      case 0xf4: return Is(Privileged::kHalt);
      case 0xfa: case 0xfb: return Is(Privileged::kSetInterrupts);
      default: return false;
    }
  }

  bool TwoByteOpcode() {
    const auto opcode = code_.U8();
    if (!opcode) return false;
    switch (*opcode) {
      case 0x00: return Operand() && reg_ == 3 && Is(Privileged::kLoadTask);
      case 0x01:
        if (!Operand() || !result_.memory) return false;
        if (reg_ == 2) return Is(Privileged::kLoadGdt);
        return reg_ == 3 && Is(Privileged::kLoadIdt);
      case 0x20: return Operand() && !result_.memory && reg_ == 2 && Is(Privileged::kReadCr2);
      case 0x30: return Is(Privileged::kWriteMsr);
      default: return false;
    }
  }

  std::uint64_t Register(unsigned number) const { return registers_.values[number & 15]; }

  // ModRM, SIB and displacement: a register's number, or an address.
  bool Operand() {
    const auto modrm = code_.U8();
    if (!modrm) return false;
    const unsigned mod = *modrm >> 6;
    const unsigned rm = *modrm & 7;
    reg_ = static_cast<std::uint8_t>(*modrm >> 3 & 7);
    if (mod == 3) {
      result_.operand = static_cast<std::uint8_t>(rm | ((rex_ & 1) != 0 ? 8 : 0));
      return true;
    }
    result_.memory = true;
    bool displacement32 = mod == 2;
    if (rm == 4) {
      if (!ScaledIndex(mod, displacement32)) return false;
    } else if (rm == 5 && mod == 0) {
      rip_relative_ = true;
      displacement32 = true;
    } else {
      result_.address = Register(rm | ((rex_ & 1) != 0 ? 8 : 0));
    }
    return Displacement(mod, displacement32);
  }

  bool ScaledIndex(unsigned mod, bool& displacement32) {
    const auto sib = code_.U8();
    if (!sib) return false;
    const unsigned base = *sib & 7;
    const unsigned index = (*sib >> 3 & 7) | ((rex_ & 2) != 0 ? 8 : 0);
    if (base == 5 && mod == 0) {
      displacement32 = true;
    } else {
      result_.address = Register(base | ((rex_ & 1) != 0 ? 8 : 0));
    }
    if (index != kRsp) result_.address += Register(index) << (*sib >> 6);
    return true;
  }

  bool Displacement(unsigned mod, bool displacement32) {
    if (mod == 1) {
      const auto value = code_.Read<std::int8_t>();
      if (!value) return false;
      result_.address += static_cast<std::uint64_t>(std::int64_t{*value});
    } else if (displacement32) {
      const auto value = code_.Read<std::int32_t>();
      if (!value) return false;
      result_.address += static_cast<std::uint64_t>(std::int64_t{*value});
    }
    return true;
  }

  ByteReader code_;
  const GeneralRegisters& registers_;
  DecodedInstruction result_;
  PlainInstruction plain_;
  std::uint8_t rex_ = 0;
  std::uint8_t reg_ = 0;  // the middle field of ModRM
  bool operand16_ = false;
  bool rip_relative_ = false;
};

}  // namespace

std::optional<DecodedInstruction> Decode(std::span<const std::uint8_t> code,
                                         const GeneralRegisters& registers) {
  return Decoder(code, registers).Run();
}

std::optional<PlainInstruction> DecodePlain(std::span<const std::uint8_t> code,
                                            const GeneralRegisters& registers) {
  return Decoder(code, registers).RunPlain();
}

}  // namespace summon::hypervisor
