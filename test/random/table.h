// Which readers met which views of which extents.
#pragma once
#include <map>
#include <tuple>

#include "test/random/model.h"

namespace rlx::random {

// A view, what reads it, and the class of the viewed extents: "0", "1", "small", "vector", "tile".
using Meeting = std::tuple<std::string, std::string, std::string>;

Vec<Meeting> meetings_of(const Model& m);
// All that can be.
Vec<Meeting> possible_meetings();

class Table {
 public:
  void add(const Meeting& m, int64_t n = 1) { counts_[m] += n; }
  // A row for a view and reader, a column for a class.
  std::string text() const;
  // Those that came fewer times.
  Vec<std::string> rare(int64_t least) const;

 private:
  int64_t count(const Meeting& m) const;

  std::map<Meeting, int64_t> counts_;
};

}  // namespace rlx::random
