// SPDX-License-Identifier: Apache-2.0
// Carrying out effects; see the header.
#include "summoner/daemon/conductor.h"

namespace summon::summoner {

Conductor::Conductor(Loop& loop, Logger& log, Summoner& summoner)
    : loop_(loop), log_(log), summoner_(summoner), timer_(loop, [this] {
        timer_at_ = kNever;
        Change([this](Instant now, Effects& effects) { summoner_.Advance(now, effects); });
      }),
      next_turn_(loop, [this] { NextTurn(); }) {}

void Conductor::Change(const std::function<void(Instant now, Effects& effects)>& change) {
  Effects effects;
  change(loop_.Now(), effects);
  CarryOut(effects);
}

void Conductor::CarryOut(const Effects& effects) {
  for (const Effect& effect : effects) CarryOutOne(effect);
  TellSent();
}

void Conductor::TellSent() {
  const std::vector<Sent> sent = std::exchange(sent_, {});
  for (const Sent& answer : sent) {
    summoner_.AnswerSent(answer.service, answer.ttl, loop_.Now());
  }
  SetTimer();
}

void Conductor::CarryOutOne(const Effect& effect) {
  std::visit([this](const auto& one) { Do(one); }, effect);
}

void Conductor::SetTimer() {
  const Instant due = summoner_.NextDeadline();
  if (due == timer_at_) return;
  timer_at_ = due;
  if (due == kNever) {
    timer_.Clear();
  } else {
    timer_.Set(due);
  }
}

void Conductor::Do(const Launch& launch) { launcher_->Launch(launch.instance); }

void Conductor::Do(const summoner::Reclaim& reclaim) {
  log_.Info("reclaim", {{"service", name_of_(reclaim.instance.service)},
                        {"generation", reclaim.instance.generation},
                        {"rung", RungName(reclaim.rung)},
                        {"reason", ReclaimReasonName(reclaim.reason)}});
  launcher_->Reclaim(reclaim.instance, reclaim.rung);
}

void Conductor::Do(const Lower& lower) {
  log_.Info("lower", {{"service", name_of_(lower.service)},
                      {"rung", RungName(lower.rung)},
                      {"reason", ReclaimReasonName(lower.reason)}});
  launcher_->Lower(lower.service, lower.rung);
}

void Conductor::Do(const Forget& forget) { launcher_->Forget(forget.service); }

std::unique_ptr<Conductor::Waiting> Conductor::TakeWaiting(WaiterId waiter) {
  const auto found = waiting_.find(waiter);
  SUMMON_CHECK(found != waiting_.end());  // each waiter is answered exactly once
  auto waiting = std::make_unique<Waiting>(std::move(found->second));
  waiting_.erase(found);
  return waiting;
}

void Conductor::Do(const Answer& answer) {
  if (answer.waiter == asking_) {
    ReleaseNow(answer);
  } else {
    ReleaseInTurn(answer);
  }
}

void Conductor::Do(const Refuse& refuse) {
  if (refuse.waiter == asking_) {
    ReleaseNow(refuse);
  } else {
    ReleaseInTurn(refuse);
  }
}

void Conductor::ReleaseInTurn(Release release) {
  if (released_ == 0) next_turn_.Set(loop_.Now());
  if (released_ >= kReleasesMax || !releases_.empty()) {
    releases_.push_back(std::move(release));
    return;
  }
  ++released_;
  std::visit([this](const auto& one) { ReleaseNow(one); }, release);
}

void Conductor::NextTurn() {
  released_ = 0;
  while (released_ < kReleasesMax && !releases_.empty()) {
    const Release release = std::move(releases_.front());
    releases_.pop_front();
    ++released_;
    std::visit([this](const auto& one) { ReleaseNow(one); }, release);
  }
  if (released_ > 0) next_turn_.Set(loop_.Now());
  TellSent();
}

void Conductor::ReleaseNow(const Answer& answer) {
  const auto waiting = TakeWaiting(answer.waiter);
  if (!waiting->reply->Answer(answer.ttl, answer.reason)) return;
  sent_.push_back({answer.service, answer.ttl});
  const Instant now = loop_.Now();
  for (Observer* observer : observers_) {
    observer->OnAnswered(answer.service, waiting->received, now);
  }
}

void Conductor::ReleaseNow(const Refuse& refuse) {
  TakeWaiting(refuse.waiter)->reply->Refuse(refuse.reason, refuse.detail);
}

void Conductor::Do(const PhaseChanged& change) {
  for (Observer* observer : observers_) observer->OnPhase(change.service, change.to);
}

void Conductor::Request(ServiceId service, const Question& question,
                        std::unique_ptr<Reply> reply) {
  const WaiterId waiter{next_waiter_++};
  waiting_.emplace(waiter, Waiting{std::move(reply), question.received});
  asking_ = waiter;
  Change([&](Instant now, Effects& effects) {
    summoner_.Request(service,
                      {.trigger = question.trigger,
                       .asker = Asker{waiter, question.patience, question.until},
                       .received = question.received,
                       .parking = question.parking},
                      now, effects);
  });
  asking_.reset();
}

void Conductor::Nudge(ServiceId service, Trigger trigger, Instant received) {
  Change([&](Instant now, Effects& effects) {
    summoner_.Request(
        service, {.trigger = trigger, .asker = std::nullopt, .received = received}, now, effects);
  });
}

void Conductor::Reclaim(ServiceId service, Rung rung) {
  Change([&](Instant now, Effects& effects) {
    summoner_.ReclaimByOperator(service, rung, now, effects);
  });
}

void Conductor::OnPrepared(ServiceId service, Status status) {
  if (on_prepared_) on_prepared_(service, status);
  Change([&](Instant now, Effects& effects) {
    summoner_.OnPrepared(service, status, now, effects);
  });
}

void Conductor::OnStage(InstanceId instance, const launcher::StageReport& report) {
  Change([&](Instant now, Effects& effects) {
    summoner_.OnStage(instance, report, now, effects);
  });
  for (Observer* observer : observers_) observer->OnStageReached(instance.service, report.stage);
}

void Conductor::OnEnded(InstanceId instance, const launcher::EndReport& report) {
  if (report.reason != launcher::EndReason::kReclaimed) {
    log_.Warning("instance ended", {{"service", name_of_(instance.service)},
                                    {"generation", instance.generation},
                                    {"reason", EndReasonName(report.reason)},
                                    {"exit_status", report.exit_status},
                                    {"detail", report.detail}});
  }
  Change([&](Instant now, Effects& effects) {
    summoner_.OnEnded(instance, report, now, effects);
  });
  for (Observer* observer : observers_) observer->OnInstanceEnded(instance.service, report);
}

void Conductor::OnPacket(ServiceId service, Instant seen) {
  Nudge(service, Trigger::kPacket, seen);
}

void Conductor::OnRest(ServiceId service, const launcher::Rest& rest) {
  log_.Debug("rests", {{"service", name_of_(service)},
                       {"rung", RungName(rest.rung)},
                       {"memory_bytes", rest.memory_bytes},
                       {"disk_bytes", rest.disk_bytes}});
  Change([&](Instant now, Effects& effects) { summoner_.OnRest(service, rest, now, effects); });
}

void Conductor::OnRungMeasured(const launcher::RungMeasure& measure) {
  summoner_.OnRungMeasured(measure);
}

void Conductor::OnTraffic(ServiceId service, const launcher::Traffic& traffic) {
  Change([&](Instant now, Effects&) { summoner_.OnTraffic(service, traffic, now); });
  for (Observer* observer : observers_) observer->OnTapTraffic(service, traffic);
}

void Conductor::OnAvailability(launcher::Kind kind, const Status& status) {
  auto& problem = kind_problems_[static_cast<std::size_t>(kind)];
  problem = status.ok() ? "" : status.error().message();
  if (status.ok()) {
    log_.Info("launcher usable", {{"launcher", launcher::KindName(kind)}});
  } else {
    log_.Warning("launcher not usable",
                 {{"launcher", launcher::KindName(kind)}, {"why", *problem}});
  }
  Change([&](Instant now, Effects& effects) {
    summoner_.OnAvailability(kind, status, now, effects);
  });
}

}  // namespace summon::summoner
