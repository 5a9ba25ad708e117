#include "target/menu.h"

#include <algorithm>

namespace rlx {

bool Need::is_met_by(const Storage& have) const {
  switch (kind) {
    case Kind::kAny:
    case Kind::kPrefers: return have.form == Form::kElements;
    case Kind::kPlain: return have.is_plain();
    case Kind::kLike: return satisfies(have, storage);
  }
  return false;
}

Storage Need::wanted(int rank) const {
  switch (kind) {
    case Kind::kAny:
    case Kind::kPlain: return Storage::row_major(rank);
    case Kind::kLike:
    case Kind::kPrefers: return storage;
  }
  return Storage::row_major(rank);
}

const Alternative& cheapest(const Vec<Alternative>& menu) {
  return *std::ranges::min_element(menu, {}, &Alternative::cost);
}

namespace {

bool writes_what_it_reads(const Kernel& k) {
  for (const Arg& to : k.args) {
    if (!to.written) continue;
    for (const Arg& other : k.args) {
      if (&other != &to && may_overlap(to, other)) return true;
    }
  }
  return false;
}

}  // namespace

const Alternative* find_alternative(const Vec<Alternative>& menu, const Kernel& k,
                                    const std::string& algorithm) {
  for (const Alternative& row : menu) {
    bool fits = row.choice.algorithm == algorithm && row.needs.size() == k.args.size() &&
                (row.writes_once || !writes_what_it_reads(k));
    for (size_t a = 0; fits && a < k.args.size(); ++a) {
      fits = row.needs[a].is_met_by(k.args[a].storage);
    }
    if (fits) return &row;
  }
  return nullptr;
}

}  // namespace rlx
