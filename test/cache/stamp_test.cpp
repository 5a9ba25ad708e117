#include "cache/stamp.h"

#include <sys/stat.h>

#include "test/cache/fixture.h"

namespace rlx::cache {
namespace {

const Stamped kStamped{"key-1", sha256(bytes_of("action"))};

constexpr int64_t kSecond = 1'000'000'000;

// A model with external data, and a store.
struct Model {
  Cache cache;
  TempFolder folder;
  Store store = cache.open();
  std::string model = (folder.path() / "model.onnx").string();
  std::string data = (folder.path() / "model.data").string();
  Request request{.model = model, .options = "target=cpu", .build_id = "b1"};

  Model() {
    std::ofstream(model) << "graph";
    std::ofstream(data) << "weights";
  }
  // As if the files had been looked at `seconds` after they were made.
  Snapshot snapshot(int64_t seconds) const {
    Snapshot taken{.files = {*stamp_of(model), *stamp_of(data)}};
    taken.taken_ns = taken.files[1].ctime_ns + seconds * kSecond;
    return taken;
  }
  fs::path only_stamp() const {
    Vec<fs::path> found;
    for (const auto& item : fs::directory_iterator(cache.file("stamps"))) {
      if (item.path().extension() == ".stamp") found.push_back(item.path());
    }
    REQUIRE(found.size() == 1);
    return found[0];
  }
};

TEST_CASE("a stamp gives the key until something changes") {
  Model m;
  CHECK(!find_stamp(m.store, m.request));
  write_stamp(m.store, m.request, m.snapshot(10), kStamped);
  CHECK(find_stamp(m.cache.open(), m.request)->key == "key-1");

  for (auto change : {&Request::options, &Request::build_id, &Request::model}) {
    Request other = m.request;
    other.*change += "x";
    CHECK(!find_stamp(m.store, other));
  }
  Options salted = m.cache.options();
  salted.salt = "pepper";
  CHECK(!find_stamp(m.cache.open(salted), m.request));
}

TEST_CASE("a changed, touched, replaced or removed file ends a stamp") {
  Model m;
  auto holds = [&] { return find_stamp(m.store, m.request).has_value(); };
  auto renew = [&] {
    write_stamp(m.store, m.request, m.snapshot(10), kStamped);
    REQUIRE(holds());
  };
  renew();
  std::ofstream(m.data) << "weights, more";
  CHECK(!holds());
  renew();
  // The inode changes even where size and mtime are kept.
  fs::copy_file(m.model, m.model + ".new");
  fs::last_write_time(m.model + ".new", fs::last_write_time(m.model));
  fs::rename(m.model + ".new", m.model);
  CHECK(!holds());
  renew();
  fs::remove(m.data);
  CHECK(!holds());
}

TEST_CASE("a file that changed just before it was looked at is in doubt") {
  Model m;
  for (int64_t seconds : {-100, 0, 1}) {
    write_stamp(m.store, m.request, m.snapshot(seconds), kStamped);
    CHECK(!find_stamp(m.store, m.request));
  }
  write_stamp(m.store, m.request, m.snapshot(3), kStamped);
  CHECK(find_stamp(m.store, m.request));
}

TEST_CASE("a damaged stamp is none") {
  Model m;
  write_stamp(m.store, m.request, m.snapshot(10), kStamped);
  fs::path path = m.only_stamp();
  std::string good = slurp(path);
  int accepted = 0;
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    overwrite(path, bad);
    accepted += find_stamp(m.store, m.request).has_value();
  }
  for (size_t length = 0; length < good.size(); ++length) {
    overwrite(path, good.substr(0, length));
    accepted += find_stamp(m.store, m.request).has_value();
  }
  CHECK(accepted == 0);
  overwrite(path, good);
  CHECK(find_stamp(m.store, m.request));
}

TEST_CASE("a stamp of another user is none") {
  if (::geteuid() != 0) return;
  Model m;
  write_stamp(m.store, m.request, m.snapshot(10), kStamped);
  REQUIRE(::chown(m.only_stamp().c_str(), 12345, 0) == 0);
  CHECK(!find_stamp(m.store, m.request));
}

TEST_CASE("modes: read-only stores write no stamp, refresh finds none") {
  Model m;
  Options options = m.cache.options();
  options.mode = Mode::kReadOnly;
  Store reader = m.cache.open(options);
  write_stamp(reader, m.request, m.snapshot(10), kStamped);
  CHECK(!find_stamp(m.store, m.request));
  write_stamp(m.store, m.request, m.snapshot(10), kStamped);
  CHECK(find_stamp(reader, m.request));
  options.mode = Mode::kRefresh;
  CHECK(!find_stamp(m.cache.open(options), m.request));
  options.mode = Mode::kOff;
  CHECK(!find_stamp(m.cache.open(options), m.request));
}

TEST_CASE("sources say where external constants lie, and whether the files are unchanged") {
  Model m;
  Sources sources{.snapshot = m.snapshot(10),
                  .constants = {{sha256(bytes_of("ight")), 1, 2, 4}, {sha256({}), 0, 5, 0}}};
  CHECK(!find_sources(m.store, "key-1"));
  write_sources(m.store, "key-1", sources);
  auto found = find_sources(m.store, "key-1");
  REQUIRE(found);
  CHECK(found->unchanged);
  CHECK(found->constants == sources.constants);
  CHECK(found->snapshot.files == sources.snapshot.files);

  std::ofstream(m.data) << "changed";
  CHECK(!find_sources(m.store, "key-1")->unchanged);
  sources.snapshot = m.snapshot(0);
  write_sources(m.store, "key-1", sources);
  CHECK(!find_sources(m.store, "key-1")->unchanged);
  CHECK(!find_sources(m.store, "../key-1"));
}

TEST_CASE("sources outside their files are refused") {
  Model m;
  for (Source bad : {Source{{}, 2, 0, 1}, Source{{}, -1, 0, 1}, Source{{}, 0, 0, 6},
                     Source{{}, 0, -1, 1}, Source{{}, 0, 6, 0}, Source{{}, 0, 1, INT64_MAX}}) {
    write_sources(m.store, "key-1", {m.snapshot(10), {bad}});
    CHECK(!find_sources(m.store, "key-1"));
  }
}

}  // namespace
}  // namespace rlx::cache
