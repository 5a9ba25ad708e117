#include "driver/open_entry.h"

#include <atomic>
#include <set>
#include <thread>

#include "cache/key.h"
#include "cache/reuse.h"
#include "driver/backends.h"
#include "driver/codes.h"
#include "driver/compile.h"
#include "support/cpu_features.h"

namespace rlx::driver {

using cache::BlobBytes;
using cache::Entry;
using cache::Store;

// ---- The image --------------------------------------------------------------------------------

Result<image::Image> open_image(const Store& store, const Entry& entry) {
  const cache::BlobRef* ref = entry.find(cache::Role::kImage);
  if (!ref) return Error(kIncompleteEntry, "the entry has none");
  RLX_TRY(BlobBytes bytes, store.blob(*ref));
  RLX_TRY(image::Image image, image::decode(bytes.bytes()));
  Vec<std::string> missing = missing_on_host(image.isa);
  if (missing.empty()) return image;
  return Error(kOtherMachine, "it needs " + missing.front() + ", which this machine lacks");
}

std::optional<image::Image> open_code(const Store& store, const Digest& code_key) {
  std::optional<cache::BlobRef> ref = cache::find_code(store, code_key);
  if (!ref) return std::nullopt;
  auto bytes = store.blob(*ref);
  if (!bytes) return std::nullopt;
  auto image = image::decode(bytes->bytes());
  if (!image || image->code_key != code_key) return std::nullopt;
  return std::move(*image);
}

Result<image::Image> remake_image(Store& store, const Entry& entry, std::string text,
                                  const Target& target, int jobs) {
  if (text.empty()) {
    RLX_TRY(text, store.lir(entry));
  }
  RLX_TRY(const Lir lir, lir_from_json(text, {}));
  RLX_TRY(image::Image image, compile_lir(lir, target, jobs));
  // The code of another target than the entry's is this process's own.
  if (target.text != lir.target) return image;
  const std::string bytes = image::encode(image);
  if (Status stored = store.put_blob(sha256(bytes_of(bytes)), bytes_of(bytes)); !stored) {
    store.complain(stored.error().first().message);
  }
  return image;
}

// ---- Constants --------------------------------------------------------------------------------

namespace {

Result<BlobBytes> blob_of(const Store& store, const Entry& entry,
                          const cache::ExternalBlobs& external, const Digest& digest) {
  const auto there = external.blobs.find(digest);
  if (there != external.blobs.end()) return there->second;
  for (const cache::BlobRef& b : entry.blobs) {
    if (b.digest == digest) return store.blob(b);
  }
  return Error(kIncompleteEntry, "entry " + entry.key + " has no blob " + digest.hex());
}

// Calls f(i) for each i below `count`, on so many threads, this one among them.
template <class F>
void in_parallel(size_t count, int threads, const F& f) {
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i = next++; i < count; i = next++) f(i);
  };
  Vec<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
}

}  // namespace

Result<Blobs> open_blobs(const Store& store, const Entry& entry,
                         const cache::ExternalBlobs& external, const image::Image& image,
                         int threads) {
  constexpr int64_t kWorthThreads = int64_t{64} << 20;
  std::set<Digest> wanted;
  for (const image::Buffer& b : image.buffers) {
    if (b.kind == image::Buffer::Kind::kConstant) wanted.insert(b.blob);
  }
  int64_t bytes = 0;
  for (const cache::BlobRef& b : entry.blobs) bytes += b.size;
  Vec<Digest> digests(wanted.begin(), wanted.end());
  Vec<std::optional<Result<BlobBytes>>> read(digests.size());
  in_parallel(digests.size(), bytes > kWorthThreads ? threads : 1,
              [&](size_t i) { read[i] = blob_of(store, entry, external, digests[i]); });
  Blobs blobs;
  for (size_t i = 0; i < digests.size(); ++i) {
    if (!*read[i]) return std::move(read[i]->error());
    blobs.emplace(digests[i], std::move(**read[i]));
  }
  return blobs;
}

Result<ConstantData> open_constant(const Store& store, const Entry& entry,
                                   const cache::ExternalBlobs& external, const StoredConstant& c) {
  RLX_TRY(BlobBytes blob, blob_of(store, entry, external, c.blob));
  return unpacked(c, blob.bytes());
}

Result<cache::Lookup> lookup_template(const Store& store, const std::string& key) {
  if (!cache::check_key(key)) return Error(kNoModel, "no such model file: " + key);
  RLX_TRY(cache::Lookup base, store.lookup(key));
  if (base.hit) return base;
  return Error(kNoModel, "no such model file or cache entry: " + key, base.reason);
}

Result<Lir> open_lir(const Store& store, const Entry& entry, const cache::ExternalBlobs& external,
                     const std::string& text) {
  return lir_from_json(
      text, [&](const StoredConstant& c) { return open_constant(store, entry, external, c); });
}

}  // namespace rlx::driver
