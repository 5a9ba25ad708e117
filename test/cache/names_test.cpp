// Tags, beginnings of keys, pins, removal; limits as people write them.
#include "cache/names.h"

#include "cache/codes.h"
#include "cache/limits.h"
#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

const std::string kKey = "resnet50-" + std::string(64, 'a');
const std::string kOther = "resnet50-" + std::string(63, 'a') + "b";
const std::string kVariant = kKey + "__" + std::string(64, 'c');

TEST_CASE("keys are found by their beginning and by that of their digest") {
  Cache cache;
  Store store = cache.open();
  put(store, example(kKey));
  CHECK(*resolve(store, kKey) == kKey);
  CHECK(*resolve(store, "resnet50-aaaa") == kKey);
  CHECK(*resolve(store, "aaaaaaaa") == kKey);
  put(store, example(kVariant));
  CHECK(*resolve(store, "cccccc") == kVariant);
  // The template, not its variant.
  CHECK(*resolve(store, "resnet") == kKey);
  put(store, example(kOther));
  auto several = resolve(store, "resnet");
  REQUIRE(!several.ok());
  CHECK(several.error().first().code == kNoEntry);
  CHECK(several.error().first().hint.find(kOther) != std::string::npos);
}

TEST_CASE("what is no name is no entry, and leads nowhere") {
  Cache cache;
  Store store = cache.open();
  put(store, example(kKey));
  for (const char* name : {"", "r", "../resnet", "resnet50-b", "/etc/passwd", "a/b"}) {
    auto key = resolve(store, name);
    REQUIRE(!key.ok());
    CHECK(key.error().first().code == kNoEntry);
  }
}

TEST_CASE("a tag stands for a key until it is moved or removed") {
  Cache cache;
  Store store = cache.open();
  put(store, example(kKey));
  put(store, example(kOther));
  REQUIRE(set_tag(store, "prod", kKey).ok());
  CHECK(*resolve(store, "prod") == kKey);
  REQUIRE(set_tag(store, "prod", kOther).ok());
  CHECK(*resolve(store, "prod") == kOther);
  REQUIRE(tags(store).size() == 1);
  CHECK(*remove_tag(store, "prod"));
  CHECK(!*remove_tag(store, "prod"));
  CHECK(!resolve(store, "prod").ok());
  CHECK(!set_tag(store, "../prod", kKey).ok());
  CHECK(!set_tag(store, kKey, kOther).ok());
  CHECK(!set_tag(store, "prod", "no-such-key").ok());
}

TEST_CASE("removal takes the tag and the pin along") {
  Cache cache;
  Store store = cache.open();
  put(store, example(kKey));
  REQUIRE(set_tag(store, "prod", kKey).ok());
  REQUIRE(pin(store, kKey).ok());
  CHECK(pins(store.root()) == Vec<std::string>{kKey});
  auto removed = remove(store, kKey);
  REQUIRE(removed.ok());
  CHECK(*removed);
  CHECK(!look(store, kKey).hit);
  CHECK(tags(store).empty());
  CHECK(pins(store.root()).empty());
  CHECK(!*remove(store, kKey));
  CHECK(!pin(store, kKey).ok());
}

TEST_CASE("limits are read as people write them") {
  auto limits = parse_limits("max=20g:free=10%:age=30d:files=200k:interval=20m", "x");
  REQUIRE(limits.ok());
  CHECK(limits->max_bytes == int64_t{20} << 30);
  CHECK(limits->free_percent == 10);
  CHECK(limits->max_age_s == 30 * 86'400);
  CHECK(limits->max_files == 200'000);
  CHECK(limits->interval_s == 1200);
  CHECK(parse_limits("512M", "x")->max_bytes == 512 << 20);
  CHECK(parse_limits("max=none", "x")->max_bytes == INT64_MAX);
  for (const char* wrong :
       {"max=", "max=20q", "free=10", "free=101%", "size=1", "max=-1", "20 g"}) {
    auto refused = parse_limits(wrong, "RLX_CACHE_LIMITS");
    REQUIRE(!refused.ok());
    CHECK(refused.error().first().code == kBadSetting);
  }
  CHECK(size_text(1536) == "1.5 KiB");
}

}  // namespace
}  // namespace rlx::cache
