// The remote tier: a server that speaks Bazel's HTTP cache protocol (bazel-remote, nginx with WebDAV, S3).
//
// /cas/<sha256> holds files by digest, /ac/<sha256 of "rlx-ac-1\n" key> an ActionResult that lists an
// entry's files: its record, signatures, LIR and blobs. Nothing that a server says is believed: the record
// must be signed by a trusted key, and every file must have the digest that the record names. Trouble is
// a miss within a budget of time; after three failures in a row all processes leave the server alone for a
// minute.
#pragma once
#include "cache/bundle.h"

namespace rlx::cache {

enum class RemoteMode { kReadOnly, kReadWrite, kOff };
Result<RemoteMode> parse_remote_mode(std::string_view text, std::string_view setting);

struct RemoteOptions {
  // "http://host:8080/prefix" or https; empty: there is none.
  std::string url;
  RemoteMode mode = RemoteMode::kReadOnly;
  // Entries that no trusted key signed are taken too.
  bool allow_unsigned = false;
  int64_t connect_ms = 1000;
  // Without a byte; libcurl notices up to twice as late.
  int64_t idle_s = 5;
  // For a file, besides a second a megabyte.
  int64_t total_s = 60;
};
// From RLX_REMOTE, RLX_REMOTE_MODE and RLX_REMOTE_ALLOW_UNSIGNED.
Result<RemoteOptions> remote_from_environment();

class Remote {
 public:
  explicit Remote(RemoteOptions options);
  Remote(Remote&&) noexcept;
  ~Remote();

  bool ok() const;
  // Whether the entry came. Trouble is one warning and a miss. The caller holds the key's lock.
  bool pull(Store& store, const std::string& key, const TrustedKeys& trusted);
  // Signs and uploads what the server lacks: blobs first, the ActionResult last. Bytes sent.
  Result<int64_t> push(const Store& store, const std::string& key, const SigningKey& signing);
  // Milliseconds of one round trip, for the doctor.
  Result<int64_t> ping() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlx::cache
