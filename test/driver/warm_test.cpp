// Manifests, and the shares of several machines.
#include "driver/warm.h"

#include "driver/codes.h"
#include "support/files.h"
#include "test/cache/fixture.h"

namespace rlx::driver {
namespace {

class Manifest {
 public:
  explicit Manifest(const std::string& text) { REQUIRE(write_file(path(), bytes_of(text)).ok()); }
  std::string path() const { return (folder_.path() / "m.toml").string(); }
  std::string beside(const std::string& name) const { return (folder_.path() / name).string(); }

 private:
  cache::TempFolder folder_;
};

std::string problem(const std::string& text) {
  Manifest m(text);
  auto jobs = read_manifest(m.path());
  if (jobs) return "";
  CHECK(jobs.error().first().code == kBadManifest);
  return jobs.error().first().message.substr(m.path().size());
}

TEST_CASE("a manifest is every combination of targets and dims, in order") {
  Manifest m(R"(
[[model]]
path = "a.onnx"
targets = ["host", "cpu:portable"]
dims = [{batch = 1, seq = [64, 128]}, {batch = 8}]
[[model]]
path = "b.onnx"
tag = "prod"
)");
  auto jobs = read_manifest(m.path());
  REQUIRE(jobs.ok());
  REQUIRE(jobs->size() == 7);
  CHECK((*jobs)[0] == WarmJob{m.beside("a.onnx"), "host", "", {{"batch", 1}, {"seq", 64}}});
  CHECK((*jobs)[1].dims == Dims{{"batch", 1}, {"seq", 128}});
  CHECK((*jobs)[2].dims == Dims{{"batch", 8}});
  CHECK((*jobs)[3].target == "cpu:portable");
  CHECK((*jobs)[6] == WarmJob{m.beside("b.onnx"), "host", "prod", {}});
}

TEST_CASE("what is wrong with a manifest is told with its line") {
  CHECK(problem("[[model]]\npath = ") ==
        ":2: Error while parsing key-value pair: encountered end-of-file");
  CHECK(problem("") == " has no [[model]]");
  CHECK(problem("[[model]]\ntargets = []\npath = \"a\"") == ":2: targets are a list of strings");
  CHECK(problem("[[model]]\npat = \"a\"") == ":2: unknown key 'pat'");
  CHECK(problem("model = 1\n") == " has no [[model]]");
  CHECK(problem("[[model]]\npath = \"a\"\ndims = [{b = []}]") ==
        ":3: a dim is a number or a list of numbers");
  CHECK(problem("[[model]]\npath = \"a\"\ndims = [{b = [1, 2]}]\ntag = \"t\"") ==
        ":1: a tag names one entry, and these are several");
}

TEST_CASE("shares are stable, apart and all") {
  Vec<WarmJob> jobs;
  for (int64_t i = 0; i < 100; ++i) jobs.push_back({"m.onnx", "host", "", {{"batch", i}}});
  Vec<int> sizes(4);
  for (const WarmJob& job : jobs) {
    int takers = 0;
    for (int64_t shard = 0; shard < 4; ++shard) {
      if (!is_mine(job, 4, shard)) continue;
      ++takers;
      ++sizes[static_cast<size_t>(shard)];
    }
    CHECK(takers == 1);
    WarmJob moved = job;
    moved.model = "/elsewhere/m.onnx";
    CHECK(is_mine(moved, 4, 0) == is_mine(job, 4, 0));
  }
  for (int size : sizes) CHECK(size > 10);
}

TEST_CASE("jobs are listed for other engines") {
  Manifest m("[[model]]\npath = \"it's.onnx\"\ndims = [{b = 2}]\n");
  auto lines = list_jobs({.manifest = m.path()}, "jsonl");
  REQUIRE(lines.ok());
  CHECK(lines->text.starts_with("{\"argv\": [\"rlxc\", \"" + m.beside("it's.onnx") +
                                "\", \"--target=host\", \"--dim=b=2\"], \"id\": \""));
  auto ninja = list_jobs({.manifest = m.path()}, "ninja");
  REQUIRE(ninja.ok());
  CHECK(ninja->text.find("'--dim=b=2'") != std::string::npos);
  CHECK(ninja->text.find("it'\\''s.onnx'") != std::string::npos);
  auto copies = list_jobs({.manifest = m.path(), .weights = Weights::kEmbed}, "jsonl");
  REQUIRE(copies.ok());
  CHECK(copies->text.find("\"--weights=embed\"") != std::string::npos);
  CHECK(!list_jobs({.manifest = m.path(), .shards = 2, .shard = 2}, "jsonl").ok());
}

}  // namespace
}  // namespace rlx::driver
