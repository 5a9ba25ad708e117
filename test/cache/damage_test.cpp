// Damage of every kind is a miss that says why, and compiling again heals it.
#include <sys/stat.h>

#include "cache/codes.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

using Why = Lookup::Why;

const std::string kMeta = "resnet50-cpu.meta.json";
const std::string kLirName = "resnet50-cpu.lir.json";

// A store with the example in it.
struct Filled {
  Cache cache;
  Store store = cache.open();

  Filled() { put(store); }
  fs::path file(const std::string& name) const { return cache.file(name); }
  // A miss with one line of reason, then a hit after publishing again.
  void check_heals(Why why) {
    Lookup found = look(store);
    CHECK(!found.hit);
    CHECK(found.why == why);
    CHECK(!found.reason.empty());
    CHECK(found.reason.find('\n') == std::string::npos);
    put(store);
    CHECK(look(store).hit);
  }
};

TEST_CASE("every flipped bit of meta and LIR is found") {
  Filled filled;
  for (const std::string& name : {kMeta, kLirName}) {
    std::string good = slurp(filled.file(name));
    int accepted = 0;
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
      overwrite(filled.file(name), bad);
      Lookup found = look(filled.store);
      accepted += found.hit.has_value() || found.why != Why::kDamaged || found.reason.empty();
    }
    CHECK(accepted == 0);
    overwrite(filled.file(name), good);
    CHECK(look(filled.store).hit);
  }
}

TEST_CASE("truncation at every length is found, and one byte too many") {
  Filled filled;
  for (const std::string& name : {kMeta, kLirName}) {
    std::string good = slurp(filled.file(name));
    int accepted = 0;
    for (size_t length = 0; length < good.size(); ++length) {
      overwrite(filled.file(name), good.substr(0, length));
      accepted += look(filled.store).why != Why::kDamaged;
    }
    overwrite(filled.file(name), good + "\n");
    accepted += look(filled.store).why != Why::kDamaged;
    CHECK(accepted == 0);
    overwrite(filled.file(name), good);
  }
}

TEST_CASE("a damaged meta is set aside with the reason") {
  Filled filled;
  std::string bad = slurp(filled.file(kMeta));
  bad[20] ^= 1;
  overwrite(filled.file(kMeta), bad);
  filled.check_heals(Why::kDamaged);
  CHECK(slurp(filled.file("quarantine/" + kMeta)) == bad);
  CHECK(slurp(filled.file("quarantine/" + kMeta + ".reason")) ==
        kMeta + " is damaged: its bytes differ from its own digest\n");
}

TEST_CASE("reasons name the file and the cause") {
  Filled filled;
  overwrite(filled.file(kLirName), kLir + " ");
  CHECK(look(filled.store).reason == kLirName + " is damaged: 20 bytes, not 19");
  overwrite(filled.file(kLirName), "{\"lir\": [1, 2, 4]}\n");
  CHECK(look(filled.store).reason == kLirName + " is damaged: its digest differs from the entry's");
  fs::remove(filled.file(kLirName));
  filled.check_heals(Why::kDamaged);
}

TEST_CASE("an orphaned LIR is no entry") {
  Filled filled;
  fs::remove(filled.file(kMeta));
  filled.check_heals(Why::kAbsent);
}

TEST_CASE("files swapped between keys are found") {
  Filled filled;
  put(filled.store, example("other"));
  overwrite(filled.file("other.meta.json"), slurp(filled.file(kMeta)));
  CHECK(look(filled.store, "other").reason ==
        "other.meta.json is damaged: it belongs to resnet50-cpu");

  Entry third = example("third");
  KeyLock none;
  REQUIRE(filled.store.publish(none, third, "{}\n").ok());
  overwrite(filled.file("third.lir.json"), kLir);
  CHECK(look(filled.store, "third").why == Why::kDamaged);
}

TEST_CASE("a meta that is whole but not canonical is refused") {
  Filled filled;
  std::string text = slurp(filled.file(kMeta));
  // An unknown member, with the digest made right again.
  text.insert(text.find("  \"structure\""), "  \"spare\": 1,\n");
  size_t start = text.find("  \"self\""), end = text.find('\n', start) + 1;
  std::string others = text.substr(0, start) + text.substr(end);
  text.replace(start + 11, 64, sha256(bytes_of(others)).hex());
  overwrite(filled.file(kMeta), text);
  CHECK(look(filled.store).reason == kMeta + " is damaged: it is not canonical");
}

TEST_CASE("an entry of another format is a miss and is left alone") {
  Filled filled;
  std::string text = slurp(filled.file(kMeta));
  text.replace(text.find("\"format\": 1"), 11, "\"format\": 2");
  size_t start = text.find("  \"self\""), end = text.find('\n', start) + 1;
  std::string others = text.substr(0, start) + text.substr(end);
  text.replace(start + 11, 64, sha256(bytes_of(others)).hex());
  overwrite(filled.file(kMeta), text);

  Lookup found = look(filled.store);
  CHECK(found.why == Why::kForeign);
  CHECK(found.reason == kMeta + " has format 2, this rlx reads format 1");
  KeyLock none;
  CHECK(filled.store.publish(none, example(), kLir).ok());
  CHECK(slurp(filled.file(kMeta)) == text);
}

TEST_CASE("hostile metas are refused") {
  Filled filled;
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("{}"),
        std::string(1 << 20, '['), std::string(1 << 20, '\0'), std::string(9 << 20, '9'),
        std::string("{\n  \"self\": \""), "{\n  \"self\": \"" + std::string(64, '0') + "\",\n}"}) {
    overwrite(filled.file(kMeta), text);
    CHECK(look(filled.store).why == Why::kDamaged);
  }
}

TEST_CASE("a missing or damaged blob is an error that names it; storing it again heals") {
  Filled filled;
  Entry entry = example();
  for (const BlobRef& blob : entry.blobs) {
    fs::path path = filled.cache.blob_file(blob.digest);
    std::string good = slurp(path);
    std::string bad = good;
    bad[0] ^= 1;

    fs::remove(path);
    CHECK(filled.store.blob(blob).error().first().code == kMissing);
    put(filled.store);
    CHECK(filled.store.blob(blob).ok());

    for (const std::string& bytes : {bad, good + "x", good.substr(1), std::string()}) {
      overwrite(path, bytes);
      auto read = filled.store.blob(blob);
      REQUIRE(!read.ok());
      CHECK(read.error().first().code == kDamaged);
      CHECK(read.error().first().message.find(blob.note) != std::string::npos);
      CHECK(!fs::exists(path));
      put(filled.store);
      CHECK(slurp(path) == good);
    }
  }
}

TEST_CASE("storing a blob replaces a damaged one that nobody has read") {
  Filled filled;
  fs::path path = filled.cache.blob_file(sha256(bytes_of(kForm)));
  overwrite(path, "packed Weights");
  put(filled.store);
  CHECK(slurp(path) == kForm);
}

TEST_CASE("weights are digested once a boot, images at each read") {
  Filled filled;
  Entry entry = example();
  const BlobRef &image = entry.blobs[0], &form = entry.blobs[1];
  // As a disk does it: other bytes, the same stamp.
  auto corrupt = [&](const BlobRef& blob) {
    fs::path path = filled.cache.blob_file(blob.digest);
    struct stat s;
    REQUIRE(::stat(path.c_str(), &s) == 0);
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary) << "X";
    return path;
  };
  corrupt(image);
  CHECK(!filled.store.blob(image).ok());
  corrupt(form);
  // Its times changed, so that the stamp does not hold.
  CHECK(!filled.store.blob(form).ok());
}

TEST_CASE("verification by size alone and in full") {
  Filled filled;
  Entry entry = example();
  overwrite(filled.cache.blob_file(entry.blobs[1].digest), "Packed weights");
  Options options = filled.cache.options();
  options.verify = Verify::kLir;
  CHECK(filled.cache.open(options).blob(entry.blobs[1]).ok());
  options.verify = Verify::kFull;
  CHECK(!filled.cache.open(options).blob(entry.blobs[1]).ok());
}

TEST_CASE("torn lines among the stamps of verified blobs say nothing") {
  Filled filled;
  Entry entry = example();
  fs::path stamps;
  for (const auto& item : fs::directory_iterator(filled.file("stamps"))) stamps = item.path();
  std::string good = slurp(stamps);
  for (size_t length = 0; length <= good.size(); ++length) {
    overwrite(stamps, good.substr(0, length) + good);
    CHECK(filled.cache.open().blob(entry.blobs[1]).ok());
  }
}

TEST_CASE("links, folders and pipes in place of files are refused and replaced") {
  for (const std::string& name : {kMeta, kLirName}) {
    for (std::string_view kind : {"link", "folder", "pipe"}) {
      Filled filled;
      TempFolder outside;
      fs::path victim = outside.path() / "victim";
      std::ofstream(victim) << slurp(filled.file(name));
      std::string before = slurp(victim);
      fs::remove(filled.file(name));
      if (kind == "link") fs::create_symlink(victim, filled.file(name));
      if (kind == "folder") fs::create_directory(filled.file(name));
      if (kind == "pipe") REQUIRE(::mkfifo(filled.file(name).c_str(), 0600) == 0);
      INFO(name << " " << kind);
      CHECK(look(filled.store).why == Why::kDamaged);
      KeyLock none;
      CHECK(filled.store.publish(none, example(), kLir).ok());
      CHECK(slurp(victim) == before);
      if (kind == "folder" && name == kLirName) continue;
      CHECK(look(filled.store).hit);
    }
  }
}

TEST_CASE("a linked folder leads nowhere") {
  Filled filled;
  TempFolder outside;
  fs::rename(filled.file("cas"), outside.path() / "cas");
  fs::create_symlink(outside.path() / "cas", filled.file("cas"));
  CHECK(filled.store.blob(example().blobs[0]).error().first().code == kMissing);
  Options options = filled.cache.options();
  options.strict = true;
  Store strict = filled.cache.open(options);
  CHECK(strict.put_blob(sha256(bytes_of("new")), bytes_of("new")).error().exit_code() == 8);
}

TEST_CASE("under strict damage is an error") {
  Filled filled;
  overwrite(filled.file(kLirName), "{}");
  Options options = filled.cache.options();
  options.strict = true;
  Store strict = filled.cache.open(options);
  CHECK(strict.lookup("resnet50-cpu").error().exit_code() == 8);
  CHECK(strict.lookup("absent")->why == Why::kAbsent);
}

}  // namespace
}  // namespace rlx::cache
