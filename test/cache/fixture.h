// A cache in a folder of its own, and entries to put into it.
#pragma once
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "cache/store.h"
#include "support/files.h"

namespace rlx::cache {

namespace fs = std::filesystem;

// A private folder that goes away with the test.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (fs::temp_directory_path() / "rlx-cache-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { fs::remove_all(path_); }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string slurp(const fs::path& path) {
  auto text = read_file(path.string());
  REQUIRE(text.ok());
  return *text;
}

// Over read-only files too, as damage does.
inline void overwrite(const fs::path& path, const std::string& text) {
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << text;
}

// A cache with one folder, opened as often as a test wants.
class Cache {
 public:
  fs::path root() const { return folder_.path() / "cache"; }
  fs::path file(const std::string& name) const { return root() / name; }
  fs::path blob_file(const Digest& digest) const {
    return root() / "cas/sha256" / digest.hex().substr(0, 2) / digest.hex();
  }
  Options options() const { return {.root = root().string(), .durability = Durability::kFast}; }
  Store open() const { return open(options()); }
  Store open(const Options& options) const {
    auto store = Store::open(options);
    REQUIRE(store.ok());
    return std::move(*store);
  }

 private:
  TempFolder folder_;
};

inline const std::string kLir = "{\"lir\": [1, 2, 3]}\n";
inline const std::string kImage = "image bytes";
inline const std::string kForm = "packed weights";

inline BlobRef ref_of(const std::string& bytes, Role role, std::string note = "") {
  return {.digest = sha256(bytes_of(bytes)),
          .size = static_cast<int64_t>(bytes.size()),
          .role = role,
          .note = std::move(note)};
}

inline Entry example(const std::string& key = "resnet50-cpu") {
  return {.key = key,
          .action = sha256(bytes_of("action")),
          .fingerprint = sha256(bytes_of("fingerprint")),
          .structure = sha256(bytes_of("structure")),
          .blobs = {ref_of(kImage, Role::kImage, "cpu"), ref_of(kForm, Role::kForm, "panel16")},
          .inputs = {{"graph", sha256(bytes_of("graph")).hex()},
                     {"option -O", sha256(bytes_of("2")).hex()}},
          .toolchain = {{"llvm", "22.1.0"}, {"rlxc", "0.1.0"}},
          .isa = {"avx2", "fma"}};
}

inline void put(Store& store, const Entry& entry = example()) {
  for (const std::string& bytes : {kImage, kForm}) {
    REQUIRE(store.put_blob(sha256(bytes_of(bytes)), bytes_of(bytes)).ok());
  }
  KeyLock lock = store.lock(entry.key);
  REQUIRE(store.publish(lock, entry, kLir, {.compile_ms = 7, .producer = "test"}).ok());
}

inline Lookup look(const Store& store, const std::string& key = "resnet50-cpu") {
  auto found = store.lookup(key);
  REQUIRE(found.ok());
  return std::move(*found);
}

}  // namespace rlx::cache
