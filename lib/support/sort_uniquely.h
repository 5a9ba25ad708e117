// Each of several things once, in order.
#pragma once
#include <algorithm>

#include "support/result.h"

namespace rlx {

template <class T>
void sort_uniquely(Vec<T>& items) {
  std::ranges::sort(items);
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

}  // namespace rlx
