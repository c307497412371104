// SPDX-License-Identifier: Apache-2.0
// Copy, check, answer.
#include "launcher/monitor/preparation.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/strings.h"
#include "launcher/monitor/job.h"
#include "launcher/monitor/monitor_launcher.h"
#include "launcher/monitor/sealed_copy.h"

namespace summon::launcher {

namespace {

// Another file of the same size is another machine. Its contents are not looked at: a guest that
// rests may have written them.
Result<std::vector<std::uint8_t>> BlockFileIds(const LaunchOrder& order) {
  std::vector<std::uint8_t> ids;
  for (const BlockOrder& block : order.blocks) {
    struct stat status {};
    if (fstat(block.file.get(), &status) != 0) {
      return ErrnoError(StrCat("look at ", block.path), errno);
    }
    const std::uint64_t id[] = {status.st_dev, status.st_ino, status.st_rdev};
    // SAFETY: numbers are read as the bytes that they are.
    const auto* first = reinterpret_cast<const std::uint8_t*>(id);
    ids.insert(ids.end(), first, first + sizeof id);
  }
  return ids;
}

}  // namespace

const CheckedImage* PreparedOrder::Find(Kind kind) const {
  const auto found = std::find_if(images.begin(), images.end(),
                                  [kind](const CheckedImage& one) { return one.kind == kind; });
  return found == images.end() ? nullptr : &*found;
}

// What the copying thread works on; it belongs to that thread until its callback runs.
struct Preparation::Copies {
  LaunchOrder order;
  std::vector<ImageFile> sources;
  Result<std::unique_ptr<hypervisor::JobFrame>> frame = Error(ErrorCode::kIo, "not built");
  std::vector<Result<CheckedImage>> results;
  std::optional<SnapshotStore> store;
  std::uint64_t saved_bytes = 0;
  std::string saved_problem;
};

Preparation::Preparation(Loop& loop, ImageChecker& checker, LaunchOrder order,
                         const SnapshotStore* store, Done done)
    : loop_(loop), checker_(checker), done_(std::move(done)) {
  // Shared by the two halves of one offloaded task, which std::function copies.
  auto copies = std::make_shared<Copies>();
  copies->sources = std::move(order.images);
  order.images.clear();
  copies->order = std::move(order);
  if (store != nullptr) copies->store.emplace(*store);
  loop_.Offload([copies] { Copy(*copies); },
                [this, copies, alive = std::weak_ptr<bool>(alive_)] {
                  if (!alive.expired()) Copied(*copies);
                });
}

void Preparation::Copy(Copies& copies) {
  copies.frame = BuildFrame(copies.order);
  if (!copies.frame.ok()) return;
  const Result<std::vector<std::uint8_t>> block_ids = BlockFileIds(copies.order);
  if (!block_ids.ok()) {
    copies.frame = block_ids.error();
    return;
  }
  // SAFETY: a JobFrame has no padding and is trivially copyable: its bytes are its value.
  const Bytes frame(reinterpret_cast<const std::uint8_t*>(copies.frame->get()),
                    sizeof(hypervisor::JobFrame));
  for (const ImageFile& source : copies.sources) {
    copies.results.push_back([&]() -> Result<CheckedImage> {
      CheckedImage image{source.kind, UniqueFd(), source.path, {}, {}};
      image.sealed = SUMMON_TRY(SealedCopy(source.file.get(), MonitorLauncher::kImageBytesMax));
      const off_t size = lseek(image.sealed.get(), 0, SEEK_END);
      image.digest =
          SUMMON_TRY(DigestOfFile(image.sealed.get(), static_cast<std::uint64_t>(size)));
      image.machine = DigestOf({frame, *block_ids, image.digest.bytes});
      return image;
    }());
  }
  LookForSaved(copies);
}

void Preparation::LookForSaved(Copies& copies) {
  if (!copies.store) return;
  for (const Result<CheckedImage>& image : copies.results) {
    if (!image.ok() || image->kind != Kind::kKvm) continue;
    const Result<std::uint64_t> saved =
        copies.store->Look({copies.order.service, image->digest, image->machine});
    if (saved.ok()) {
      copies.saved_bytes = *saved;
    } else if (saved.error().code() != ErrorCode::kNotFound) {
      copies.saved_problem = saved.error().message();
      copies.store->Remove(copies.order.service);
    }
  }
}

Preparation::~Preparation() {
  if (ticket_ != 0) checker_.Cancel(ticket_);
}

void Preparation::Complain(const CheckedImage& image, const Error& error) {
  const std::string what = StrCat("image ", Quote(image.path), " (", KindName(image.kind), ")");
  const Error wrapped = error.Wrap(what);
  prepared_.complaints.push_back(wrapped.message());
  if (!first_error_) first_error_ = wrapped;
}

void Preparation::Copied(Copies& copies) {
  prepared_.order = std::move(copies.order);
  if (!copies.frame.ok()) {
    const auto done = std::move(done_);
    return done(copies.frame.error());
  }
  prepared_.frame = std::move(copies.frame).value();
  prepared_.saved_bytes = copies.saved_bytes;
  if (!copies.saved_problem.empty()) {
    prepared_.complaints.push_back(
        StrCat("a saved snapshot is of no use and was removed: ", copies.saved_problem));
  }
  for (std::size_t i = copies.sources.size(); i-- > 0;) {
    Result<CheckedImage>& copy = copies.results[i];
    if (copy.ok()) {
      unchecked_.push_back(std::move(copy).value());
    } else {
      Complain(CheckedImage{copies.sources[i].kind, UniqueFd(), copies.sources[i].path, {}, {}},
               copy.error());
    }
  }
  CheckNext();
}

void Preparation::CheckNext() {
  if (unchecked_.empty()) return Finish();
  checking_ = std::move(unchecked_.back());
  unchecked_.pop_back();
  ticket_ = checker_.Check(ImageChecker::Request{
      .kind = checking_.kind,
      .order = &prepared_.order,
      .frame = prepared_.frame.get(),
      .image = checking_.sealed.get(),
      .done = [this](Result<UniqueFd> layout) {
        ticket_ = 0;
        if (layout.ok()) {
          // A layout stands for its image from now on.
          if (layout->valid()) checking_.sealed = std::move(layout).value();
          prepared_.images.push_back(std::move(checking_));
        } else {
          Complain(checking_, layout.error());
        }
        CheckNext();
      }});
}

void Preparation::Finish() {
  const auto done = std::move(done_);
  if (!prepared_.images.empty()) {
    done(std::move(prepared_));
    return;
  }
  std::string text;
  for (const std::string& complaint : prepared_.complaints) {
    text += StrCat(text.empty() ? "" : "; ", complaint);
  }
  done(Error(first_error_->code(), std::move(text)));
}

}  // namespace summon::launcher
