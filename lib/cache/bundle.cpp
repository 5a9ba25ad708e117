#include "cache/bundle.h"

#include <algorithm>
#include <memory>
#include <set>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "cache/codes.h"
#include "cache/external.h"
#include "cache/key.h"
#include "cache/store_impl.h"
#include "support/codes.h"
#include "support/output_file.h"
#include "support/sort_uniquely.h"

namespace rlx::cache {
namespace {

constexpr size_t kBundlePiece = size_t{1} << 20;
// Of all records and signatures of a bundle, which are held before anything is known of them.
constexpr size_t kMaxRecords = size_t{256} << 20;
constexpr std::string_view kCas = "cas/sha256/";

struct Free {
  void operator()(struct archive_entry* e) const { ::archive_entry_free(e); }
};
using ArchiveEntry = std::unique_ptr<struct archive_entry, Free>;

std::string blob_path(const Digest& digest) {
  std::string hex = digest.hex();
  return fmt::format("{}{}/{}", kCas, hex.substr(0, 2), hex);
}

class Writer {
 public:
  Writer(int fd, const std::string& path) : archive_(::archive_write_new()), path_(path) {
    ::archive_write_set_format_pax_restricted(archive_);
    // The same bytes for a pipe as for a file.
    ::archive_write_set_bytes_in_last_block(archive_, 1);
    ::archive_write_open_fd(archive_, fd);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { ::archive_write_free(archive_); }

  // No times, owners or modes of this machine.
  Status add(const std::string& name, Bytes data) {
    const ArchiveEntry entry(::archive_entry_new());
    ::archive_entry_set_pathname(entry.get(), name.c_str());
    ::archive_entry_set_size(entry.get(), static_cast<la_int64_t>(data.size()));
    ::archive_entry_set_filetype(entry.get(), AE_IFREG);
    ::archive_entry_set_perm(entry.get(), 0444);
    const bool good = ::archive_write_header(archive_, entry.get()) == ARCHIVE_OK &&
                      ::archive_write_data(archive_, data.data(), data.size()) ==
                          static_cast<la_ssize_t>(data.size());
    return good ? Status() : problem();
  }

  Status close() { return ::archive_write_close(archive_) == ARCHIVE_OK ? Status() : problem(); }

 private:
  Status problem() const {
    const char* text = ::archive_error_string(archive_);
    return Error(kCannotWriteFile,
                 fmt::format("cannot write {}: {}", path_, text ? text : "unknown"));
  }

  struct archive* archive_;
  std::string path_;
};

class Exporter {
 public:
  Exporter(const Store& store, const SigningKey* signing, Writer& out)
      : store_(store), signing_(signing), out_(out) {}

  Result<Moved> run(Vec<std::string> keys) {
    sort_uniquely(keys);
    for (const std::string& key : keys) RLX_TRY_VOID(add_record(key));
    for (const Entry& entry : entries_) RLX_TRY_VOID(add_lir(entry));
    for (const auto& [digest, blob] : blobs_) RLX_TRY_VOID(add_blob(blob));
    for (const auto& file : files_) RLX_TRY_VOID(file->check_unchanged());
    RLX_TRY_VOID(out_.close());
    moved_.keys = std::move(keys);
    return std::move(moved_);
  }

 private:
  Status add(const std::string& name, Bytes data) {
    moved_.bytes += static_cast<int64_t>(data.size());
    return out_.add(name, data);
  }

  Status add_record(const std::string& key) {
    RLX_TRY(const std::string meta, store_.root().read(meta_name(key), kMaxMeta));
    RLX_TRY(Entry entry, parse_meta(key, meta));
    RLX_TRY_VOID(add(meta_name(key), bytes_of(meta)));
    auto signatures = store_.root().read(signature_name(key), kMaxMeta);
    if (signing_ && !store_.is_vouched_for(entry)) {
      return Error(kUnsigned, key + " is signed by no trusted key, and is not passed on");
    }
    if (signing_) signatures = signatures_text({signing_->sign(key, meta)});
    if (signatures) RLX_TRY_VOID(add(signature_name(key), bytes_of(*signatures)));
    for (const BlobRef& blob : entry.blobs) {
      if (blob.role != Role::kExternal) blobs_.emplace(blob.digest, blob);
    }
    RLX_TRY_VOID(find_external(entry));
    entries_.push_back(std::move(entry));
    return {};
  }

  Status add_lir(const Entry& entry) {
    RLX_TRY(const std::string lir, store_.lir(entry));
    return add(lir_name(entry.key), bytes_of(lir));
  }

  // A bundle goes where the model's files may not be.
  Status find_external(const Entry& entry) {
    const auto sources = find_sources(store_, entry.key);
    RLX_TRY(ExternalBlobs found, open_external(store_, entry, sources.value_or(Sources()), true));
    for (const BlobRef& blob : entry.blobs) {
      if (found.blobs.contains(blob.digest)) blobs_.emplace(blob.digest, blob);
    }
    external_.merge(found.blobs);
    std::ranges::move(found.files, std::back_inserter(files_));
    return {};
  }

  Status add_blob(const BlobRef& blob) {
    const auto external = external_.find(blob.digest);
    if (external != external_.end()) {
      return add(blob_path(blob.digest), external->second.bytes());
    }
    RLX_TRY(const BlobBytes bytes, store_.blob(blob));
    return add(blob_path(blob.digest), bytes.bytes());
  }

  const Store& store_;
  const SigningKey* signing_;
  Writer& out_;
  Vec<Entry> entries_;
  std::map<Digest, BlobRef> blobs_;
  // What lies in the models' files, and these.
  std::map<Digest, BlobBytes> external_;
  Vec<std::shared_ptr<const MappedFile>> files_;
  Moved moved_;
};

class Reader {
 public:
  explicit Reader(const std::string& path) : archive_(::archive_read_new()), path_(path) {
    ::archive_read_support_format_tar(archive_);
    good_ = ::archive_read_open_filename(archive_, path.c_str(), size_t{1} << 18) == ARCHIVE_OK;
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { ::archive_read_free(archive_); }

  // False at the end.
  Result<bool> next() {
    if (!good_) return problem();
    const int result = ::archive_read_next_header(archive_, &entry_);
    if (result == ARCHIVE_EOF) return false;
    if (result != ARCHIVE_OK) return problem();
    return true;
  }

  std::string name() const {
    const char* name = ::archive_entry_pathname(entry_);
    return name ? name : "";
  }
  int64_t size() const { return ::archive_entry_size(entry_); }

  Result<std::string> read(int64_t limit) {
    if (size() < 0 || size() > limit) {
      return Error(kDamaged, fmt::format("{}: {} is {} bytes long", path_, name(), size()));
    }
    // What an archive claims is not what it holds: memory grows with what comes.
    std::string data;
    auto wanted = static_cast<size_t>(size());
    while (data.size() < wanted) {
      const size_t done = data.size();
      data.resize(std::min(wanted, done + kBundlePiece));
      const la_ssize_t got = ::archive_read_data(archive_, data.data() + done, data.size() - done);
      if (got <= 0) return problem();
      data.resize(done + static_cast<size_t>(got));
    }
    return data;
  }

 private:
  Error problem() const {
    const char* text = ::archive_error_string(archive_);
    return Error(kDamaged,
                 fmt::format("{} is no bundle: {}", path_, text ? text : "it ends early"));
  }

  struct archive* archive_;
  struct archive_entry* entry_ = nullptr;
  std::string path_;
  bool good_ = false;
};

// The key in "KEY.meta.json"; empty for other names.
std::string key_of(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return {};
  const std::string key(name.substr(0, name.size() - suffix.size()));
  return check_key(key) ? key : std::string();
}

class Importer {
 public:
  Importer(Store& store, const TrustedKeys& trusted, bool allow_unsigned)
      : store_(store), trusted_(trusted), allow_unsigned_(allow_unsigned) {}

  Result<Moved> run(Reader& reader) {
    const Publication hold = store_.publishing();
    while (true) {
      RLX_TRY(const bool more, reader.next());
      if (!more) break;
      RLX_TRY_VOID(take(reader));
    }
    if (metas_.empty()) return Error(kNoEntry, "the bundle holds no entry");
    RLX_TRY_VOID(judge());
    for (const Incoming& incoming : accepted_) RLX_TRY_VOID(publish(incoming));
    return std::move(moved_);
  }

 private:
  // Records and signatures come first: they say which blobs are wanted, and how long they are.
  Status take(Reader& reader) {
    const std::string name = reader.name();
    if (std::string key = key_of(name, ".meta.json"); !key.empty()) {
      RLX_TRY(metas_[key], reader.read(kMaxMeta));
      held_ += metas_[key].size();
    } else if (key = key_of(name, ".sig.json"); !key.empty()) {
      RLX_TRY(signatures_[key], reader.read(kMaxMeta));
      held_ += signatures_[key].size();
    } else {
      RLX_TRY_VOID(judge());
      if (key = key_of(name, ".lir.json"); !key.empty()) return take_lir(key, reader);
      if (name.starts_with(kCas)) return take_blob(name, reader);
    }
    if (held_ > kMaxRecords) return Error(kDamaged, "the bundle's records are too long");
    return {};
  }

  // Once all records are read.
  Status judge() {
    if (judged_) return {};
    judged_ = true;
    for (auto& [key, meta] : metas_) {
      RLX_TRY(Incoming incoming, accept(key, meta, signatures_[key], trusted_, allow_unsigned_));
      for (const BlobRef& blob : incoming.entry.blobs) wanted_.emplace(blob.digest, blob.size);
      accepted_.push_back(std::move(incoming));
    }
    return {};
  }

  Status take_lir(const std::string& key, Reader& reader) {
    for (Incoming& incoming : accepted_) {
      if (incoming.entry.key != key) continue;
      RLX_TRY(incoming.lir, reader.read(incoming.entry.lir_size));
      moved_.bytes += incoming.entry.lir_size;
    }
    return {};
  }

  Status take_blob(const std::string& name, Reader& reader) {
    auto digest = Digest::from_hex(name.substr(name.find_last_of('/') + 1));
    auto wanted = digest ? wanted_.find(*digest) : wanted_.end();
    if (wanted == wanted_.end()) return {};
    if (store_.contains(*digest, wanted->second)) return {};
    RLX_TRY(const std::string data, reader.read(wanted->second));
    moved_.bytes += wanted->second;
    RLX_TRY_VOID(store_.put_blob(*digest, bytes_of(data)));
    // What could not be stored is no fault of the bundle.
    return store_.trouble() ? Status(*store_.trouble()) : Status();
  }

  Status publish(const Incoming& incoming) {
    const Entry& entry = incoming.entry;
    if (static_cast<int64_t>(incoming.lir.size()) != entry.lir_size ||
        sha256(bytes_of(incoming.lir)) != entry.lir) {
      return Error(kDamaged, "the LIR of " + entry.key + " in the bundle is damaged");
    }
    for (const BlobRef& blob : entry.blobs) {
      if (blob.role != Role::kExternal && !store_.contains(blob.digest, blob.size)) {
        return Error(kDamaged, fmt::format("the bundle lacks blob {} of {}",
                                           blob.digest.hex().substr(0, 16), entry.key));
      }
    }
    const KeyLock lock = store_.lock(entry.key);
    RLX_TRY_VOID(store_.publish_incoming(lock, incoming));
    moved_.keys.push_back(entry.key);
    return {};
  }

  Store& store_;
  const TrustedKeys& trusted_;
  bool allow_unsigned_;
  bool judged_ = false;
  size_t held_ = 0;
  std::map<std::string, std::string> metas_, signatures_;
  std::map<Digest, int64_t> wanted_;
  Vec<Incoming> accepted_;
  Moved moved_;
};

}  // namespace

Result<Incoming> accept(std::string_view key, std::string meta, std::string signatures,
                        const TrustedKeys& trusted, bool allow_unsigned) {
  RLX_TRY_VOID(check_key(key));
  RLX_TRY(Entry entry, parse_meta(key, meta));
  auto parsed =
      signatures.empty() ? Result<Vec<Signature>>(Vec<Signature>()) : parse_signatures(signatures);
  const bool good = parsed && !trusted.signer(key, meta, *parsed).empty();
  if (!good && !allow_unsigned) {
    return Error(kUnsigned, fmt::format("{} is signed by no trusted key", key),
                 "`rlx-cache trust F.pub` trusts a key; --allow-unsigned takes it as it is");
  }
  return Incoming{std::move(entry), std::move(meta), {}, std::move(signatures)};
}

Result<Moved> export_bundle(const Store& store, const Vec<std::string>& keys,
                            const std::string& path, const SigningKey* signing) {
  RLX_TRY(OutputFile file, OutputFile::create(path));
  Writer writer(file.fd(), path);
  RLX_TRY(Moved moved, Exporter(store, signing, writer).run(keys));
  RLX_TRY_VOID(file.finish());
  return moved;
}

Result<Moved> import_bundle(Store& store, const std::string& path, const TrustedKeys& trusted,
                            bool allow_unsigned) {
  RLX_TRY_VOID(store.check_writable());
  Reader reader(path);
  return Importer(store, trusted, allow_unsigned).run(reader);
}

}  // namespace rlx::cache
