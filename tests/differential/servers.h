// SPDX-License-Identifier: Apache-2.0
#pragma once
// The servers that are compared, each with the same zone file, on the loopback of one namespace.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "tests/differential/reply.h"
#include "tests/testbed/process.h"

namespace summon::differential {

inline constexpr const char* kOurs = "summond";

class Server final {
 public:
  // `name` is kOurs, "nsd", "knotd" or "named". Waits until it answers for the zone.
  static Result<std::unique_ptr<Server>> Start(int namespace_fd, const std::string& name,
                                               const std::string& zone_file);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const std::string& name() const { return name_; }
  // What it answered, or why there is nothing to compare. Asks again for as long as it takes on a
  // machine that drops datagrams.
  std::string Ask(const Question& question) { return AskAtMost(20, question); }

 private:
  Server() = default;
  std::string AskAtMost(int times, const Question& question);
  std::string name_;
  testbed::ScratchFolder folder_;
  std::unique_ptr<testbed::Daemon> daemon_;
  UniqueFd socket_;
  std::uint16_t next_id_ = 1;
};

}  // namespace summon::differential
