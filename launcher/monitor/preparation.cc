// SPDX-License-Identifier: Apache-2.0
// Copy, check, answer.
#include "launcher/monitor/preparation.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "launcher/monitor/monitor_launcher.h"
#include "launcher/monitor/sealed_copy.h"

namespace summon::launcher {

// What the copying thread works on; it belongs to that thread until its callback runs.
struct Preparation::Copies {
  std::vector<ImageFile> sources;
  std::vector<Result<UniqueFd>> results;
};

Preparation::Preparation(Loop& loop, ImageChecker& checker, LaunchOrder order, Done done)
    : loop_(loop), checker_(checker), done_(std::move(done)) {
  // Shared by the two halves of one offloaded task, which std::function copies.
  auto copies = std::make_shared<Copies>();
  copies->sources = std::move(order.images);
  order.images.clear();
  prepared_.order = std::move(order);
  loop_.Offload(
      [copies] {
        for (const ImageFile& image : copies->sources) {
          copies->results.push_back(
              SealedCopy(image.file.get(), MonitorLauncher::kImageBytesMax));
        }
      },
      [this, copies, alive = std::weak_ptr<bool>(alive_)] {
        if (!alive.expired()) Copied(*copies);
      });
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
  for (std::size_t i = copies.sources.size(); i-- > 0;) {
    CheckedImage image{copies.sources[i].kind, UniqueFd(), copies.sources[i].path};
    Result<UniqueFd>& copy = copies.results[i];
    if (!copy.ok()) {
      Complain(image, copy.error());
      continue;
    }
    image.sealed = std::move(copy).value();
    unchecked_.push_back(std::move(image));
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
      .image = checking_.sealed.get(),
      .done = [this](Status status) {
        ticket_ = 0;
        if (status.ok()) {
          prepared_.images.push_back(std::move(checking_));
        } else {
          Complain(checking_, status.error());
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
