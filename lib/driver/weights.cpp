#include "driver/weights.h"

#include <algorithm>

#include "backend/common/constant_blobs.h"
#include "driver/codes.h"

namespace rlx::driver {

Result<Weights> parse_weights(const std::string& text) {
  if (text.empty()) return Weights::kAny;
  if (text == "ref") return Weights::kRef;
  if (text == "embed") return Weights::kEmbed;
  return Error(kUnknownWeights, "--weights is \"" + text + "\"", "it is ref or embed");
}

cache::Sources sources_in(const ModelFile& model, cache::Snapshot snapshot) {
  cache::Sources sources{.snapshot = std::move(snapshot)};
  std::set<Digest> seen;
  for (const Constant& c : model.graph.constants) {
    const Bytes bytes = c.data.bytes();
    const auto range = bytes.size() < kOwnBlobBytes ? std::nullopt : locate(model, bytes);
    if (!range || !seen.insert(c.digest).second) continue;
    sources.constants.push_back({.digest = c.digest,
                                 .file = static_cast<int64_t>(range->file),
                                 .offset = range->offset,
                                 .size = static_cast<int64_t>(bytes.size())});
  }
  sources.unchanged = !cache::is_in_doubt(sources.snapshot);
  return sources;
}

std::optional<cache::Sources> sources_of(const cache::Sources& all,
                                         const std::set<Digest>& digests) {
  cache::Sources some{.snapshot = {.taken_ns = all.snapshot.taken_ns}, .unchanged = all.unchanged};
  std::map<int64_t, int64_t> places;
  for (cache::Source source : all.constants) {
    if (!digests.contains(source.digest)) continue;
    Vec<FileStamp>& files = some.snapshot.files;
    const auto [place, is_new] = places.emplace(source.file, std::ssize(files));
    if (is_new) files.push_back(all.snapshot.files[static_cast<size_t>(source.file)]);
    source.file = place->second;
    some.constants.push_back(source);
  }
  if (some.constants.size() != digests.size()) return std::nullopt;
  return some;
}

std::set<Digest> external_of(const cache::Entry& entry) {
  std::set<Digest> digests;
  for (const cache::BlobRef& blob : entry.blobs) {
    if (blob.role == cache::Role::kExternal) digests.insert(blob.digest);
  }
  return digests;
}

}  // namespace rlx::driver
