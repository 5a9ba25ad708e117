#include "cache/remote.h"

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/action_result.h"
#include "cache/codes.h"
#include "cache/events.h"
#include "cache/key.h"
#include "cache/remote_http.h"
#include "cache/store_impl.h"
#include "support/log.h"

namespace rlx::cache {
namespace {

constexpr int64_t kMaxAction = int64_t{16} << 20;
// Failures in a row, and seconds for which the server is then left alone.
constexpr int64_t kFailures = 3, kOpenSeconds = 60;

std::string action_path(std::string_view key) {
  const std::string text = fmt::format("rlx-ac-1\n{}", key);
  return "/ac/" + sha256(bytes_of(text)).hex();
}

std::string cas_path(const Digest& digest) { return "/cas/" + digest.hex(); }

// Failures in a row, shared between processes by the size and mtime of stats/breaker.
class Breaker {
 public:
  explicit Breaker(const Folder& root) : root_(root) {}

  bool is_open() const {
    struct stat s;
    return look(s) && s.st_size >= kFailures &&
           static_cast<int64_t>(::time(nullptr)) - s.st_mtim.tv_sec < kOpenSeconds;
  }

  void failed() const {
    const Folder stats = root_.ok() ? root_.make("stats") : Folder();
    if (!stats.ok()) return;
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const Fd fd(::openat(stats.fd(), "breaker", kFlags, 0600));
    struct stat s;
    const bool own = fd.ok() && ::fstat(fd.get(), &s) == 0 && S_ISREG(s.st_mode) && s.st_nlink == 1;
    if (own) write_all(fd.get(), bytes_of("x"));
  }

  void succeeded() const {
    struct stat s;
    if (look(s)) root_.below("stats").remove("breaker");
  }

 private:
  bool look(struct stat& s) const {
    const Folder stats = root_.ok() ? root_.below("stats") : Folder();
    return stats.ok() && ::fstatat(stats.fd(), "breaker", &s, AT_SYMLINK_NOFOLLOW) == 0;
  }

  const Folder& root_;
};

// No answer, or the server's own failure.
bool is_trouble(const Response& r) { return r.status == 0 || r.status >= 500; }

std::string describe_response(const Response& r) {
  return r.status == 0 ? r.problem : fmt::format("HTTP {}", r.status);
}

}  // namespace

struct Remote::Impl {
  explicit Impl(RemoteOptions o) : options(std::move(o)), http(options) {}

  // kMissing: the server does not have it. kCannotRead: trouble.
  Result<std::string> get(const std::string& path, int64_t limit) {
    Response r = http.get(path, limit);
    if (r.status == 200) return std::move(r.body);
    if (is_trouble(r)) {
      return Error(kCannotRead, fmt::format("{}: {}", options.url, describe_response(r)));
    }
    return Error(kMissing, fmt::format("{} has no {}", options.url, path));
  }

  Result<std::string> get_blob(const Digest& digest, int64_t size) {
    RLX_TRY(std::string bytes, get(cas_path(digest), size));
    if (static_cast<int64_t>(bytes.size()) == size && sha256(bytes_of(bytes)) == digest) {
      return bytes;
    }
    return Error(kDamaged, fmt::format("{} sent wrong bytes for {}", options.url, digest.hex()));
  }

  Result<std::string> get_file(const Vec<OutputFile>& files, const std::string& name) {
    for (const OutputFile& file : files) {
      if (file.path == name && file.size <= static_cast<int64_t>(kMaxMeta)) {
        return get_blob(file.digest, file.size);
      }
    }
    return Error(kMissing, "the remote entry has no " + name);
  }

  Result<int64_t> pull(Store& store, const std::string& key, const TrustedKeys& trusted) {
    RLX_TRY(const std::string action, get(action_path(key), kMaxAction));
    RLX_TRY(const Vec<OutputFile> files, parse_action_result(action));
    RLX_TRY(std::string meta, get_file(files, meta_name(key)));
    auto signatures = get_file(files, signature_name(key));
    RLX_TRY(Incoming incoming, accept(key, std::move(meta), signatures ? *signatures : "", trusted,
                                      options.allow_unsigned));
    const Publication hold = store.publishing();
    RLX_TRY(incoming.lir, get_blob(incoming.entry.lir, incoming.entry.lir_size));
    int64_t bytes = incoming.entry.lir_size;
    for (const BlobRef& blob : incoming.entry.blobs) {
      if (blob.role == Role::kExternal || store.contains(blob.digest, blob.size)) continue;
      RLX_TRY(const std::string data, get_blob(blob.digest, blob.size));
      RLX_TRY_VOID(store.put_blob(blob.digest, bytes_of(data)));
      bytes += blob.size;
    }
    // The caller holds the key's lock.
    RLX_TRY_VOID(store.publish_incoming(KeyLock(), incoming));
    return bytes;
  }

  Result<int64_t> put_blob(const Digest& digest, Bytes bytes) {
    if (http.head(cas_path(digest)).status == 200) return 0;
    RLX_TRY_VOID(put(cas_path(digest), bytes));
    return static_cast<int64_t>(bytes.size());
  }

  Status put(const std::string& path, Bytes bytes) {
    const Response r = http.put(path, bytes);
    if (r.status >= 200 && r.status < 300) return {};
    return Error(kCannotWrite,
                 fmt::format("{} did not take {}: {}", options.url, path, describe_response(r)));
  }

  RemoteOptions options;
  Http http;
};

Remote::Remote(RemoteOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Remote::Remote(Remote&&) noexcept = default;
Remote::~Remote() = default;

bool Remote::ok() const {
  return !impl_->options.url.empty() && impl_->options.mode != RemoteMode::kOff;
}

bool Remote::pull(Store& store, const std::string& key, const TrustedKeys& trusted) {
  const Breaker breaker(store.root());
  if (!ok() || !store.writable() || breaker.is_open()) return false;
  auto bytes = impl_->pull(store, key, trusted);
  if (bytes) {
    breaker.succeeded();
    note_event(store.root(), Event::kPulled, key, *bytes);
    return true;
  }
  const Diagnostic& problem = bytes.error().first();
  if (problem.code == kMissing) return breaker.succeeded(), false;
  if (problem.code == kCannotRead) breaker.failed();
  store.complain("remote cache: " + problem.message);
  return false;
}

Result<int64_t> Remote::push(const Store& store, const std::string& key,
                             const SigningKey& signing) {
  RLX_TRY(const std::string meta, store.root().read(meta_name(key), kMaxMeta));
  RLX_TRY(const Entry entry, parse_meta(key, meta));
  if (!store.is_vouched_for(entry)) {
    return Error(kUnsigned, key + " is signed by no trusted key, and is not passed on");
  }
  RLX_TRY(const std::string lir, store.lir(entry));
  const std::string signatures = signatures_text({signing.sign(key, meta)});
  Vec<OutputFile> files;
  int64_t sent = 0;
  auto add = [&](const std::string& path, Bytes bytes) -> Status {
    OutputFile file{path, sha256(bytes), static_cast<int64_t>(bytes.size())};
    RLX_TRY(const int64_t n, impl_->put_blob(file.digest, bytes));
    sent += n;
    files.push_back(std::move(file));
    return {};
  };
  RLX_TRY_VOID(add(meta_name(key), bytes_of(meta)));
  RLX_TRY_VOID(add(signature_name(key), bytes_of(signatures)));
  RLX_TRY_VOID(add(lir_name(key), bytes_of(lir)));
  for (const BlobRef& blob : entry.blobs) {
    if (blob.role == Role::kExternal) continue;
    RLX_TRY(const BlobBytes bytes, store.blob(blob));
    RLX_TRY_VOID(add("blobs/" + blob.digest.hex(), bytes.bytes()));
  }
  RLX_TRY_VOID(impl_->put(action_path(key), bytes_of(action_result_text(files))));
  note_event(store.root(), Event::kPushed, key, sent);
  return sent;
}

Result<int64_t> Remote::ping() const {
  auto start = std::chrono::steady_clock::now();
  const Response r = impl_->http.head("/cas/" + sha256({}).hex());
  if (is_trouble(r)) {
    return Error(kCannotRead, fmt::format("{}: {}", impl_->options.url, describe_response(r)));
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               start)
      .count();
}

Result<RemoteMode> parse_remote_mode(std::string_view text, std::string_view setting) {
  if (text == "ro") return RemoteMode::kReadOnly;
  if (text == "rw") return RemoteMode::kReadWrite;
  if (text == "off") return RemoteMode::kOff;
  return Error(kBadSetting, fmt::format("{} is '{}'", setting, text), "it is one of ro, rw, off");
}

Result<RemoteOptions> remote_from_environment() {
  RemoteOptions options;
  options.url = variable("RLX_REMOTE");
  while (options.url.ends_with('/')) options.url.pop_back();
  if (auto mode = variable("RLX_REMOTE_MODE"); !mode.empty()) {
    RLX_TRY(options.mode, parse_remote_mode(mode, "RLX_REMOTE_MODE"));
  }
  options.allow_unsigned = variable("RLX_REMOTE_ALLOW_UNSIGNED") == "1";
  return options;
}

}  // namespace rlx::cache
