// SPDX-License-Identifier: Apache-2.0
// The steps of a load: read, check the form, parse, check the meaning.
#include "configs/load.h"

#include <fcntl.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/strings.h"
#include "base/unique_fd.h"
#include "configs/checks.h"
#include "configs/syntax.h"

namespace summon::configs {

namespace {

constexpr int kRecursionMax = 16;  // messages within messages; the schema has four levels

Result<std::string> ReadWholeFile(const std::string& path) {
  // O_NONBLOCK: a pipe in the file's place must not hang the load.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ErrnoError("read the configuration", errno);
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return ErrnoError("read the configuration", errno);
  if (!S_ISREG(info.st_mode)) {
    return Error(ErrorCode::kInvalid, "read the configuration: not a regular file");
  }
  std::string text(kConfigBytesMax + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read the configuration", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

// What protobuf finds after the check of form. It should find nothing; what it does find is
// shown only when the check of form found nothing, since it may follow from that.
class ParserErrors final : public google::protobuf::io::ErrorCollector {
 public:
  ParserErrors(Sink& sink, bool shown) : sink_(sink), shown_(shown) {}
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (shown_) sink_.Error(sink_.source().FromProtobuf(line, column), message);
  }
  void AddWarning(int line, google::protobuf::io::ColumnNumber column,
                  const std::string& message) override {
    sink_.Warning(sink_.source().FromProtobuf(line, column), message);
  }

 private:
  Sink& sink_;
  const bool shown_;
};

std::string FolderOf(const std::string& file_name) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(file_name, error);
  return error ? std::string("/") : absolute.parent_path().lexically_normal().string();
}

void LoadInto(Sink& sink, const LoadOptions& options, LoadOutcome& outcome) {
  SyntaxOutcome form = CheckSyntax(*schema::File::descriptor(), sink);
  google::protobuf::TextFormat::Parser parser;
  ParserErrors errors(sink, !sink.has_errors());
  ParseInfoTree tree;
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(&tree);
  parser.SetRecursionLimit(kRecursionMax);
  google::protobuf::io::ArrayInputStream stream(form.text.data(),
                                                static_cast<int>(form.text.size()));
  schema::File file;
  const bool parsed = parser.Parse(&stream, &file);
  // What could not be read is no ground for saying that something is missing.
  if (!parsed && !sink.has_errors()) sink.Error({}, "cannot be read");
  if (!parsed) return;
  const CheckContext context{sink, form.damaged, options, FolderOf(sink.source().file())};
  Config config = CheckFile(file, tree, context);
  if (!sink.has_errors()) outcome.config = std::move(config);
}

}  // namespace

LoadOutcome LoadText(std::string_view text, const std::string& file_name,
                     const LoadOptions& options) {
  LoadOutcome outcome;
  const bool too_long = text.size() > kConfigBytesMax;
  const Source source(file_name, too_long ? std::string_view() : text);
  Sink sink(source);
  if (too_long) {
    sink.Error({}, StrCat("the file has more than ", kConfigBytesMax, " bytes (1 MiB)"));
  } else {
    LoadInto(sink, options, outcome);
  }
  outcome.errors = sink.TakeErrors();
  outcome.warnings = sink.TakeWarnings();
  return outcome;
}

LoadOutcome Load(const std::string& path, const LoadOptions& options) {
  const auto text = ReadWholeFile(path);
  if (text) return LoadText(*text, path, options);
  LoadOutcome outcome;
  Diagnostic diagnostic;
  diagnostic.file = path;
  diagnostic.message = text.error().message();
  outcome.errors.push_back(std::move(diagnostic));
  return outcome;
}

}  // namespace summon::configs
