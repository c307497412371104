// SPDX-License-Identifier: Apache-2.0
#pragma once
// Snapshots in files, so that a service can rest without holding memory, and outlive us.
//
// One file for each service: <folder>/<service>.snapshot, readable by us alone. A snapshot is used
// once: the file is removed before its guest goes on, because a guest that went on twice would use
// the same sequence numbers and secrets again. What was written by another machine, another boot of
// it, or for another order is of no use and is removed.

#include <atomic>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "launcher/monitor/digest.h"

namespace summon::launcher {

// The machine that a snapshot can go on on.
struct HostIdentity {
  Digest cpu;           // model and features
  std::string boot_id;  // of the running kernel; clocks go on only within it
};
HostIdentity ReadHostIdentity();

// May be used from any thread. All calls but usable() may block.
class SnapshotStore final {
 public:
  // `folder` empty: nothing is saved. It is made when the first file is written.
  SnapshotStore(std::string folder, HostIdentity host)
      : folder_(std::move(folder)), host_(std::move(host)) {}

  // Whether the service can have a file; its name becomes the file's.
  bool usable(const std::string& service) const;

  // Of what a snapshot is.
  struct Subject {
    std::string service;
    Digest image;
    Digest machine;
  };
  // Writes the sealed memory file `snapshot`; the size of the file. Either all of it stands there
  // afterwards, on disk, or what was there before. kUnavailable when it was not `wanted` any more
  // (its guest goes on elsewhere); then nothing stands there.
  Result<std::uint64_t> Write(const Subject& subject, int snapshot,
                              const std::atomic<bool>& wanted) const;
  // The file's size, when its header fits the subject. Errors: kNotFound; kInvalid: it does not.
  Result<std::uint64_t> Look(const Subject& subject) const;
  // The file, open for reading: a checked snapshot of at most `bytes_max`, then some bytes more. To
  // be mapped, not copied: that was most of the time to wake. Only root could change it now. It has
  // lost its name afterwards, whatever is returned; RemoveTaken gives back its room, which takes
  // longer.
  Result<UniqueFd> Take(const Subject& subject, std::uint64_t bytes_max) const;
  void RemoveTaken(const std::string& service) const;
  void Remove(const std::string& service) const;
  // What a launcher that was killed had not finished, or not removed.
  void RemoveLeftovers() const;

 private:
  std::string PathOf(const std::string& service) const;

  const std::string folder_;
  const HostIdentity host_;
};

}  // namespace summon::launcher
