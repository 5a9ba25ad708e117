#include "driver/run_inputs.h"

#include <cstring>

#include "runtime/io/npy.h"
#include "runtime/io/npz.h"
#include "test/driver/run_tensors.h"

namespace rlx::driver {
namespace {

void save_npz(const std::string& path, const Vec<std::string>& names) {
  Vec<HostTensor> tensors;
  for (const std::string& name : names) tensors.push_back(floats(name, {1, 2}));
  REQUIRE(write_npz(path, tensors).ok());
}

void save_npy(const std::string& path, double value) {
  REQUIRE(write_npy(path, floats("", {value})).ok());
}

// A TensorProto: dims [1], data_type FLOAT, one value in raw_data.
void save_pb(const std::string& path, float value) {
  std::string text("\x08\x01\x10\x01\x4a\x04", 6);
  text.append(reinterpret_cast<const char*>(&value), 4);
  REQUIRE(write_file(path, bytes_of(text)).ok());
}

Vec<TensorSet> sets_of(const Vec<std::string>& paths) {
  auto sets = read_input_sets(paths);
  INFO((sets ? "" : to_text(sets.error())));
  REQUIRE(sets.ok());
  return std::move(*sets);
}

std::string problem_of(const Vec<std::string>& paths) {
  auto sets = read_input_sets(paths);
  return sets ? "" : sets.error().first().message;
}

// "a: x y; b: x".
std::string listing(const Vec<TensorSet>& sets) {
  std::string text;
  for (const TensorSet& set : sets) {
    text += (text.empty() ? "" : "; ") + set.name + ":";
    for (const HostTensor& t : set.tensors) text += " " + t.name;
  }
  return text;
}

float first(const HostTensor& t) {
  float value = 0;
  std::memcpy(&value, t.data.data(), sizeof value);
  return value;
}

TEST_CASE("each npz is a set, npy files are one together") {
  TestFolder folder;
  save_npz(folder.at("a.npz"), {"x", "y"});
  save_npz(folder.at("b.npz"), {"x"});
  save_npy(folder.at("ids.npy"), 1);
  save_npy(folder.at("other.npy"), 2);
  auto sets = sets_of({folder.at("a.npz"), folder.at("ids.npy"), folder.at("b.npz"),
                       "mask=" + folder.at("other.npy")});
  CHECK(listing(sets) == "a: x y; b: x; inputs: ids mask");
}

TEST_CASE("a folder of npz files has a set in each, sorted") {
  TestFolder folder;
  save_npz(folder.at("b.npz"), {"x"});
  save_npz(folder.at("a.npz"), {"x"});
  CHECK(listing(sets_of({folder.root()})) == "a: x; b: x");
}

TEST_CASE("ONNX's test data comes by position, sorted by number") {
  TestFolder folder;
  for (const char* set : {"test_data_set_10", "test_data_set_2"}) {
    for (int i : {0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9}) {
      save_pb(folder.at(std::string(set) + "/input_" + std::to_string(i) + ".pb"), i);
    }
    save_pb(folder.at(std::string(set) + "/output_0.pb"), 7);
  }
  auto sets = sets_of({folder.root()});
  REQUIRE(sets.size() == 2);
  CHECK(sets[0].name == "test_data_set_2");
  CHECK(sets[1].name == "test_data_set_10");
  CHECK(sets[0].by_position);
  REQUIRE(sets[0].tensors.size() == 11);
  for (int i = 0; i < 11; ++i) CHECK(first(sets[0].tensors[i]) == static_cast<float>(i));
  auto expected = read_expected(folder.root(), "test_data_set_10");
  REQUIRE(expected.ok());
  REQUIRE(expected->tensors.size() == 1);
  CHECK(first(expected->tensors[0]) == 7);
  // One of them, named itself.
  CHECK(sets_of({folder.at("test_data_set_2") + "/"})[0].name == "test_data_set_2");
  CHECK(read_expected(folder.at("test_data_set_2"), "test_data_set_2").ok());
}

TEST_CASE("positions get the model's names") {
  TensorSet set{.name = "s", .tensors = {floats("", {1}), floats("", {2})}, .by_position = true};
  REQUIRE(name_by_position(set, {{.name = "a"}, {.name = "b"}, {.name = "c"}}).ok());
  CHECK(listing({set}) == "s: a b");
  CHECK(!name_by_position(set, {{.name = "a"}}).ok());
}

TEST_CASE("names that belong to the other side are dropped, unknown ones stay") {
  TensorSet set{.tensors = {floats("x", {1}), floats("y", {1}), floats("z", {1})}};
  drop_others(set, {{.name = "x"}}, {{.name = "x"}, {.name = "y"}});
  CHECK(listing({set}) == ": x z");
}

TEST_CASE("a folder of npy files is one set") {
  TestFolder folder;
  save_npy(folder.at("one/x.npy"), 1);
  save_npy(folder.at("one/y.npy"), 2);
  CHECK(listing(sets_of({folder.at("one")})) == "one: x y");
}

TEST_CASE("sets of the same name get different ones") {
  TestFolder folder;
  save_npz(folder.at("p/a.npz"), {"x"});
  save_npz(folder.at("q/a.npz"), {"x"});
  CHECK(listing(sets_of({folder.at("p"), folder.at("q")})) == "a: x; a_2: x");
}

TEST_CASE("expected outputs: a file, or a file or folder of the set's name") {
  TestFolder folder;
  save_npz(folder.at("want/a.npz"), {"y"});
  save_npy(folder.at("want/b/z.npy"), 1);
  CHECK(listing({*read_expected(folder.at("want/a.npz"), "any")}) == "a: y");
  CHECK(listing({*read_expected(folder.at("want"), "a")}) == "a: y");
  CHECK(listing({*read_expected(folder.at("want"), "b")}) == "b: z");
  auto missing = read_expected(folder.at("want"), "c");
  REQUIRE(!missing.ok());
  CHECK(missing.error().exit_code() == static_cast<int>(Exit::kShape));
}

TEST_CASE("what holds no inputs says so") {
  TestFolder folder;
  CHECK(problem_of({folder.root()}) == "no inputs in the folder " + folder.root());
  CHECK(problem_of({folder.at("none.npz")}) != "");
  REQUIRE(write_file(folder.at("a.txt"), bytes_of("x")).ok());
  CHECK(problem_of({folder.at("a.txt")}) ==
        folder.at("a.txt") + " is no .npz or .npy file, and no folder");
  save_pb(folder.at("gap/input_0.pb"), 1);
  save_pb(folder.at("gap/input_2.pb"), 1);
  CHECK(problem_of({folder.at("gap")}) == folder.at("gap") + " has input_2.pb, but not input_1.pb");
}

}  // namespace
}  // namespace rlx::driver
