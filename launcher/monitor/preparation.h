// SPDX-License-Identifier: Apache-2.0
#pragma once
// One Prepare under way: the images are copied, then checked.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/loop/loop.h"
#include "base/result.h"
#include "launcher/launch_order.h"
#include "launcher/monitor/digest.h"
#include "launcher/monitor/image_check.h"
#include "launcher/monitor/snapshot_store.h"

namespace summon::launcher {

// An image that passed its check and cannot change any more.
struct CheckedImage {
  Kind kind = Kind::kKvm;
  // What a monitor gets: the layout of guest memory (kvm), or the copy of the file (process).
  UniqueFd sealed;
  std::string path;  // for messages only
  Digest digest;     // of the file
  Digest machine;    // of all that a machine is made of: the image and the order
};

// An order whose images are checked; `order.images` is empty.
struct PreparedOrder {
  LaunchOrder order;
  std::unique_ptr<hypervisor::JobFrame> frame;  // of all its jobs; each sets the flags
  std::vector<CheckedImage> images;     // in order of preference; at least one
  std::vector<std::string> complaints;  // about images that cannot be used
  // Of the snapshot file that a launcher before us left for just this order; 0: none.
  std::uint64_t saved_bytes = 0;

  const CheckedImage* Find(Kind kind) const;
};

class Preparation final {
 public:
  using Done = std::function<void(Result<PreparedOrder>)>;

  // `done` runs from the loop, once, and may destroy this object. Destroying it earlier cancels.
  // `loop` and `checker` outlive it. An image that fails its check is left out; when none is left
  // the answer is an error that tells about each.
  // `store`, unless null, is asked for a snapshot from before; a file that does not fit is removed.
  Preparation(Loop& loop, ImageChecker& checker, LaunchOrder order, const SnapshotStore* store,
              Done done);
  ~Preparation();
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;

 private:
  struct Copies;

  static void Copy(Copies& copies);
  static void LookForSaved(Copies& copies);
  void Copied(Copies& copies);
  void CheckNext();
  void Complain(const CheckedImage& image, const Error& error);
  void Finish();

  Loop& loop_;
  ImageChecker& checker_;
  PreparedOrder prepared_;
  Done done_;
  std::vector<CheckedImage> unchecked_;  // in reverse order of preference
  CheckedImage checking_;
  std::optional<Error> first_error_;
  ImageChecker::Ticket ticket_ = 0;
  // Tells the copying thread's callback whether this object still lives: shared with a task that
  // cannot be recalled.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace summon::launcher
