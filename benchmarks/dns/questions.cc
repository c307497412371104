// SPDX-License-Identifier: Apache-2.0
// Questions, their answers, and the zone that both come from.
#include "benchmarks/dns/questions.h"

#include <random>

#include "base/strings.h"

namespace summon::benchmarks {

namespace {

constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kAaaa = 28;
constexpr std::uint16_t kHttps = 65;
constexpr std::uint8_t kNxDomain = 3;
constexpr std::size_t kHeaderSize = 12;

void PutBe16(std::vector<std::uint8_t>& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void PutLabel(std::vector<std::uint8_t>& out, const std::string& label) {
  out.push_back(static_cast<std::uint8_t>(label.size()));
  out.insert(out.end(), label.begin(), label.end());
}

std::vector<std::uint8_t> PacketFor(const std::string& label, std::uint16_t type, bool edns) {
  std::vector<std::uint8_t> out = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0,
                                   static_cast<std::uint8_t>(edns ? 1 : 0)};
  PutLabel(out, label);
  PutLabel(out, "bench");
  PutLabel(out, "test");
  out.push_back(0);
  PutBe16(out, type);
  PutBe16(out, 1);
  if (!edns) return out;
  const std::vector<std::uint8_t> opt = {0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
  out.insert(out.end(), opt.begin(), opt.end());
  return out;
}

Question MakeQuestion(const QuestionOptions& options, std::size_t name, unsigned percent) {
  std::string label = StrCat("n", name);
  std::uint16_t type = kA;
  std::string text = "A";
  Question question;
  if (options.mix == Mix::kMixed && percent >= 60) {
    question.has_answer = false;
    if (percent < 80) {
      type = kAaaa;
      text = "AAAA";
    } else if (percent < 95) {
      label = StrCat("x", name);
      question.rcode = kNxDomain;
    } else {
      type = kHttps;
      text = "TYPE65";
    }
  }
  question.packet = PacketFor(label, type, options.edns);
  question.line = StrCat(label, ".", kBenchApex, " ", text);
  return question;
}

std::string AddressOf(std::size_t i) {
  return StrCat("10.", i >> 16 & 255, ".", i >> 8 & 255, ".", i & 255);
}

}  // namespace

std::vector<Question> MakeQuestions(const QuestionOptions& options) {
  std::mt19937_64 random(1);  // the same questions in every run
  std::vector<Question> questions;
  questions.reserve(options.count);
  for (std::size_t i = 0; i < options.count; ++i) {
    const auto percent = static_cast<unsigned>(random() % 100);
    questions.push_back(MakeQuestion(options, random() % options.names, percent));
  }
  return questions;
}

std::string ZoneText(std::size_t names) {
  std::string text = StrCat("$ORIGIN ", kBenchApex, ".\n$TTL 300\n");
  text += "@ IN SOA ns.bench.test. ops.bench.test. 1 3600 600 86400 60\n";
  text += "@ IN NS ns\nns IN A 127.0.0.1\n";
  for (std::size_t i = 0; i < names; ++i) text += StrCat("n", i, " IN A ", AddressOf(i), "\n");
  return text;
}

std::string HostsText(std::size_t names) {
  std::string text;
  for (std::size_t i = 0; i < names; ++i) {
    text += StrCat(AddressOf(i), " n", i, ".", kBenchApex, "\n");
  }
  return text;
}

bool IsRight(const Question& question, Bytes answer) {
  if (answer.size() < kHeaderSize || (answer[2] & 0x80) == 0) return false;
  const bool has_answer = answer[6] != 0 || answer[7] != 0;
  return (answer[3] & 0xf) == question.rcode && has_answer == question.has_answer;
}

}  // namespace summon::benchmarks
