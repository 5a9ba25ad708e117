#include <catch2/catch.hpp>

#include "image/told.h"
#include "test/image/sample.h"

namespace rlx::image {
namespace {

Extent rows_bytes() { return times(symbol(2), 16); }

// The sample, whose relu runs for as many rows as the first word of what mul made says, then a gift of them.
Image telling(const std::function<void(Image&)>& change = {}) {
  Image i = sample();
  i.symbols.push_back({.name = "told", .min = 0});
  i.buffers[3].last = 2;
  i.buffers[4].first = 4;
  i.buffers[4].last = 5;
  // 6: sized by what is told; 7: given room.
  i.buffers.push_back({.bytes = rows_bytes(), .first = 2, .last = 3});
  i.buffers.push_back({.bytes = rows_bytes(), .first = 3, .last = 3});
  i.commands.insert(i.commands.begin() + 1,
                    {.kind = Command::Kind::kTell, .buffers = {3}, .told = {{.symbol = 2}}});
  i.commands[2].buffers = {3, 6};
  i.commands.insert(i.commands.begin() + 3,
                    {.kind = Command::Kind::kGive, .buffers = {7, 6}, .room = {rows_bytes()}});
  i.kernels[1].tiles = symbol(2);
  if (change) change(i);
  return i;
}

std::string problem(const std::function<void(Image&)>& change) {
  const Status status = verify(telling(change));
  return status ? std::string() : status.error().first().message.substr(27);
}

TEST_CASE("a symbol is told before something speaks of it") {
  CHECK(problem([](Image&) {}).empty());
  CHECK(decode(bytes_of(encode(telling()))).ok());
  const std::string text = to_text(telling());
  CHECK(text.find("told = told, 0..") != std::string::npos);
  CHECK(text.find("1 tell (3) told = 3[0]") != std::string::npos);
  CHECK(text.find("3 give (7, 6) told * 16 bytes") != std::string::npos);
  CHECK(problem([](Image& i) { std::swap(i.commands[1], i.commands[2]); }) ==
        "commands[1]: buffer 6 is not alive");
  CHECK(problem([](Image& i) {
          i.buffers[6].first = 1;
          std::swap(i.commands[1], i.commands[2]);
        }) == "commands[1]: the size of a buffer is not told yet");
  CHECK(problem([](Image& i) { i.kernels[0].tiles = symbol(2); }) ==
        "commands[0]: its tiles or scratch are not told yet");
  CHECK(problem([](Image& i) { i.kernels[0].scratch = symbol(2); }) ==
        "commands[0]: its tiles or scratch are not told yet");
  CHECK(problem([](Image& i) { i.buffers[6].first = 1; }) ==
        "commands[1]: it tells the size of a buffer that is in use");
}

TEST_CASE("what is given has room for it that is known") {
  CHECK(problem([](Image& i) { i.commands[3].room.clear(); }) ==
        "commands[3]: it gives, or gives nothing, against its kind");
  CHECK(problem([](Image& i) { i.commands[2].room = {rows_bytes()}; }) ==
        "commands[2]: it gives, or gives nothing, against its kind");
  CHECK(problem([](Image& i) { i.commands[3].room = {Extent{}}; }) ==
        "commands[3]: the size of what it gives is malformed");
  CHECK(problem([](Image& i) { i.buffers[7].pattern = "x"; }) ==
        "commands[3]: it gives to what has memory of its own");
  CHECK(problem([](Image& i) { i.commands[3].buffers[0] = 0; }) ==
        "commands[3]: it gives nothing, or to nobody");
}

TEST_CASE("what tells names a symbol of the data's and an element") {
  CHECK(problem([](Image& i) { i.commands[1].told.clear(); }) ==
        "commands[1]: it tells, or tells nothing, against its kind");
  CHECK(problem([](Image& i) { i.commands[2].told = {{.symbol = 2}}; }) ==
        "commands[2]: it tells, or tells nothing, against its kind");
  for (const auto& change : {+[](Told& t) { t.symbol = 3; }, +[](Told& t) { t.symbol = 0; },
                             +[](Told& t) { t.buffer = 1; }, +[](Told& t) { t.sign = 2; },
                             +[](Told& t) { t.element = UINT32_MAX; }}) {
    CHECK(problem([&](Image& i) { change(i.commands[1].told[0]); }) ==
          "commands[1]: it tells no symbol of an element");
  }
  CHECK(problem([](Image& i) { i.commands[1].buffers.clear(); }) ==
        "commands[1]: it tells nothing");
}

TEST_CASE("inputs and constants are sized by nothing that is told") {
  for (const size_t b : {0, 5}) {
    CHECK(problem([&](Image& i) { i.buffers[b].bytes = rows_bytes(); }) ==
          "the size of an input or constant is told");
  }
}

// if (condition) { tell } else { tell }
Image told_in_branches(bool both) {
  Image i = sample();
  i.symbols.push_back({.name = "told", .min = 0});
  i.buffers.push_back({.bytes = Extent::constant(8), .first = 0, .last = 3});
  const Command tell{.kind = Command::Kind::kTell, .buffers = {6}, .told = {{.symbol = 2}}};
  i.commands = {{.kind = Command::Kind::kIf, .buffers = {6}, .ends = {2, both ? 3U : 2U}},
                tell,
                tell,
                {.kernel = 1, .buffers = {1}, .waits = {0}}};
  if (!both) i.commands.erase(i.commands.begin() + 2);
  i.buffers[3] = i.buffers[4] = i.buffers[6];
  for (const size_t b : {3, 4, 6}) i.buffers[b].last = static_cast<uint32_t>(i.commands.size() - 1);
  i.kernels[1].tiles = symbol(2);
  return i;
}

TEST_CASE("behind blocks a symbol is known that all of them tell") {
  CHECK(verify(told_in_branches(true)).ok());
  const Status one = verify(told_in_branches(false));
  REQUIRE(!one.ok());
  CHECK(one.error().first().message.find("its tiles or scratch are not told yet") !=
        std::string::npos);
}

TEST_CASE("behind a loop nothing is known that its trips tell") {
  Image i = told_in_branches(true);
  for (const int64_t bytes : {8, 1, 8, 1, 1}) {
    i.buffers.push_back({.bytes = Extent::constant(bytes), .first = 0, .last = 3});
  }
  i.commands.erase(i.commands.begin() + 2);
  i.commands[0] = {.kind = Command::Kind::kLoop, .buffers = {7, 8, 9, 10, 11}, .ends = {2}};
  for (Buffer& b : i.buffers) b.last = std::min(b.last, 2U);
  const Status status = verify(i);
  REQUIRE(!status.ok());
  CHECK(status.error().first().message.find("its tiles or scratch are not told yet") !=
        std::string::npos);
}

TEST_CASE("buffers of a group have places of their own, the others none that are told") {
  const Image i = telling();
  const ToldExtents told = told_extents(i);
  CHECK(told.is_told == Vec<bool>{false, false, true});
  REQUIRE(told.commands.size() == 1);
  CHECK(told.commands.at(1).buffers == Vec<uint32_t>{6});
  CHECK(told.commands.at(1).forgets.empty());
  CHECK(told.is_given == Vec<bool>{false, false, false, false, false, false, false, true});
  auto placement = place(i, {4, 0, kUntold});
  REQUIRE(placement.ok());
  CHECK(placement->offsets[6] == -1);
  CHECK(placement->bytes[6] == -1);
  auto bytes = place_told(i, told, 1, {4, 0, 3}, *placement);
  REQUIRE(bytes.ok());
  CHECK(*bytes >= 48);
  CHECK(placement->offsets[6] == told_base(1));
  CHECK(placement->bytes[6] == 48);
  CHECK(placement->offsets[7] == -1);
  auto beyond = place_told(i, told, 1, {4, 0, int64_t{1} << 45}, *placement);
  CHECK(!beyond.ok());
}

// A second symbol, told behind the first one.
TEST_CASE("who tells forgets what is told behind it, and no symbol is told twice") {
  Image i = telling();
  i.symbols.push_back({.name = "more", .min = 0});
  i.commands.insert(i.commands.begin() + 2,
                    {.kind = Command::Kind::kTell, .buffers = {3}, .told = {{.symbol = 3}}});
  i.buffers[3].last = 3;
  i.buffers[4] = i.buffers[0];
  i.buffers[4] = {.kind = Buffer::Kind::kArena,
                  .bytes = Extent::constant(256),
                  .first = 5,
                  .last = 6,
                  .slot = 5,
                  .pattern = std::string("\0\0\x80\xff", 4)};
  i.buffers[6].first = 3, i.buffers[6].last = 4;
  i.buffers[7].first = i.buffers[7].last = 4;
  for (Command& c : i.commands) {
    for (uint32_t& w : c.waits) w = w > 1 ? w + 1 : w;
  }
  const Status sound = verify(i);
  INFO((sound ? "" : sound.error().first().message));
  CHECK(sound.ok());
  CHECK(told_extents(i).commands.at(1).forgets == Vec<uint32_t>{3});
  i.commands[2].told[0].symbol = 2;
  const Status twice = verify(i);
  REQUIRE(!twice.ok());
  CHECK(twice.error().first().message.find("it tells a symbol that is known") != std::string::npos);
}

TEST_CASE("what is given room has no size of its own, and a state's room is told by nobody") {
  CHECK(problem([](Image& i) { i.buffers[7].bytes = Extent::constant(4096); }) ==
        "what is given room has a size of its own");
}

}  // namespace
}  // namespace rlx::image
