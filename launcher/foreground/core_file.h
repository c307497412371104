// SPDX-License-Identifier: Apache-2.0
#pragma once
// The file that a guest's core goes into. The monitor may open nothing, so it is made before the
// guest runs; most guests end well and leave none.

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace summon::launcher {

class CoreFile final {
 public:
  // An empty file in `directory` with a provisional name, readable by us alone, for the core of
  // process `pid`.
  static Result<CoreFile> Create(const std::string& directory, int pid);
  CoreFile(CoreFile&&) noexcept = default;
  CoreFile& operator=(CoreFile&&) = delete;
  // Removes the file, unless it was kept.
  ~CoreFile();

  int fd() const { return file_.get(); }
  // The path of the core, core.solo5-hvt.PID as Solo5's own tender names it, when the monitor has
  // written a whole one; an older file of that name is replaced. Empty when there is none.
  Result<std::string> Keep();

 private:
  CoreFile(UniqueFd directory, UniqueFd file, std::string path)
      : directory_(std::move(directory)), file_(std::move(file)), path_(std::move(path)) {}

  UniqueFd directory_;
  UniqueFd file_;
  std::string path_;  // of the core
};

}  // namespace summon::launcher
