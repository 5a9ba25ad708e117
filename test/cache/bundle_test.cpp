// Bundles and signatures: what is carried arrives whole or not at all, and only from whom one trusts.
#include "cache/bundle.h"

#include <cstdlib>

#include "cache/codes.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

// A configuration folder of its own, with a key pair in it.
class Config {
 public:
  Config() {
    ::setenv("XDG_CONFIG_HOME", folder_.path().c_str(), 1);
    REQUIRE(SigningKey::generate(SigningKey::default_path()).ok());
  }
  ~Config() { ::unsetenv("XDG_CONFIG_HOME"); }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  std::string public_key() const { return SigningKey::default_path() + ".pub"; }

 private:
  TempFolder folder_;
};

std::string bundle_of(const Cache& cache, const Vec<std::string>& keys,
                      const SigningKey* signing = nullptr) {
  std::string path = cache.root().string() + ".rlx";
  auto moved = export_bundle(cache.open(), keys, path, signing);
  REQUIRE(moved.ok());
  CHECK(moved->keys.size() == keys.size());
  return path;
}

int import_code(const Cache& cache, const std::string& path, bool allow_unsigned) {
  Store store = cache.open();
  auto moved = import_bundle(store, path, TrustedKeys::load(), allow_unsigned);
  return moved ? 0 : moved.error().first().code;
}

TEST_CASE("a bundle carries entries, and its bytes depend on them alone") {
  Cache from, to;
  Store store = from.open();
  put(store, example("a"));
  put(store, example("b"));
  std::string path = bundle_of(from, {"b", "a"});
  std::string bytes = slurp(path);
  CHECK(slurp(bundle_of(from, {"a", "b"})) == bytes);
  CHECK(import_code(to, path, true) == 0);
  for (const char* key : {"a", "b"}) {
    auto found = look(to.open(), key);
    REQUIRE(found.hit);
    CHECK(*found.hit == *look(store, key).hit);
    CHECK(text_of(to.open().blob(found.hit->blobs[0])->bytes()) == kImage);
    CHECK(slurp(to.file(std::string(key) + ".meta.json")) ==
          slurp(from.file(std::string(key) + ".meta.json")));
  }
  // Again: nothing to do, nothing wrong.
  CHECK(import_code(to, path, true) == 0);
}

TEST_CASE("an unsigned bundle is refused, a signed one taken once its key is trusted") {
  Config config;
  Cache from, to;
  Store store = from.open();
  put(store);
  std::string path = bundle_of(from, {"resnet50-cpu"});
  CHECK(import_code(to, path, false) == kUnsigned);
  auto key = SigningKey::load();
  REQUIRE(key.ok());
  path = bundle_of(from, {"resnet50-cpu"}, &*key);
  CHECK(import_code(to, path, false) == kUnsigned);
  CHECK(!look(to.open()).hit);
  REQUIRE(TrustedKeys::trust(config.public_key()).ok());
  CHECK(import_code(to, path, false) == 0);
  CHECK(look(to.open()).hit);
}

TEST_CASE("a signature holds for one key and one record") {
  Config config;
  auto key = SigningKey::load();
  REQUIRE(key.ok());
  REQUIRE(TrustedKeys::trust(config.public_key()).ok());
  TrustedKeys trusted = TrustedKeys::load();
  std::string meta = meta_text(example("a"));
  Vec<Signature> signatures{key->sign("a", meta)};
  CHECK(trusted.signer("a", meta, signatures) == key->id());
  CHECK(trusted.signer("b", meta, signatures).empty());
  CHECK(trusted.signer("a", meta + " ", signatures).empty());
  for (size_t i = 0; i < signatures[0].ed25519.size(); ++i) {
    Vec<Signature> forged = signatures;
    forged[0].ed25519[i] = forged[0].ed25519[i] == '0' ? '1' : '0';
    CHECK(trusted.signer("a", meta, forged).empty());
  }
  Vec<Signature> short_one{{key->id(), "00"}};
  CHECK(trusted.signer("a", meta, short_one).empty());
  auto parsed = parse_signatures(signatures_text(signatures));
  REQUIRE(parsed.ok());
  CHECK(parsed->at(0).ed25519 == signatures[0].ed25519);
}

TEST_CASE("a secret key that others can read is refused, and none is overwritten") {
  Config config;
  CHECK(!SigningKey::generate(SigningKey::default_path()).ok());
  fs::permissions(SigningKey::default_path(), fs::perms::group_read, fs::perm_options::add);
  auto key = SigningKey::load();
  REQUIRE(!key.ok());
  CHECK(key.error().first().code == kUnsafe);
}

TEST_CASE("whatever byte of a bundle is wrong, no wrong byte is taken in") {
  Cache from;
  Store store = from.open();
  put(store);
  std::string path = bundle_of(from, {"resnet50-cpu"});
  std::string bytes = slurp(path);
  for (size_t i = 0; i < bytes.size(); i += 37) {
    std::string harmed = bytes;
    harmed[i] = static_cast<char>(harmed[i] ^ 0x40);
    overwrite(path, harmed);
    Cache to;
    import_code(to, path, true);
    auto found = look(to.open());
    if (!found.hit) continue;
    CHECK(found.lir == kLir);
    for (const BlobRef& blob : found.hit->blobs) CHECK(to.open().blob(blob).ok());
  }
  for (size_t i = 0; i < bytes.size(); i += 511) {
    overwrite(path, bytes.substr(0, i));
    Cache to;
    import_code(to, path, true);
    auto found = look(to.open());
    if (found.hit) CHECK(found.lir == kLir);
  }
}

TEST_CASE("names in a bundle lead nowhere") {
  TempFolder folder;
  Cache to;
  std::string dir = folder.path().string();
  REQUIRE(std::system(("cd " + dir +
                       " && mkdir a && echo evil > a/x && "
                       "tar cf evil.rlx --transform 's,a/x,../../evil,' -P a/x && "
                       "ln -s /etc/passwd k.meta.json && tar cf link.rlx k.meta.json")
                          .c_str()) == 0);
  CHECK(import_code(to, dir + "/evil.rlx", true) == kNoEntry);
  CHECK(!fs::exists(to.root().parent_path() / "evil"));
  CHECK(import_code(to, dir + "/link.rlx", true) != 0);
  CHECK(import_code(to, dir + "/none.rlx", true) == kDamaged);
}

TEST_CASE("a layer is read and never written") {
  Cache layer, own;
  {
    Store store = layer.open();
    put(store);
  }
  auto state = [&] {
    std::string text;
    for (const auto& file : fs::recursive_directory_iterator(layer.root())) {
      text += file.path().string() +
              std::to_string(fs::last_write_time(file).time_since_epoch().count());
    }
    return text;
  };
  std::string before = state();
  Options options = own.options();
  options.layers = {layer.root().string()};
  Store store = own.open(options);
  Lookup found = look(store);
  REQUIRE(found.hit);
  CHECK(found.layer == 1);
  CHECK(found.lir == kLir);
  CHECK(text_of(store.blob(found.hit->blobs[1])->bytes()) == kForm);
  CHECK(*store.lir(*found.hit) == kLir);
  put(store, example("mine"));
  CHECK(look(store, "mine").layer == 0);
  CHECK(state() == before);
  CHECK(!look(layer.open(), "mine").hit);
  // A layer that is not there is only said; one that others could write is an error.
  options.layers = {layer.root().string() + "-none"};
  CHECK(Store::open(options).ok());
  fs::permissions(layer.root(), fs::perms::others_write, fs::perm_options::add);
  options.layers = {layer.root().string()};
  CHECK(!Store::open(options).ok());
}

}  // namespace
}  // namespace rlx::cache
