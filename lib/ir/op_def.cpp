#include "ir/op_def.h"

#include "ir/attributes.h"

namespace rlx {

bool Attrs::operator==(const Attrs& o) const {
  if (op_ != o.op_) return false;
  if (!op_) return true;
  Vec<Attribute> mine = attributes_of(*this), theirs = attributes_of(o);
  for (size_t i = 0; i < mine.size(); ++i) {
    if (!same(mine[i].value, theirs[i].value)) return false;
  }
  return true;
}

std::string to_text(const Attrs& attrs) {
  std::string out;
  for (const Attribute& a : changed_attributes(attrs)) {
    if (!out.empty()) out += ", ";
    out += std::string(a.name) + " = " + to_text(a.value);
  }
  return out;
}

}  // namespace rlx
