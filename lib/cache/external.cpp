#include "cache/external.h"

#include <algorithm>

#include <fmt/format.h>

#include "cache/codes.h"

namespace rlx::cache {
namespace {

class Opener {
 public:
  Opener(const Sources& sources, bool digest)
      : sources_(sources), digest_(digest), files_(sources.snapshot.files.size()) {
    now_.files = sources.snapshot.files;
  }

  Result<BlobBytes> open(const Entry& entry, const BlobRef& blob) {
    const auto at = std::ranges::find(sources_.constants, blob.digest, &Source::digest);
    if (at == sources_.constants.end() || at->size != blob.size) {
      return away(entry, "its model's file, and nothing says where that is");
    }
    const auto index = static_cast<size_t>(at->file);
    RLX_TRY(const MappedFile* file, opened(entry, index));
    const Bytes all = file->bytes();
    const auto offset = static_cast<size_t>(at->offset), size = static_cast<size_t>(at->size);
    if (offset > all.size() || size > all.size() - offset) return changed(entry, *file);
    BlobBytes bytes(files_[index], all.subspan(offset, size));
    used_.push_back(*at);
    if (is_trusted(index)) return bytes;
    is_renewed_ = true;
    if (is_in_doubt({now_.taken_ns, {file->stamp()}})) bytes = copied(bytes.bytes());
    if (sha256(bytes.bytes()) != blob.digest) return changed(entry, *file);
    return bytes;
  }

  void finish(ExternalBlobs& out) {
    for (auto& file : files_) {
      if (file) out.files.push_back(std::move(file));
    }
    if (is_renewed_) out.renewed = Sources{.snapshot = now_, .constants = used_};
  }

 private:
  Result<const MappedFile*> opened(const Entry& entry, size_t index) {
    if (files_[index]) return files_[index].get();
    const std::string& path = sources_.snapshot.files[index].path;
    auto file = MappedFile::open(path);
    if (!file) return away(entry, path + ", which cannot be opened");
    files_[index] = std::move(*file);
    now_.files[index] = files_[index]->stamp();
    return files_[index].get();
  }

  bool is_trusted(size_t index) const {
    return !digest_ && sources_.unchanged && now_.files[index] == sources_.snapshot.files[index];
  }

  static BlobBytes copied(Bytes bytes) {
    auto copy = std::make_shared<const Vec<std::byte>>(bytes.begin(), bytes.end());
    return {copy, *copy};
  }

  static Error changed(const Entry& entry, const MappedFile& file) {
    return away(entry, file.stamp().path + ", which has changed");
  }

  static Error away(const Entry& entry, const std::string& where) {
    return Error(kNotAtHand, fmt::format("entry {} leaves weights in {}", entry.key, where),
                 "name the model's file, or compile it with --weights=embed");
  }

  const Sources& sources_;
  bool digest_;
  Vec<std::shared_ptr<const MappedFile>> files_;
  // The files as they are, from before the first was looked at.
  Snapshot now_;
  // What was asked for, of good bytes.
  Vec<Source> used_;
  bool is_renewed_ = false;
};

}  // namespace

Result<ExternalBlobs> open_external(const Store& store, const Entry& entry, const Sources& sources,
                                    bool digest) {
  ExternalBlobs out;
  Opener opener(sources, digest);
  for (const BlobRef& blob : entry.blobs) {
    if (blob.role != Role::kExternal || out.blobs.contains(blob.digest)) continue;
    auto bytes = store.blob(blob);
    if (!bytes) bytes = opener.open(entry, blob);
    if (!bytes) return std::move(bytes.error());
    out.blobs.emplace(blob.digest, std::move(*bytes));
  }
  opener.finish(out);
  return out;
}

}  // namespace rlx::cache
