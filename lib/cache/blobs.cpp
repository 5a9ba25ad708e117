#include "cache/blobs.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cache/codes.h"
#include "cache/quarantine.h"
#include "support/big_pages.h"
#include "support/cut_files.h"

namespace rlx::cache {
namespace {

// A file system may keep a file in pieces of the size in which it was written: those of a big page are mapped with one
// fault (docs/design/017-starts.md).
constexpr size_t kPiece = kBigPage;
constexpr int64_t kYoungForSeconds = 30 * 60;

// From here on one flush of the whole file system costs less than two flushes a blob.
constexpr size_t kManyBlobs = 16;

std::string shard_name(const Digest& digest) { return digest.hex().substr(0, 2); }

bool is_local(int fd) {
  struct statfs s;
  return ::fstatfs(fd, &s) == 0 && !is_remote_file_system(static_cast<uint32_t>(s.f_type));
}

BlobBytes adopt(void* data, size_t size) {
  std::shared_ptr<const void> owner(data, [size](void* p) { ::munmap(p, size); });
  return {std::move(owner), Bytes(static_cast<const std::byte*>(data), size)};
}

// Weights are used where they lie: there is no going on without them.
BlobBytes watched(BlobBytes mapped) {
  struct Watched {
    BlobBytes bytes;
    MappedRange range;
  };
  const Bytes bytes = mapped.bytes();
  MappedRange range(bytes, MappedRange::IfCut::kEnd);
  return {std::make_shared<Watched>(std::move(mapped), std::move(range)), bytes};
}

Result<BlobBytes> map_file(const File& file, const std::string& name) {
  const size_t size = file.size();
  if (size == 0) return BlobBytes(nullptr, {});
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd.get(), 0);
  if (data == MAP_FAILED) return io_error(kCannotRead, "map", name);
  return watched(adopt(data, size));
}

Result<BlobBytes> load_file(const File& file, const std::string& name) {
  const size_t size = file.size();
  if (size == 0) return BlobBytes(nullptr, {});
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (data == MAP_FAILED) return io_error(kCannotRead, "read", name);
  BlobBytes bytes = adopt(data, size);
  const ptrdiff_t got = read_all(file.fd.get(), {static_cast<std::byte*>(data), size});
  if (got < 0) return io_error(kCannotRead, "read", name);
  if (static_cast<size_t>(got) != size) return Error(kDamaged, name + " ends early");
  return bytes;
}

Result<Digest> digest_of(const File& file, const std::string& name) {
  Sha256 hash;
  Vec<std::byte> piece(kPiece);
  for (;;) {
    const ptrdiff_t got = read_all(file.fd.get(), piece);
    if (got < 0) return io_error(kCannotRead, "read", name);
    hash.update({piece.data(), static_cast<size_t>(got)});
    if (static_cast<size_t>(got) < piece.size()) return hash.finish();
  }
}

std::string describe(const BlobRef& blob) {
  std::string text = fmt::format("{} blob {}", name(blob.role), blob.digest.hex().substr(0, 16));
  return blob.note.empty() ? text : fmt::format("{} ({})", text, blob.note);
}

}  // namespace

Blobs::Blobs(const Folder& root, const Options& options)
    : root_(root),
      options_(options),
      local_(root.ok() && is_local(root.fd())),
      verified_(root, options.mode != Mode::kReadOnly) {}

Folder Blobs::shard(const Digest& digest) const {
  return root_.below("cas").below("sha256").below(shard_name(digest));
}

Folder Blobs::make_shard(const Digest& digest) const {
  return root_.make("cas").make("sha256").make(shard_name(digest));
}

// A folder that is not there holds nothing; one that may not be read may hold anything.
Error Blobs::without_folder(const BlobRef& blob) const {
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
    return Error(kMissing, describe(blob) + " is missing");
  }
  const std::string path = "cas/sha256/" + shard_name(blob.digest);
  return root_.error(kCannotRead, "open", path);
}

Result<File> Blobs::open(const BlobRef& blob) const {
  const Folder folder = shard(blob.digest);
  if (!folder.ok()) return without_folder(blob);
  auto file = folder.open_file(blob.digest.hex());
  if (file) return file;
  if (file.error().first().code == kMissing) return Error(kMissing, describe(blob) + " is missing");
  Diagnostic problem = file.error().first();
  problem.message = fmt::format("{}: {}", describe(blob), problem.message);
  return Error(std::move(problem));
}

bool Blobs::must_digest(const BlobRef& blob, const File& file) {
  if (blob.role == Role::kImage || options_.verify == Verify::kFull) return true;
  // Whoever owns it can write it again.
  if (file.stat.st_uid != 0 && file.stat.st_uid != ::geteuid()) return true;
  return options_.verify == Verify::kStamp && !verified_.knows(blob.digest, file.stat);
}

bool Blobs::may_map(const BlobRef& blob, const File& file) const {
  const bool trusted = file.stat.st_uid == 0 || file.stat.st_uid == ::geteuid();
  return blob.role != Role::kImage && trusted && local_;
}

// Later stores write it again; what was found is kept for whoever wants to know.
Error Blobs::set_aside(const BlobRef& blob, const File& file, const std::string& why) {
  const std::string reason = fmt::format("{} is damaged: {}", describe(blob), why);
  // Not where another process has put the right one in its place.
  auto now = open(blob);
  const bool same = now && now->stat.st_ino == file.stat.st_ino;
  if (same && options_.mode != Mode::kReadOnly) {
    quarantine(root_, shard(blob.digest), blob.digest.hex(), reason);
  }
  return Error(kDamaged, reason);
}

Result<BlobBytes> Blobs::read(const BlobRef& blob) {
  RLX_TRY(File file, open(blob));
  if (file.stat.st_size != blob.size) {
    return set_aside(blob, file, fmt::format("{} bytes, not {}", file.stat.st_size, blob.size));
  }
  auto bytes =
      may_map(blob, file) ? map_file(file, describe(blob)) : load_file(file, describe(blob));
  if (!bytes || !must_digest(blob, file)) return bytes;
  if (sha256(bytes->bytes()) != blob.digest) return set_aside(blob, file, "its digest differs");
  if (blob.role != Role::kImage) verified_.add(blob.digest, file.stat);
  return bytes;
}

bool Blobs::contains(const Digest& digest, int64_t size) const {
  auto file = open({.digest = digest, .size = size});
  return file && file->stat.st_size == size;
}

// One pass over data that may change meanwhile: each piece is copied, and the copy hashed and
// written.
Result<bool> Blobs::write(const Folder& folder, const Digest& digest, Bytes data) {
  const std::string name = digest.hex();
  // Its durability waits for sync(), where many blobs share a flush.
  RLX_TRY(NewFile file, NewFile::create(folder, root_, Durability::kFast));
  Sha256 hash;
  Vec<std::byte> piece;
  for (size_t done = 0; done < data.size(); done += piece.size()) {
    const Bytes next = data.subspan(done, std::min(kPiece, data.size() - done));
    piece.assign(next.begin(), next.end());
    hash.update(piece);
    RLX_TRY_VOID(file.append(piece, name));
  }
  if (hash.finish() != digest) {
    return Error(kChanged, "the bytes of blob " + name.substr(0, 16) + " changed while stored");
  }
  RLX_TRY(const bool linked, file.link(name));
  struct stat s;
  if (linked && ::fstat(file.fd(), &s) == 0) verified_.add(digest, s);
  return linked;
}

Status Blobs::put(const Digest& digest, Bytes data) {
  const Folder folder = make_shard(digest);
  if (!folder.ok()) return root_.error(kCannotWrite, "make", "cas/sha256/" + shard_name(digest));
  const BlobRef blob{.digest = digest, .size = static_cast<int64_t>(data.size())};
  Status there = check_whole(blob);
  if (there) return {};
  // A link, a folder, other bytes: whatever has the name is not the blob.
  const Diagnostic& problem = there.error().first();
  if (problem.code == kDamaged) quarantine(root_, folder, digest.hex(), problem.message);
  RLX_TRY(const bool linked, write(folder, digest, data));
  // Another process may have been first.
  if (!linked) return check_whole(blob);
  const std::lock_guard guard(mutex_);
  unsynced_.insert(digest);
  return {};
}

// That the blob is stored and is what its name says, read at most once a boot.
Status Blobs::check_whole(const BlobRef& blob) {
  RLX_TRY(const File file, open(blob));
  if (file.stat.st_size != blob.size) return Error(kDamaged, "its size differs");
  if (verified_.knows(blob.digest, file.stat)) return {};
  RLX_TRY(const Digest found, digest_of(file, blob.digest.hex()));
  if (found != blob.digest) return Error(kDamaged, "its digest differs");
  verified_.add(blob.digest, file.stat);
  return {};
}

Status Blobs::keep(const BlobRef& blob) {
  RLX_TRY(File file, open(blob));
  if (file.stat.st_size != blob.size) return set_aside(blob, file, "its size differs");
  struct timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec - file.stat.st_mtim.tv_sec < kYoungForSeconds) return {};
  const bool known = verified_.knows(blob.digest, file.stat);
  // Another user's blob keeps its time, and is there all the same.
  if (::futimens(file.fd.get(), nullptr) != 0) return {};
  if (known && ::fstat(file.fd.get(), &file.stat) == 0) verified_.add(blob.digest, file.stat);
  return {};
}

Status Blobs::sync_blob(const Digest& digest) const {
  const Folder folder = shard(digest);
  auto file = folder.open_file(digest.hex());
  if (file && ::fdatasync(file->fd.get()) == 0 && folder.sync()) return {};
  return io_error(kCannotWrite, "keep", digest.hex());
}

Status Blobs::sync() {
  const std::lock_guard guard(mutex_);
  const std::set<Digest> blobs = std::exchange(unsynced_, {});
  if (options_.durability == Durability::kFast || blobs.empty()) return {};
  if (blobs.size() >= kManyBlobs) {
    return ::syncfs(root_.fd()) == 0 ? Status() : io_error(kCannotWrite, "keep", "cas");
  }
  for (const Digest& digest : blobs) RLX_TRY_VOID(sync_blob(digest));
  const Folder cas = root_.below("cas");
  return cas.sync() && cas.below("sha256").sync() ? Status()
                                                  : io_error(kCannotWrite, "keep", "cas");
}

}  // namespace rlx::cache
