// SPDX-License-Identifier: Apache-2.0
// Reading zone files by lines, with what they include; see the header.
#include "dns/zone_load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/near_file.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace summon::dns {

namespace {

// Large enough that reads cost nothing beside the parser, small beside any table.
constexpr std::size_t kReadSize = 256 * 1024;
constexpr int kIncludeDepthMax = 8;
constexpr int kIncludesMax = 1'000;  // in all: files that include each other end here

std::optional<Soa> SoaOf(Bytes rdata) {
  Soa soa;
  ByteReader reader(rdata);
  for (Name* name : {&soa.primary, &soa.mailbox}) {
    const std::size_t length = WireNameLength(rdata.subspan(reader.position()));
    const auto wire = reader.Take(length);
    const auto parsed = wire ? Name::FromWire(*wire) : std::nullopt;
    if (!parsed) return std::nullopt;
    *name = *parsed;
  }
  for (std::uint32_t* number : {&soa.serial, &soa.refresh_s, &soa.retry_s, &soa.expire_s,
                                &soa.minimum_s}) {
    const auto value = reader.Be32();
    if (!value) return std::nullopt;
    *number = *value;
  }
  return soa;
}

// One zone's file and what it includes.
class FileLoader {
 public:
  FileLoader(const ZoneFileSource& source, ZoneTable::Builder& builder, ZoneFileProblems& problems)
      : source_(source), builder_(builder), problems_(problems) {}

  bool Load() {
    const Status read = ReadFile({source_.path, source_.apex, std::nullopt}, 0);
    if (!read.ok()) problems_.Add({source_.path, {0, 0}, read.error().message()});
    if (problems_.empty() && !has_soa_) {
      problems_.Add({source_.path, {0, 0}, StrCat("the file has no records; begin with the SOA of ",
                                                  source_.apex.ToText())});
    }
    return problems_.empty();
  }

 private:
  // Errors: only when the file cannot be opened or read; what is wrong in it is collected.
  Status ReadFile(const ZoneFileInclude& file, int depth);
  Status Include(const ZoneFileInclude& include, int depth);
  Status AddRecord(const ZoneTable::Builder::Record& record);
  Status AddSoa(const ZoneTable::Builder::Record& record);

  const ZoneFileSource& source_;
  ZoneTable::Builder& builder_;
  ZoneFileProblems& problems_;
  bool has_soa_ = false;
  int includes_ = 0;
};

Result<UniqueFd> OpenFile(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    const int why = errno;
    const auto hint = NearFileHint(path);
    return ErrnoError(hint ? StrCat("open the zone file (", *hint, ")") : "open the zone file",
                      why);
  }
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return ErrnoError("look at the zone file", errno);
  if (S_ISREG(info.st_mode)) return fd;
  return Error(ErrorCode::kInvalid, "open the zone file: it is no regular file");
}

// Calls `on_line` for each line until it is false.
template <typename OnLine>
Status ReadLines(int fd, OnLine on_line) {
  std::vector<char> space(kReadSize);
  std::size_t held = 0;  // at the front: a line that is not complete
  while (true) {
    const ssize_t count = read(fd, space.data() + held, space.size() - held);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError("read the zone file", errno);
    if (count == 0) break;
    const std::size_t filled = held + static_cast<std::size_t>(count);
    std::size_t begin = 0;
    while (true) {
      const void* newline = std::memchr(space.data() + begin, '\n', filled - begin);
      if (!newline) break;
      const auto end = static_cast<std::size_t>(static_cast<const char*>(newline) - space.data());
      if (!on_line(std::string_view(space.data() + begin, end - begin))) return Ok();
      begin = end + 1;
    }
    held = filled - begin;
    std::memmove(space.data(), space.data() + begin, held);
    if (held < space.size()) continue;
    // The parser says what is wrong with a line that is longer than any entry may be.
    if (held > EntryLexer::kEntryMax) break;
    space.resize(2 * space.size());
  }
  if (held > 0) (void)on_line(std::string_view(space.data(), held));  // the last one, either way
  return Ok();
}

Status FileLoader::ReadFile(const ZoneFileInclude& file, int depth) {
  const UniqueFd fd = SUMMON_TRY(OpenFile(file.path));
  ZoneFileParser::Hooks hooks;
  hooks.on_record = [this](const ZoneTable::Builder::Record& record) { return AddRecord(record); };
  hooks.on_include = [this, depth](const ZoneFileInclude& include) {
    return Include(include, depth + 1);
  };
  ZoneFileParser parser({file.path, file.origin, file.default_ttl}, hooks, problems_);
  const auto add = [&parser](std::string_view line) { return parser.AddLine(line); };
  SUMMON_TRY(ReadLines(fd.get(), add));
  parser.Finish();
  return Ok();
}

Status FileLoader::Include(const ZoneFileInclude& include, int depth) {
  if (depth > kIncludeDepthMax || ++includes_ > kIncludesMax) {
    return Error(ErrorCode::kInvalid,
                 StrCat("$INCLUDE goes too deep or too far (at most ", kIncludeDepthMax,
                        " inside each other, ", kIncludesMax, " in all); does it include itself?"));
  }
  std::error_code error;
  namespace fs = std::filesystem;
  const fs::path folder = fs::canonical(fs::absolute(source_.path, error).parent_path(), error);
  const fs::path path = fs::weakly_canonical(folder / include.path, error);
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  if (error || end != folder.end()) {
    return Error(ErrorCode::kPermission,
                 StrCat("$INCLUDE of ", Quote(include.path), ": it lies outside of the folder ",
                        folder.string(), ", where the zone file is; move it there"));
  }
  ZoneFileInclude inner = include;
  inner.path = path.string();
  return ReadFile(inner, depth).Wrap(StrCat("$INCLUDE of ", path.string()));
}

Status FileLoader::AddSoa(const ZoneTable::Builder::Record& record) {
  if (has_soa_) {
    return Error(ErrorCode::kInvalid, "a second SOA; a zone has one, at its beginning");
  }
  if (!(record.owner == source_.apex)) {
    return Error(ErrorCode::kInvalid,
                 StrCat("the SOA is of ", record.owner.ToText(),
                        ", but the file is to be the zone ", source_.apex.ToText(),
                        "; name the right file or zone"));
  }
  auto soa = SoaOf(record.rdata);
  if (!soa) return Error(ErrorCode::kInvalid, "the SOA is malformed");
  if (source_.serial) soa->serial = *source_.serial;
  has_soa_ = true;
  return builder_.AddZone(source_.apex, *soa, record.ttl);
}

Status FileLoader::AddRecord(const ZoneTable::Builder::Record& record) {
  switch (record.type) {
    case RrType::kSoa: return AddSoa(record);
    case RrType::kRrsig:
    case RrType::kNsec:
    case RrType::kNsec3:
    case RrType::kNsec3param:
      return Error(ErrorCode::kInvalid,
                   StrCat(TypeText(record.type), " belongs to a zone that was signed elsewhere; "
                          "give the unsigned file (summond signs by itself)"));
    default: break;
  }
  if (!record.owner.IsSubdomainOf(source_.apex)) {
    return Error(ErrorCode::kInvalid,
                 StrCat(record.owner.ToText(), " lies outside of the zone ", source_.apex.ToText(),
                        "; end names in a dot only when they are complete"));
  }
  if (!has_soa_) {
    if (!problems_.empty()) return Ok();  // it follows from what has been said
    return Error(ErrorCode::kInvalid, StrCat("the SOA of ", source_.apex.ToText(),
                                             " must come before all other records"));
  }
  if (source_.check) SUMMON_TRY(source_.check(record));
  return builder_.AddRecord(record);
}

}  // namespace

bool LoadZoneFile(const ZoneFileSource& source, ZoneTable::Builder& builder,
                  ZoneFileProblems& problems) {
  return FileLoader(source, builder, problems).Load();
}

}  // namespace summon::dns
