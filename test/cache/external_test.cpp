// Constants that stay in the model's files: used where they lie, and never others in their place.
#include "cache/external.h"

#include <sys/stat.h>

#include "cache/bundle.h"
#include "cache/check.h"
#include "cache/codes.h"
#include "cache/collect.h"
#include "cache/records.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

const std::string kTable = "a table of many rows";

// A model's data file with a table in it, and an entry that leaves it there.
struct Left {
  Cache cache;
  TempFolder folder;
  Store store = cache.open();
  std::string data = (folder.path() / "model.data").string();
  Entry entry = example();
  BlobRef table = ref_of(kTable, Role::kExternal);

  Left() {
    write("head" + kTable);
    entry.blobs.push_back(table);
    put(store, entry);
  }
  void write(const std::string& text) const { std::ofstream(data) << text; }
  // As if the file had been looked at `seconds` after it was made.
  Sources sources(int64_t seconds) const {
    Snapshot taken{.files = {*stamp_of(data)}};
    taken.taken_ns = taken.files[0].ctime_ns + seconds * 1'000'000'000;
    return {.snapshot = taken, .constants = {{table.digest, 0, 4, table.size}}};
  }
  void note(int64_t seconds) const { write_sources(store, entry.key, sources(seconds)); }
  Result<ExternalBlobs> open(bool digest = false) const {
    auto found = find_sources(store, entry.key);
    return open_external(store, entry, found.value_or(Sources()), digest);
  }
  std::string why() const { return open().error().first().message; }
  bool is_mapped(const ExternalBlobs& opened) const {
    const Bytes file = opened.files.at(0)->bytes();
    return opened.blobs.at(table.digest).bytes().data() == file.data() + 4;
  }
};

TEST_CASE("what stays in an unchanged file is used where it lies, undigested") {
  Left left;
  Sources lying = left.sources(10);
  lying.constants[0].digest = sha256(bytes_of("other"));
  lying.unchanged = true;
  Entry other = left.entry;
  other.blobs.back().digest = lying.constants[0].digest;
  CHECK(open_external(left.store, other, lying, false).ok());
  CHECK(!open_external(left.store, other, lying, true).ok());

  left.note(10);
  auto opened = left.open();
  REQUIRE(opened.ok());
  CHECK(text_of(opened->blobs.at(left.table.digest).bytes()) == kTable);
  CHECK(left.is_mapped(*opened));
  CHECK(!opened->renewed);
  CHECK(opened->files[0]->check_unchanged().ok());
  left.write("longer" + kTable);
  CHECK(!opened->files[0]->check_unchanged().ok());
}

TEST_CASE("a file that is not as it was is digested, and copied while it may change unseen") {
  Left left;
  left.note(0);
  auto opened = left.open();
  REQUIRE(opened.ok());
  CHECK(text_of(opened->blobs.at(left.table.digest).bytes()) == kTable);
  CHECK(!left.is_mapped(*opened));
  REQUIRE(opened->renewed);
  CHECK(opened->renewed->constants == left.sources(0).constants);

  // Long ago, but for its ctime, which cannot be set.
  fs::last_write_time(left.data, fs::file_time_type::clock::now() - std::chrono::hours(1));
  CHECK(left.open().ok());
}

TEST_CASE("other bytes, a shorter file, none, and no word of it are errors") {
  Left left;
  CHECK(left.open().error().first().code == kNotAtHand);
  CHECK(left.why().ends_with("and nothing says where that is"));
  left.note(10);
  std::string changed = kTable;
  changed[7] = 'B';
  left.write("head" + changed);
  CHECK(left.open().error().first().code == kNotAtHand);
  CHECK(left.why().ends_with("model.data, which has changed"));
  left.write("head");
  CHECK(left.why().ends_with("model.data, which has changed"));
  left.write("");
  CHECK(left.why().ends_with("model.data, which has changed"));
  fs::remove(left.data);
  CHECK(left.why().ends_with("model.data, which cannot be opened"));
  CHECK(left.open().error().first().hint.ends_with("--weights=embed"));
}

TEST_CASE("verify reads what stays in files, and repair leaves the entry alone") {
  Left left;
  left.note(10);
  CHECK(check(left.store, {}, false)->at(0).kind == Finding::Kind::kWhole);
  left.write("head");
  CHECK(check(left.store, {}, true)->at(0).kind == Finding::Kind::kUnreadable);
  CHECK(look(left.store).hit);
}

TEST_CASE("a bundle brings along what stays in files, and a collector keeps it") {
  Left left;
  const std::string path = left.cache.root().string() + ".rlx";
  auto refused = export_bundle(left.store, {left.entry.key}, path, nullptr);
  CHECK(refused.error().first().code == kNotAtHand);
  left.note(10);
  REQUIRE(export_bundle(left.store, {left.entry.key}, path, nullptr).ok());
  fs::remove(left.data);

  Cache to;
  Store store = to.open();
  REQUIRE(import_bundle(store, path, TrustedKeys::load(), true).ok());
  CHECK(*look(store).hit == *look(left.store).hit);
  REQUIRE(collect(store, {.limits = {.free_percent = 0}}).ok());
  auto opened = open_external(store, left.entry, {}, false);
  REQUIRE(opened.ok());
  CHECK(text_of(opened->blobs.at(left.table.digest).bytes()) == kTable);
  CHECK(opened->files.empty());
}

TEST_CASE("where constants lie is kept as long as their entry") {
  Left left;
  left.note(10);
  write_sources(left.store, "gone", left.sources(10));
  const auto age = [&](const std::string& name) {
    const fs::path file = left.cache.file("stamps/" + name + ".sources");
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::days(90));
    return file;
  };
  const fs::path kept = age(left.entry.key), removed = age("gone");
  REQUIRE(collect(left.store, {.limits = {.free_percent = 0}}).ok());
  CHECK(fs::exists(kept));
  CHECK(!fs::exists(removed));
}

}  // namespace
}  // namespace rlx::cache
