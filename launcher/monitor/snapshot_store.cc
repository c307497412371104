// SPDX-License-Identifier: Apache-2.0
// Writing, checking and reading of snapshot files.
#include "launcher/monitor/snapshot_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/strings.h"

namespace summon::launcher {

namespace {

constexpr char kMagic[8] = {'S', 'U', 'M', 'M', 'S', 'N', 'A', 'P'};
constexpr std::uint32_t kVersion = 2;
constexpr std::string_view kUnfinished = ".snapshot.new";
constexpr std::string_view kTaken = ".snapshot.taken";
constexpr std::size_t kBootIdSize = 40;  // 36 characters and zeros
constexpr std::size_t kServiceNameMax = 200;  // a file name has at most 255

// Stands behind the content, so that the content begins with a page and can be mapped.
struct FileLabel {
  char magic[8];
  std::uint32_t version;
  std::uint32_t label_bytes;
  std::uint64_t content_bytes;
  Digest content;
  Digest image;
  Digest machine;
  Digest cpu;
  char boot_id[kBootIdSize];
  Digest label;  // of all before it
};

Digest DigestOfLabel(const FileLabel& label) {
  // SAFETY: FileLabel is trivially copyable and has no padding: its bytes are its value.
  return DigestOf({Bytes(reinterpret_cast<const std::uint8_t*>(&label),
                         offsetof(FileLabel, label))});
}
static_assert(sizeof(FileLabel) == 24 + 5 * sizeof(Digest) + kBootIdSize);

Error Invalid(std::string text) { return Error(ErrorCode::kInvalid, std::move(text)); }

Status WriteAll(int file, const void* data, std::size_t size, std::uint64_t offset) {
  const auto* bytes = static_cast<const char*>(data);
  for (std::size_t done = 0; done < size;) {
    const ssize_t written =
        pwrite(file, bytes + done, size - done, static_cast<off_t>(offset + done));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError("write", errno);
    done += static_cast<std::size_t>(written);
  }
  return Ok();
}

Status ReadAll(int file, void* data, std::size_t size, std::uint64_t offset) {
  auto* bytes = static_cast<char*>(data);
  for (std::size_t done = 0; done < size;) {
    const ssize_t got = pread(file, bytes + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read", errno);
    if (got == 0) return Invalid("the file ends too early");
    done += static_cast<std::size_t>(got);
  }
  return Ok();
}

// Copies `size` bytes, from and to these offsets, and tells the digest of what passed.
struct Copy {
  int from;
  std::uint64_t from_offset;
  int to;
  std::uint64_t to_offset;
};
Result<Digest> CopyAndDigest(const Copy& copy, std::uint64_t size) {
  constexpr std::uint64_t kChunkBytes = 128 << 10;  // stays in the second-level cache
  std::vector<std::uint8_t> chunk(std::min(size, kChunkBytes));
  Hasher hasher;
  for (std::uint64_t done = 0; done < size;) {
    const auto part = static_cast<std::size_t>(std::min(kChunkBytes, size - done));
    SUMMON_TRY(ReadAll(copy.from, chunk.data(), part, copy.from_offset + done));
    hasher.Add(Bytes(chunk.data(), part));
    SUMMON_TRY(WriteAll(copy.to, chunk.data(), part, copy.to_offset + done));
    done += part;
  }
  return hasher.Finish();
}

Status CheckLabel(const FileLabel& label, const SnapshotStore::Subject& subject,
                   const HostIdentity& host) {
  if (std::memcmp(label.magic, kMagic, sizeof kMagic) != 0) return Invalid("not a snapshot file");
  if (label.version != kVersion || label.label_bytes != sizeof label) {
    return Invalid(StrCat("written by another release (format ", label.version, "; this one is ",
                          kVersion, ")"));
  }
  if (label.label != DigestOfLabel(label)) return Invalid("its label is damaged");
  if (label.image != subject.image) return Invalid("its image is another one");
  if (label.machine != subject.machine) return Invalid("the service was changed since");
  if (label.cpu != host.cpu) return Invalid("written on another processor");
  if (std::strncmp(label.boot_id, host.boot_id.c_str(), kBootIdSize) != 0) {
    return Invalid("written before this machine was booted");
  }
  return Ok();
}

struct Opened {
  UniqueFd file;
  FileLabel label;
};

Result<Opened> OpenChecked(const std::string& path, const SnapshotStore::Subject& subject,
                           const HostIdentity& host) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return ErrnoError(StrCat("open ", path), errno);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return ErrnoError(StrCat("look at ", path), errno);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  FileLabel label{};
  if (size < sizeof label) return Invalid("the file is too short");
  SUMMON_TRY(ReadAll(file.get(), &label, sizeof label, size - sizeof label));
  SUMMON_TRY(CheckLabel(label, subject, host));
  if (size - sizeof label != label.content_bytes) {
    return Invalid(StrCat("it has ", size, " bytes; must have ",
                          label.content_bytes + sizeof label));
  }
  return Opened{std::move(file), label};
}

// Of the `size` first bytes, which are mapped: nothing is copied.
Result<Digest> DigestOfContent(int file, std::uint64_t size) {
  // SAFETY: a fresh mapping that is only read. Nobody else makes the file shorter: its folder and
  // it are ours alone, and we never do.
  void* const mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
  if (mapped == MAP_FAILED) return ErrnoError("map", errno);
  const Digest digest = DigestOf({Bytes(static_cast<const std::uint8_t*>(mapped), size)});
  (void)munmap(mapped, size);  // our own mapping: cannot fail
  return digest;
}

std::string FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

HostIdentity ReadHostIdentity() {
  std::ifstream cpus("/proc/cpuinfo");
  std::string text;
  for (std::string line; std::getline(cpus, line) && !line.empty();) {
    // Of the first processor. Its frequency changes all the time.
    if (line.starts_with("vendor_id") || line.starts_with("cpu family") ||
        line.starts_with("model") || line.starts_with("stepping") || line.starts_with("flags")) {
      text += line;
    }
  }
  // SAFETY: characters are read as the bytes that they are.
  const Bytes bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  return HostIdentity{DigestOf({bytes}),
                      FirstLine("/proc/sys/kernel/random/boot_id").substr(0, kBootIdSize - 1)};
}

bool SnapshotStore::usable(const std::string& service) const {
  const bool plain = std::all_of(service.begin(), service.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_' || c == '.';
  });
  return !folder_.empty() && plain && !service.empty() && service.size() <= kServiceNameMax &&
         service[0] != '.';
}

std::string SnapshotStore::PathOf(const std::string& service) const {
  SUMMON_CHECK(usable(service));
  return StrCat(folder_, "/", service, ".snapshot");
}

Result<std::uint64_t> SnapshotStore::Write(const Subject& subject, int snapshot,
                                           const std::atomic<bool>& wanted) const {
  if (!wanted) return Error(ErrorCode::kUnavailable, "save snapshot: no longer wanted");
  const std::string path = PathOf(subject.service);
  // Two threads never write the same one.
  const std::string temporary = StrCat(folder_, "/", subject.service, kUnfinished, gettid());
  constexpr mode_t kFolderMode = 0700;
  if (mkdir(folder_.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return ErrnoError(StrCat("make folder ", folder_, " for snapshots"), errno);
  }
  (void)unlink(temporary.c_str());  // there is hardly one
  constexpr mode_t kFileMode = 0600;
  const UniqueFd file(open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
  if (!file.valid()) return ErrnoError(StrCat("create ", temporary), errno);
  const Status written = [&]() -> Status {
    FileLabel label{};
    std::memcpy(label.magic, kMagic, sizeof kMagic);
    label.version = kVersion;
    label.label_bytes = sizeof label;
    label.image = subject.image;
    label.machine = subject.machine;
    label.cpu = host_.cpu;
    std::memcpy(label.boot_id, host_.boot_id.data(), host_.boot_id.size());
    struct stat status {};
    if (fstat(snapshot, &status) != 0) return ErrnoError("look at the snapshot", errno);
    label.content_bytes = static_cast<std::uint64_t>(status.st_size);
    label.content =
        SUMMON_TRY(CopyAndDigest({snapshot, 0, file.get(), 0}, label.content_bytes));
    label.label = DigestOfLabel(label);
    SUMMON_TRY(WriteAll(file.get(), &label, sizeof label, label.content_bytes));
    if (fsync(file.get()) != 0) return ErrnoError("write to disk", errno);
    if (!wanted) return Error(ErrorCode::kUnavailable, "no longer wanted");
    if (rename(temporary.c_str(), path.c_str()) != 0) return ErrnoError("rename", errno);
    if (wanted) return Ok();
    (void)unlink(path.c_str());  // told between the two lines above
    return Error(ErrorCode::kUnavailable, "no longer wanted");
  }();
  if (!written.ok()) {
    (void)unlink(temporary.c_str());  // nothing else can be done about it
    return written.error().Wrap(StrCat("save snapshot ", path));
  }
  struct stat status {};
  (void)fstat(file.get(), &status);  // a size of 0 harms nobody
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::uint64_t> SnapshotStore::Look(const Subject& subject) const {
  const Opened opened = SUMMON_TRY(OpenChecked(PathOf(subject.service), subject, host_));
  return opened.label.content_bytes + sizeof opened.label;
}

Result<UniqueFd> SnapshotStore::Take(const Subject& subject, std::uint64_t bytes_max) const {
  const std::string path = PathOf(subject.service);
  Result<UniqueFd> taken = [&]() -> Result<UniqueFd> {
    Opened opened = SUMMON_TRY(OpenChecked(path, subject, host_));
    const std::uint64_t size = opened.label.content_bytes;
    if (size == 0 || size > bytes_max) {
      return Invalid(StrCat("a snapshot of ", size, " bytes; must have 1..", bytes_max));
    }
    const Digest digest = SUMMON_TRY(DigestOfContent(opened.file.get(), size));
    if (digest != opened.label.content) return Invalid("its content is damaged");
    return std::move(opened.file);
  }();
  const std::string taken_path = StrCat(folder_, "/", subject.service, kTaken);
  if (rename(path.c_str(), taken_path.c_str()) != 0 && errno != ENOENT) {
    // It could be used again.
    return ErrnoError(StrCat("rename ", path), errno);
  }
  if (!taken.ok()) return taken.error().Wrap(StrCat("snapshot ", path));
  return taken;
}

void SnapshotStore::RemoveTaken(const std::string& service) const {
  if (usable(service)) (void)unlink(StrCat(folder_, "/", service, kTaken).c_str());  // if any
}

void SnapshotStore::RemoveLeftovers() const {
  std::error_code error;  // no folder, no leftovers
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (name.find(kUnfinished) == std::string::npos && !name.ends_with(kTaken)) continue;
    (void)unlink(entry.path().c_str());  // nothing else can be done about it
  }
}

void SnapshotStore::Remove(const std::string& service) const {
  if (usable(service)) (void)unlink(PathOf(service).c_str());  // there may be none
}

}  // namespace summon::launcher
