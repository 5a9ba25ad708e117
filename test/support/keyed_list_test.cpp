#include "support/keyed_list.h"

#include <catch2/catch.hpp>

namespace rlx {
namespace {

struct Word {
  struct Key {
    char first = 0;

    size_t hash() const { return static_cast<size_t>(first); }
    bool operator==(const Key&) const = default;
  };

  std::string text;

  Key key() const { return {text[0]}; }
};

std::string found(const KeyedList<Word>& list, char first) {
  const Word* word = list.find({first});
  return word ? word->text : "none";
}

}  // namespace

TEST_CASE("of items with one key the first is found") {
  KeyedList<Word> list;
  for (const char* text : {"ant", "bee", "ape"}) list.push_back({text});
  CHECK(list.size() == 3);
  CHECK(list[2].text == "ape");
  CHECK(found(list, 'a') == "ant");
  CHECK(found(list, 'c') == "none");
  list.find({'b'})->text += "tle";
  CHECK(list[1].text == "beetle");
}

TEST_CASE("items are found where erasing and changing left them") {
  KeyedList<Word> list;
  for (const char* text : {"ant", "bee", "ape", "cat"}) list.push_back({text});
  CHECK(list.erase_if([](const Word& w) { return w.text == "ant"; }) == 1);
  CHECK(found(list, 'a') == "ape");
  CHECK(found(list, 'c') == "cat");
  list.change_each([](Word& w) { w.text = "x" + w.text; });
  CHECK(found(list, 'a') == "none");
  CHECK(found(list, 'x') == "xbee");
  list.clear();
  CHECK(list.empty());
  CHECK(found(list, 'x') == "none");
}

}  // namespace rlx
